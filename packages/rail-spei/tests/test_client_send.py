"""Every row of STP's errors (2.5) and of its retry table (2.11), in the core's words, with the ledger as witness."""

import json

import httpx
import pytest

from rail_spei.codes import ERRORS, REFUSALS
from rail_spei.stp.refusals import CATALOGUE, RefusalKind
from riel import NotSent, OutcomeUnknown, Rejected, Status
from riel.testing.harness import lookup_outcome, send_outcome

from .rail_support import AT_STP, SETTLES_IN, look_up, mexico, rail_fixture

pytestmark = pytest.mark.anyio

# The amounts on which the pretend STP answers so (its centavos), what the core hears, and whether STP has the order.
ROWS: list[tuple[str, int, str, bool]] = [
    ("accepted", 0, "pending", True),
    ("id -1 for our own order", 1, "unknown", True),
    ("id -200", 2, "rejected -200", False),
    ("id -30", 3, "unknown", False),
    ("time-out after it was stored", 10, "unknown", True),
    ("time-out before it was stored", 11, "unknown", False),
    ('{"id": 3} without a text', 12, "rejected 3", False),
    ("id 0 without a text", 13, "unknown", True),
    ("HTTP 403 with a page", 14, "rejected http:403", False),
    ("HTTP 502, not stored", 15, "unknown", False),
    ("HTTP 502, stored", 16, "unknown", True),
    ("numbers as strings", 17, "pending", True),
    ("the webhook before the answer", 19, "pending", True),
    ("id -1 for the order of another company", 23, "unknown", False),
    ("id 0, no answer from inside, stored", 24, "unknown", True),
    ("id 0, no answer from inside, not stored", 25, "unknown", False),
    ("an id that no catalogue has", 27, "unknown", True),
    ("no JSON", 28, "unknown", True),
    ("the connection breaks before the answer", 29, "unknown", True),
    ("id -200 in hostile words", 34, "rejected -200", False),
    ("id -2 for our own order", 60, "unknown", True),
    ("id 5 for our own order", 61, "unknown", True),
    ("id 0, signature", 62, "rejected 0:signature", False),
    ("id 0, a field is missing", 63, "rejected 0:missing_field", False),
    ("id 0, another text", 64, "unknown", True),
    ("id 1", 65, "rejected 1", False),
    ("id 2", 66, "rejected 2", False),
    ("id 3", 67, "rejected 3", False),
    ("id 4", 68, "rejected 4", False),
    ("id 6", 69, "rejected 6", False),
    ("id 7", 70, "rejected 7", False),
    ("id 8", 71, "rejected 8", False),
    ("id -3", 72, "rejected -3", False),
    ("id -5", 73, "rejected -5", False),
    ("id -6", 74, "rejected -6", False),
    ("id -7", 75, "rejected -7", False),
    ("id -9", 76, "rejected -9", False),
    ("id -10", 77, "rejected -10", False),
    ("id -11", 78, "rejected -11", False),
    ("id -12", 79, "rejected -12", False),
    ("id -13", 80, "rejected -13", False),
    ("id -14", 81, "rejected -14", False),
    ("id -16", 82, "rejected -16", False),
    ("id -17", 83, "rejected -17", False),
    ("id -18", 84, "rejected -18", False),
    ("id -20", 85, "rejected -20", False),
    ("id -21", 86, "rejected -21", False),
    ("id -22", 87, "rejected -22", False),
    ("id -23", 88, "rejected -23", False),
    ("id -24", 89, "rejected -24", False),
    ("id -26", 90, "rejected -26", False),
    ("id -34", 91, "rejected -34", False),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(("centavos", "outcome", "stored"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_each_answer_has_its_meaning_and_a_look_up_finds_what_was_stored(
    centavos: int, outcome: str, stored: bool
) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client, 70_000 + centavos)
        assert await send_outcome(client, order) == outcome
        assert len(here.orders) == 1, "the rail never tries again by itself"
        here.clock.advance(seconds=SETTLES_IN)
        assert await lookup_outcome(client, order) == ("settled" if stored else "absent")
    assert len(here.debits) == stored


async def test_every_id_of_the_catalogue_is_one_of_these_rows() -> None:
    tried = {outcome.removeprefix("rejected ") for _, _, outcome, _ in ROWS}
    final = {row.provider_code for row in CATALOGUE if row.kind in {RefusalKind.INPUT, RefusalKind.SETUP}}
    assert final - tried == {"-31", "0:bad_signature"}, "those two have tests of their own"


@pytest.mark.parametrize("centavos", [row[1] for row in ROWS if row[2].startswith("rejected")])
async def test_every_refusal_proves_that_nothing_was_taken_and_is_explained(centavos: int) -> None:
    here = rail_fixture()
    async with here.rail() as client:
        with pytest.raises(Rejected) as refused:
            await client.send(here.order(client, 70_000 + centavos))
    assert refused.value.provider_code in REFUSALS
    assert ERRORS[refused.value.provider_code].code.startswith("SPEI_")


async def test_stps_own_id_and_words_are_kept_and_no_account_among_them() -> None:
    here = rail_fixture()
    async with here.rail(account=AT_STP) as client:
        with pytest.raises(Rejected) as refused:
            await client.send(here.order(client))
    assert refused.value.provider_code == "-7"
    assert refused.value.provider_message.startswith("-7 La cuenta {")
    assert refused.value.provider_message.endswith("} no existe")
    assert AT_STP not in refused.value.provider_message


@pytest.mark.parametrize("words", ["Firma invalida Firma Invalida", "FIRMA INVÁLIDA"])
async def test_a_bad_signature_in_other_words_is_one_too(words: str) -> None:
    here = rail_fixture()
    here.transport.answer = lambda _: httpx.Response(200, json={"resultado": {"id": 0, "descripcionError": words}})
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client)) == "rejected 0:bad_signature"


