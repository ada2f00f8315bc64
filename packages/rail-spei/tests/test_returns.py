"""A payment that we received is returned whole, to its payer, and only once."""

import json
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from rail_spei.models import SpeiReturn
from riel import NotAllowed, NothingLearned, Status
from riel.testing.harness import lookup_outcome, send_outcome

from .rail_support import SETTLES_IN, RailFixture, look_up, mexico, rail_fixture

pytestmark = pytest.mark.anyio

KEY = "058-25/08/2023/25-300CPWF924"
PAYER = "002010077777777771"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def with_received_payment(amount: int = 80_000, at: str = "2026-03-04", **fields: Any) -> RailFixture:
    """An STP that has just received a payment for us."""
    here = rail_fixture(mexico(at))
    await here.control("receive", amount=amount, tracking_key=KEY, payer_name="Ana Gómez", **fields)
    return here


async def test_what_goes_back_is_all_of_it_to_the_account_it_came_from() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
    assert return_payment == SpeiReturn(
        amount=80_000,
        account=PAYER,
        name="Ana Gómez",
        institution="BANAMEX",
        tracking_key=KEY,
        operation_date=date(2026, 3, 4),
        reason="Not ours",
    )
    assert return_payment is not None
    assert (return_payment.payee().account, return_payment.payee().institution) == (PAYER, "BANAMEX")
    assert KEY in return_payment.purpose()
    assert "Not ours" in return_payment.purpose()


async def test_it_is_sent_once_and_settles_like_a_payment() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        order = here.order(client, payment=await here.build_return(client, KEY))
        here.transport.requests.clear()
        assert await send_outcome(client, order) == "pending"
        ((path, body),) = here.requests
        here.clock.advance(seconds=SETTLES_IN)
        answer = await look_up(client, order)
    assert path == "/speiws/rest/ordenPago/retornaOrden"
    assert body == json.loads(order.body)
    assert body == {
        "fechaOperacion": "20260304",
        "institucionOperante": "90646",
        "claveRastreo": KEY,
        "monto": 800.00,
        "digitoIdentificadorBeneficiario": 2,
        "claveRastreoDevolucion": order.reference,
        "medioEntrega": 3,
        "empresa": here.settings.empresa,
        "firma": body["firma"],
    }
    assert (answer.status, answer.amount, answer.account) == (Status.SETTLED, 80_000, PAYER)
    assert [debit.beneficiary for debit in here.debits] == [PAYER]


async def test_the_key_of_a_return_is_always_the_same_and_fits() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
        keys = {here.order(client, payment=return_payment).reference for _ in range(3)}
        here.clock.advance(days=1)
        keys |= {here.order(client, payment=return_payment).reference}
        other = here.order(
            client,
            payment=return_payment and return_payment.model_copy(update={"operation_date": date(2026, 3, 3)}),
        )
    (key,) = keys
    assert key.startswith("DEMODEV")
    assert key.isalnum()
    assert len(key) <= 30
    assert other.reference != key, "banks use a key again on another day"


async def test_given_back_once_it_is_not_given_back_again() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
        first, second = here.order(client, payment=return_payment), here.order(client, payment=return_payment)
        assert await send_outcome(client, first) == "pending"
        for state in ("XR", "RE"):
            with pytest.raises(NotAllowed, match="only once") as refused:
                await here.build_return(client, KEY)
            assert refused.value.error.code == "SPEI_REFUND_NOT_POSSIBLE"
            assert refused.value.error.details == {"returnTrackingKey": first.reference}, state
            assert first.reference in refused.value.error.next_action
            assert "Nothing was sent" not in str(refused.value), "something was: the return"
            here.clock.advance(seconds=SETTLES_IN)
        assert (await send_outcome(client, second)).startswith(("rejected return:-1", "unknown"))
    assert len(here.debits) == 1


