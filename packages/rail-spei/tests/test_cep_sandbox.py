"""The pretend CEP site refuses what the real one refuses, so that a wrong client is seen."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from rail_spei.sandbox.banxico import pretend_banxico

from .cep_support import CREDIT, EXPECTED

pytestmark = pytest.mark.anyio

FORM = {
    "tipoCriterio": "T",
    "fecha": "07-11-2024",
    "criterio": EXPECTED.tracking_key,
    "emisor": "90646",
    "receptor": "40014",
    "cuenta": EXPECTED.account,
    "monto": "9858.70",
    "receptorParticipante": "0",
    "captcha": "c",
    "tipoConsulta": "1",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    now = datetime(2024, 11, 8, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def visitor(clock: Clock, most: int = 100) -> httpx.AsyncClient:
    app = pretend_banxico(lambda: [CREDIT], clock=clock, most=most, within=timedelta(hours=1))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/cep")


async def test_a_cep_is_handed_only_to_the_cookies_that_asked_for_it() -> None:
    async with visitor(Clock()) as http:
        assert (await http.get("/descarga.do", params={"formato": "XML"})).status_code == 404
        await http.post("/valida.do", data=FORM)
        assert (await http.get("/descarga.do", params={"formato": "XML"})).content.startswith(b"<?xml")
        assert (await http.get("/descarga.do", params={"formato": "DOC"})).status_code == 404
        http.cookies.clear()
        assert (await http.get("/descarga.do", params={"formato": "XML"})).status_code == 404


@pytest.mark.parametrize("name", sorted(FORM))
async def test_a_form_with_another_field_or_one_less_is_refused(name: str) -> None:
    async with visitor(Clock()) as http:
        less = {k: v for k, v in FORM.items() if k != name}
        assert (await http.post("/valida.do", data=less)).status_code == 400
        assert (await http.post("/valida.do", data=FORM | {"x": "1"})).status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [("monto", "985870"), ("monto", "9858.7"), ("fecha", "2024-11-07"), ("fecha", "08-11-2024"), ("tipoCriterio", "R")],
)
async def test_a_datum_in_another_form_matches_nothing(name: str, value: str) -> None:
    async with visitor(Clock()) as http:
        page = await http.post("/valida.do", data=FORM | {name: value})
        assert (page.status_code, "[BE] No se encontró" in page.text) == (200, True)


async def test_the_limit_ends_when_its_time_is_over() -> None:
    clock = Clock()
    async with visitor(clock, most=2) as http:
        said = [("excedido" in (await http.post("/valida.do", data=FORM)).text.split("-->")[1]) for _ in range(3)]
        assert said == [False, False, True]
        clock.now += timedelta(hours=1)
        assert "excedido" not in (await http.post("/valida.do", data=FORM)).text.split("-->")[1]