@pytest.mark.parametrize(
    "failure", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError]
)
async def test_an_order_that_left_is_sent_once_and_unknown(failure: type[httpx.TransportError]) -> None:
    here = rail_fixture()

    def answer(request: httpx.Request) -> httpx.Response:
        raise failure("gone")

    here.transport.answer = answer
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client)) == "unknown"
    assert len(here.orders) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_an_order_that_never_left_is_not_sent(failure: type[httpx.TransportError]) -> None:
    here = rail_fixture()

    def answer(request: httpx.Request) -> httpx.Response:
        raise failure("All connection attempts failed")

    here.transport.answer = answer
    async with here.rail() as client:
        with pytest.raises(NotSent):
            await client.send(here.order(client))
        here.transport.answer = lambda request: None
        assert await send_outcome(client, here.order(client)) == "pending"
    assert len(here.debits) == 1


async def test_acceptance_is_a_number_of_stps_own_and_settles_later() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        accepted = await client.send(order)
        assert (accepted.status, accepted.provider_id) == (Status.PENDING, "9000001")
        assert accepted.facts == {"providerOrder": "9000001"}
        here.clock.advance(seconds=SETTLES_IN)
        assert (await look_up(client, order)).provider_id == "9000001"


async def test_what_is_sent_is_what_was_stored_and_says_what_was_confirmed() -> None:
    here = rail_fixture(mexico("2026-03-04"))
    async with here.rail() as client:
        order = here.order(
            client, 123_456, concept="Café, nº 7", recipient_name="Peña & Hijos S.A. de C.V. Sucursal Norte"
        )
        await client.send(order)
    ((path, body),) = here.requests
    assert path == "/speiws/rest/ordenPago/registra"
    assert body == json.loads(order.body)
    assert body["claveRastreo"] == body["folioOrigen"] == order.reference
    assert order.reference.startswith("DEMO260304")
    assert len(order.reference) == 26
    assert b'"monto":1234.56,' in order.body, "a number with two decimals, as all recorded clients send it"
    assert (body["topologia"], body["prioridad"]) == ("T", 0)
    assert body["conceptoPago"] == "Cafe no 7"
    assert body["nombreBeneficiario"] == "Pena Hijos SA de CV Sucursal Norte"
    assert body["institucionContraparte"] == "40072"
    assert body["rfcCurpBeneficiario"] == "ND"
    assert 1 <= body["referenciaNumerica"] <= 9_999_999
    assert not {"fechaOperacion", "latitud", "longitud"} & set(body), "STP gives an order its day itself"


async def test_the_same_order_again_on_its_day_is_met_by_its_copy() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        assert await send_outcome(client, order) == "pending"
        assert await send_outcome(client, order) == "unknown"
        here.clock.advance(seconds=SETTLES_IN)
        assert await lookup_outcome(client, order) == "settled"
    assert len(here.debits) == 1


