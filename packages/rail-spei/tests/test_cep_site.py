"""Whatever Banxico's form answers has a name, and only the CEP of this very payment is handed on."""

import logging
import traceback
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from rail_spei.cep import (
    Differs,
    Found,
    NotGenerated,
    NotMatched,
    NotReceived,
    SiteTrouble,
)
from rail_spei.sandbox.receipts import cep_of

from .cep_support import EXPECTED, credit, document, expected
from .cep_world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_cep_of_a_payment_is_found() -> None:
    world = World()
    found = await world.site.look_up(EXPECTED)
    assert isinstance(found, Found)
    assert found.cep.source == "banxico"
    assert found.cep.payee.name == "Ana Soto Ruiz"
    assert found.cep.amount == 985_870
    assert world.paths == ["POST /cep/valida.do", "GET /cep/descarga.do"]
    assert world.asked[1].url.query == b"formato=XML"


async def test_the_form_is_filled_in_as_the_site_does_it() -> None:
    world = World()
    await world.site.look_up(EXPECTED)
    assert world.form() == {
        "tipoCriterio": "T",
        "fecha": "07-11-2024",
        "criterio": "TIENDA241108ABCDEF0123456789",
        "emisor": "90646",
        "receptor": "40014",
        "cuenta": "014027000005555558",
        "monto": "9858.70",
        "receptorParticipante": "0",
        "captcha": "c",
        "tipoConsulta": "1",
    }
    assert world.asked[0].headers["accept-encoding"] == "identity"


async def test_the_calendar_date_is_asked_first_and_then_the_operating_date() -> None:
    world = World([credit(listed_on=date(2024, 11, 8))])
    assert isinstance(await world.site.look_up(EXPECTED), Found)
    assert [world.form(i)["fecha"] for i in (0, 1)] == ["07-11-2024", "08-11-2024"]
    assert world.waits == [5.0]


async def test_a_date_that_is_both_is_asked_once() -> None:
    world = World([])
    same = expected(operating_date=EXPECTED.credited_on)
    assert await world.site.look_up(same) == NotReceived()
    assert world.paths == ["POST /cep/valida.do"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"tracking_key": "TIENDA241108ZZZZZZZZZZZZZZZZ"}, NotReceived()),
        ({"amount": 985_871}, NotMatched()),
        ({"account": "014027000005555559"}, NotMatched()),
        ({"receiver": "40012"}, NotMatched()),
        ({"sender": "40012"}, NotMatched()),
        ({"credited_on": date(2024, 11, 5), "operating_date": date(2024, 11, 6)}, NotMatched()),
    ],
)
async def test_what_does_not_fit_is_not_found_under_either_date(change: dict[str, Any], outcome: object) -> None:
    world = World()
    assert await world.site.look_up(expected(**change)) == outcome
    assert world.paths == ["POST /cep/valida.do"] * 2


@pytest.mark.parametrize(
    ("words", "state"),
    [("Liquidado", "settled"), ("En proceso de devolución", "returning"), ("Suspendido", "unknown")],
)
async def test_a_payment_without_a_cep_yet_has_banxicos_state(words: str, state: str) -> None:
    world = World([credit(cep="not_generated", state=words)])
    outcome = await world.site.look_up(EXPECTED)
    assert isinstance(outcome, NotGenerated)
    assert (outcome.state, outcome.words) == (state, words)
    assert world.paths == ["POST /cep/valida.do"]


async def test_a_state_of_another_payment_is_not_this_ones() -> None:
    world = World()
    table = (
        "<b>Con la información proporcionada se identificó el siguiente pago</b><table><tr><td>Clave de Rastreo</td>"
    )
    rows = "<td>{}</td></tr><tr><td>Monto</td><td>{}</td></tr><tr><td>Cuenta Beneficiaria</td><td>{}</td></tr></table>"
    key, account = EXPECTED.tracking_key, EXPECTED.account
    for shown, outcome in (
        ((key, "9858.7", account), NotGenerated("unknown", "")),
        ((key, "$9,858.70", account), NotGenerated("unknown", "")),
        (("OTHER", "9858.70", account), Differs(("claveRastreo",))),
        ((key, "9858.71", account), Differs(("MontoPago",))),
        ((key, "9858.70", "014027000005555559"), Differs(("Cuenta",))),
    ):
        page = table + rows.format(*shown)
        world.answer = lambda _, page=page: httpx.Response(200, text=page)
        assert await world.site.look_up(EXPECTED) == outcome
        world.later()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"amount": 985_871}, ("MontoPago",)),
        ({"account": "014027000005555559"}, ("Cuenta",)),
        ({"receiver": "40012"}, ("ClaveSPEI",)),
        ({"tracking_key": "OTHER"}, ("claveRastreo",)),
        ({"operating_date": date(2024, 11, 7)}, ("FechaOperacion",)),
        ({"credited_at": datetime(2024, 11, 9, tzinfo=UTC)}, ("date",)),
    ],
)
async def test_another_payments_cep_is_not_handed_on(change: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Whatever the site found: what it hands over is held against what we know."""
    world = World()
    other = cep_of(credit(**change))
    world.answer = lambda request: httpx.Response(200, content=other if request.method == "GET" else b"Gracias")
    outcome = await world.site.look_up(EXPECTED)
    assert outcome == Differs(fields)  # type: ignore[arg-type]
    assert "Ana" not in repr(outcome)
    assert len(world.asked) == 2


@pytest.mark.parametrize("body", [b"", b"Mantenimiento", b"%PDF-1.4", b"\xff\xfe\x00", b"<SPEI_Tercero/>"])
async def test_what_is_neither_a_cep_nor_a_known_page_is_the_sites_trouble(body: bytes) -> None:
    world = World()
    world.answer = lambda _: httpx.Response(200, content=body)
    assert isinstance(await world.site.look_up(EXPECTED), SiteTrouble)
    assert len(world.asked) == 2


async def test_a_cep_with_a_broken_seal_is_no_cep() -> None:
    world = World([credit(cep="badly_sealed")])
    outcome = await world.site.look_up(EXPECTED)
    assert isinstance(outcome, SiteTrouble)
    assert "sello" in outcome.why


async def test_a_sentence_inside_a_cep_is_only_a_text() -> None:
    world = World()
    said = "> ha excedido el n&#250;mero m&#225;ximo de consultas <".replace("<", "&lt;")
    world.answer = lambda r: httpx.Response(
        200, content=document(payee={"Concepto": said}) if r.method == "GET" else b""
    )
    assert isinstance(await world.site.look_up(EXPECTED), Found)


async def test_nothing_personal_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = World()
    texts = [repr(await world.site.look_up(EXPECTED)), repr(EXPECTED)]
    world.later()
    world.answer = lambda r: httpx.Response(200, content=document(payee={"Hora": "x", "Cuenta": "1"}))
    texts.append(repr(await world.site.look_up(EXPECTED)))
    world.later()

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no", request=request)

    world.answer = fail
    try:
        texts.append(repr(await world.site.look_up(EXPECTED)))
    except Exception:
        texts.append(traceback.format_exc())
    assert len(world.asked) == 5
    for personal in ("Ana", "Soto", "Tienda Grande", "014027", "646180110400000007", "SORA9", "9858", "985870"):
        assert personal not in caplog.text
        assert not any(personal in text for text in texts)