@pytest.mark.parametrize("centavos", [10, 16, 24, 28, 29])
async def test_a_return_whose_answer_is_lost_is_found_and_sent_once(centavos: int) -> None:
    here = await with_received_payment(80_000 + centavos)
    async with here.rail() as client:
        order = here.order(client, payment=await here.build_return(client, KEY))
        assert await send_outcome(client, order) == "unknown"
        here.clock.advance(seconds=SETTLES_IN)
        assert await lookup_outcome(client, order) == "settled"
    assert len(here.debits) == 1


@pytest.mark.parametrize(
    ("centavos", "outcome"),
    [(2, "rejected -200"), (3, "unknown"), (14, "rejected http:403"), (15, "unknown"), (27, "unknown")],
)
async def test_a_return_is_refused_or_unknown_as_a_payment_is(centavos: int, outcome: str) -> None:
    here = await with_received_payment(80_000 + centavos)
    async with here.rail() as client:
        assert await send_outcome(client, here.order(client, payment=await here.build_return(client, KEY))) == outcome


@pytest.mark.parametrize(
    ("time", "outcome"),
    [("17:44", "unknown"), ("17:45", "later"), ("18:00", "later"), ("18:04", "later"), ("18:05", "unknown")],
)
async def test_what_stps_maintenance_refuses_can_be_returned_later(time: str, outcome: str) -> None:
    """A return around the cut-off could not go again, and was refused for ever under its only reference."""
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
        here.clock.advance(seconds=(mexico("2026-03-04", time) - here.clock.now).total_seconds())
        await here.control("maintenance", on=True)
        if outcome == "later":
            with pytest.raises(NotAllowed) as refusal:
                here.order(client, payment=return_payment)
            assert (refusal.value.error.code, refusal.value.error.retryable) == ("SPEI_RETURN_AT_CUTOFF", True)
            assert here.orders == []
            return
        order = here.order(client, payment=return_payment)
        assert await send_outcome(client, order) == outcome
        await here.control("maintenance", on=False)
        assert await lookup_outcome(client, order) == "absent"
        assert await send_outcome(client, order) == "pending"
        assert here.orders[0] == here.orders[1]


@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-08"])
async def test_on_a_weekend_a_payment_is_returned_at_any_time(day: str) -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
        here.clock.advance(seconds=(mexico(day, "18:00") - here.clock.now).total_seconds())
        assert await send_outcome(client, here.order(client, payment=return_payment)) == "pending"


async def test_a_payment_that_stp_no_longer_has_is_refused_in_the_words_of_returns() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
        assert return_payment is not None
        wrong = here.order(client, payment=return_payment.model_copy(update={"amount": 79_999}))
        assert await send_outcome(client, wrong) == "rejected return:-1"
    assert here.debits == []


@pytest.mark.parametrize("state", ["CXO", "CCE", "CCR", "C", "ZZ", "CN"])
async def test_what_is_not_credited_is_not_given_back(state: str) -> None:
    here = await with_received_payment()
    await here.control("state", tracking_key=KEY, state=state)
    async with here.rail() as client:
        with pytest.raises(NotAllowed, match="not credited") as refused:
            await here.build_return(client, KEY)
    assert refused.value.error.code == "SPEI_REFUND_NOT_POSSIBLE"
    assert refused.value.error.details == {}


@pytest.mark.parametrize("state", ["CCO", "LQ", "TLQ"])
async def test_what_is_credited_is(state: str) -> None:
    here = await with_received_payment()
    await here.control("state", tracking_key=KEY, state=state)
    async with here.rail() as client:
        assert await here.build_return(client, KEY) is not None


@pytest.mark.parametrize("state", ["XD", "XR", "D", "TD", "RE"])
async def test_what_goes_back_already_does_not_go_back_again(state: str) -> None:
    here = await with_received_payment()
    await here.control("state", tracking_key=KEY, state=state)
    async with here.rail() as client:
        with pytest.raises(NotAllowed, match="only once"):
            await here.build_return(client, KEY)