async def test_a_key_that_another_company_used_is_no_order_of_ours() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await here.control("foreign-key", tracking_key=order.reference)
        assert await send_outcome(client, order) == "unknown"
        assert await lookup_outcome(client, order) == "absent"
    assert here.debits == []


async def test_in_maintenance_the_same_order_goes_later_under_the_same_key() -> None:
    here = rail_fixture()
    await here.control("maintenance", on=True)
    async with here.rail() as client:
        order = here.order(client)
        assert await send_outcome(client, order) == "unknown"
        assert await lookup_outcome(client, order) == "absent"
        await here.control("maintenance", on=False)
        assert await send_outcome(client, order) == "pending"
    first, second = here.orders
    assert first == second == json.loads(order.body)
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    ("time", "outcome"), [("17:54", "unknown"), ("17:56", "rejected -30"), ("18:04", "rejected -30")]
)
async def test_in_maintenance_around_the_cutoff_an_order_is_over_since_it_may_never_go_again(
    time: str, outcome: str
) -> None:
    here = rail_fixture(mexico("2026-03-04", time))
    await here.control("maintenance", on=True)
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client)) == outcome


async def test_a_refusal_between_two_accounts_of_stp_is_believed_after_one_look() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client, 70_002, clabe=AT_STP)
        assert await send_outcome(client, order) == "rejected -200"
        assert here.query_days == ["20260304", "20260305", "20260303", ""]
        here.transport.requests.clear()
        assert await send_outcome(client, here.order(client, 70_002)) == "rejected -200"
        assert here.query_days == [], "to another bank it is believed at once"


async def test_a_refusal_without_a_text_is_believed_after_one_look() -> None:
    """``{"id": 3}`` was recorded between the numbers of accepted orders."""
    here = rail_fixture()
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client, 70_012)) == "rejected 3"
        assert here.query_days == ["20260304", "20260305", "20260303", ""]
        order = here.order(client, 70_000)
        await client.send(order)
        here.transport.answer = lambda request: (
            httpx.Response(200, json={"resultado": {"id": 3}}) if request.method == "PUT" else None
        )
        assert await send_outcome(client, order) == "pending"
        here.transport.answer = lambda request: (
            httpx.Response(200, json={"resultado": {"id": 3}}) if request.method == "PUT" else httpx.Response(502)
        )
        assert await send_outcome(client, here.order(client, 70_000)) == "unknown"


async def test_money_that_moved_in_spite_of_a_refusal_is_seen_at_once() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client, 70_031, clabe=AT_STP)
        answer = await client.send(order)
        assert (answer.status, answer.facts["providerState"]) == (Status.PENDING, "TC")
        here.clock.advance(seconds=SETTLES_IN)
        assert (await look_up(client, order)).status is Status.SETTLED
    assert len(here.debits) == 1


async def test_a_refusal_that_cannot_be_checked_is_not_believed() -> None:
    here = rail_fixture()
    here.transport.answer = lambda request: None if request.method == "PUT" else httpx.Response(502)
    async with here.rail() as client:
        with pytest.raises(OutcomeUnknown, match="-31"):
            await client.send(here.order(client, 70_031, clabe=AT_STP))
        assert await send_outcome(client, here.order(client, 70_067, clabe=AT_STP)) == "rejected 3", "a matter of setup"


async def test_an_order_that_arrives_late_is_found_when_it_has() -> None:
    here = rail_fixture(late_seconds=90)
    async with here.rail() as client:
        order = here.order(client, 70_030)
        assert await send_outcome(client, order) == "unknown"
        assert await lookup_outcome(client, order) == "absent"
        here.clock.advance(seconds=90)
        assert await lookup_outcome(client, order) == "pending"
        assert await send_outcome(client, order) == "unknown", "its copy is one too many, and says so"
    assert len(here.debits) == 1


async def test_no_refund_of_a_sent_payment_is_ever_asked_of_stp() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        with pytest.raises(TypeError, match="cannot be pulled back"):
            await client.refund(order)
    assert here.requests == []


async def test_each_request_has_a_limit_and_is_never_redirected() -> None:
    here, limits = rail_fixture(), []

    def answer(request: httpx.Request) -> httpx.Response:
        limits.append(request.extensions["timeout"])
        return httpx.Response(307, headers={"location": "https://elsewhere.invalid/registra"})

    here.transport.answer = answer
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client)) == "unknown"
    assert limits == [{"connect": 5.0, **dict.fromkeys(("read", "write", "pool"), 20.0)}]
