"""Banxico knows what the pretend STP settled through SPEI, as the receiving banks report it."""

import httpx
import pytest

from .sandbox_support import PAYEE, World, order

pytestmark = pytest.mark.anyio

KEY = order()["claveRastreo"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def look_up(http: httpx.AsyncClient, monto: str) -> httpx.Response:
    form = {
        "tipoCriterio": "T",
        "fecha": "04-03-2026",
        "criterio": KEY,
        "emisor": "90646",
        "receptor": "40072",
        "cuenta": PAYEE,
        "monto": monto,
        "receptorParticipante": "0",
        "captcha": "c",
        "tipoConsulta": "1",
    }
    assert (await http.post("/cep/valida.do", data=form)).status_code == 200
    return await http.get("/cep/descarga.do", params={"formato": "XML"})


@pytest.mark.parametrize(
    ("monto", "name"),
    [("8.00", "RICARDO SANCHEZ"), ("8.07", "OTRA PERSONA SA DE CV"), ("8.09", None), ("8.05", None), ("8.06", None)],
)
async def test_a_settled_payment_has_a_cep(monto: str, name: str | None) -> None:
    here = World()
    await here.register(monto=monto)
    async with here.http() as http:
        assert (await look_up(http, monto)).status_code == 404, "it has not settled"
        here.later(seconds=1)
        cep = await look_up(http, monto)
    assert (cep.status_code == 200) == (name is not None)
    if name:
        assert f'Nombre="{name}"' in cep.text
        assert 'BancoReceptor="BANORTE"' in cep.text