@pytest.mark.parametrize(("days", "exists"), [(0, True), (1, True), (7, True), (8, False), (30, False)])
async def test_a_received_payment_is_looked_for_on_the_last_operating_days(days: int, exists: bool) -> None:
    here = await with_received_payment()
    here.clock.advance(days=days)
    async with here.rail() as client:
        assert (await here.build_return(client, KEY) is not None) == exists
    assert "20260307" not in here.query_days, "no Saturday is an operating day"
    assert len(here.query_days) <= 9, "two of the days may be holidays"


@pytest.mark.parametrize("ahead", [-280, 0, 280])
@pytest.mark.parametrize("time", ["17:54", "17:59", "18:01", "18:06"])
async def test_around_the_cutoff_it_is_found_whatever_the_clocks_say(ahead: float, time: str) -> None:
    here = await with_received_payment()
    here.ahead = timedelta(seconds=ahead)
    here.clock.now = mexico("2026-03-04", time)
    async with here.rail() as client:
        assert await here.build_return(client, KEY) is not None


async def test_of_one_key_the_last_payment_is_meant() -> None:
    here = await with_received_payment(100)
    here.clock.advance(days=1)
    await here.control("receive", amount=200, tracking_key=KEY)
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
    assert return_payment is not None
    assert return_payment.amount == 200


async def test_what_was_sent_is_not_taken_for_received() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        assert await here.build_return(client, order.reference) is None


async def test_a_key_that_nobody_knows_is_none() -> None:
    here = await with_received_payment()
    async with here.rail() as client:
        assert await here.build_return(client, "NOBODYS") is None


async def test_where_stp_does_not_answer_nothing_is_learned() -> None:
    here = await with_received_payment()
    here.transport.answer = lambda _: httpx.Response(502)
    async with here.rail() as client:
        with pytest.raises(NothingLearned):
            await here.build_return(client, KEY)


@pytest.mark.parametrize("missing", ["monto", "cuentaOrdenante", "fechaOperacion"])
@pytest.mark.parametrize("value", [None, 0, ""])
async def test_what_stp_does_not_tell_is_not_guessed(missing: str, value: Any) -> None:
    here = await with_received_payment()
    fields = {"monto": 1.5, "cuentaOrdenante": PAYER, "fechaOperacion": 20260304} | {missing: value}
    body = {"claveRastreo": KEY, "estado": "CCO", "empresa": here.settings.empresa, **fields}
    if missing == "cuentaOrdenante" and value == 0:
        body["cuentaOrdenante"] = "null"
    here.transport.answer = lambda _: httpx.Response(200, json={"estado": 0, "mensaje": "", "respuesta": body})
    async with here.rail() as client:
        with pytest.raises(NothingLearned):
            await here.build_return(client, KEY)


async def test_a_payer_without_a_name_or_a_known_bank_is_paid_back_all_the_same() -> None:
    here = await with_received_payment(payer_account="566180000553286528")
    async with here.rail() as client:
        return_payment = await here.build_return(client, KEY)
    assert return_payment is not None
    assert (return_payment.account, return_payment.institution) == ("566180000553286528", "")


async def test_what_came_in_on_another_account_is_not_given_back_from_here() -> None:
    here = await with_received_payment()
    fields = {"monto": 1.5, "cuentaOrdenante": PAYER, "fechaOperacion": 20260304, "claveRastreo": KEY, "estado": "CCO"}

    def answering(account: str) -> None:
        body = {**fields, "empresa": here.settings.empresa, "cuentaBeneficiario": account}
        here.transport.answer = lambda _: httpx.Response(200, json={"estado": 0, "mensaje": "", "respuesta": body})

    async with here.rail() as client:
        answering(here.settings.account)
        assert await here.build_return(client, KEY) is not None
        answering("646180157000000004")
        with pytest.raises(NotAllowed, match="another account") as refused:
            await here.build_return(client, KEY)
    assert refused.value.error.code == "SPEI_REFUND_NOT_POSSIBLE"
