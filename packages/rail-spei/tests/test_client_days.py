"""One debit whatever the hour: the cut-off, weekends, holidays, and a clock that is wrong."""

from datetime import date, timedelta
from itertools import pairwise

import httpx
import pytest

from rail_spei.calendar import Holidays, operating_date
from rail_spei.client import SpeiClient
from rail_spei.models import SpeiPayment
from riel import Draft, Money, NothingLearned, Order, Prepared
from riel.testing.harness import lookup_outcome, references, send_outcome

from .rail_support import RailFixture, look_up, mexico, rail_fixture
from .sandbox_support import PAYEE

pytestmark = pytest.mark.anyio

WEDNESDAY, FRIDAY = "2026-03-04", "2026-03-06"
PENNY = SpeiPayment(amount=1, clabe=PAYEE, concept="x", recipient_name="y")
DRAFT = Draft(kind="payment", money=Money(1, "MXN"), payment=PENNY)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def prepare(here: RailFixture, client: SpeiClient) -> Prepared:
    return client.prepare(DRAFT, references(here.rail_time()))


@pytest.mark.parametrize(
    ("day", "time", "own", "until", "after"),
    [
        (WEDNESDAY, "12:00", "2026-03-04", (WEDNESDAY, "17:55"), (WEDNESDAY, "18:05")),
        (WEDNESDAY, "17:54:59", "2026-03-04", (WEDNESDAY, "17:55"), (WEDNESDAY, "18:05")),
        (WEDNESDAY, "17:59:59", "2026-03-04", (WEDNESDAY, "17:55"), ("2026-03-05", "18:05")),
        (WEDNESDAY, "18:00:00", "2026-03-05", (WEDNESDAY, "17:55"), ("2026-03-05", "18:05")),
        (WEDNESDAY, "18:05:00", "2026-03-05", ("2026-03-05", "17:55"), ("2026-03-05", "18:05")),
        (FRIDAY, "18:30", "2026-03-09", ("2026-03-09", "17:55"), ("2026-03-09", "18:05")),
        ("2026-03-08", "12:00", "2026-03-09", ("2026-03-09", "17:55"), ("2026-03-09", "18:05")),
        ("2026-04-01", "18:30", "2026-04-06", ("2026-04-06", "17:55"), ("2026-04-06", "18:05")),  # Holy Week
        ("2026-12-24", "17:58", "2026-12-24", ("2026-12-24", "17:55"), ("2026-12-28", "18:05")),
        ("2026-01-01", "09:00", "2026-01-02", ("2026-01-02", "17:55"), ("2026-01-02", "18:05")),
    ],
)
async def test_an_order_has_its_day_and_how_long_it_may_go_again_and_when_its_absence_proves_something(
    day: str, time: str, own: str, until: tuple[str, str], after: tuple[str, str]
) -> None:
    here = rail_fixture(mexico(day, time))
    async with here.rail() as client:
        order = prepare(here, client)
    assert order.facts["operationDate"] == own
    assert order.reference[4:10] == own.replace("-", "")[2:]
    assert order.resend_until == mexico(*until)
    assert order.absent_after == mexico(*after)


async def test_around_the_cutoff_no_order_may_ever_go_again() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        for minutes in range(-5, 5):
            here.clock.now = mexico(WEDNESDAY, "18:00") + timedelta(minutes=minutes)
            order = prepare(here, client)
            assert order.resend_until is not None
            assert order.resend_until <= here.clock.now


async def test_the_same_confirmation_makes_the_same_order_byte_for_byte_also_past_the_cutoff() -> None:
    here = rail_fixture(mexico(WEDNESDAY, "17:55"))
    asked_at, later = here.rail_time(), here.rail_time() + timedelta(minutes=9)
    async with here.rail() as client:
        before = client.prepare(DRAFT, references(asked_at, "pay_1"))
        after = client.prepare(DRAFT, references(later, "pay_1", created_at=asked_at))
        another = client.prepare(DRAFT, references(asked_at, "pay_2"))
    assert (after.reference, after.body) == (before.reference, before.body)
    assert before.reference.startswith("DEMO260304")
    assert (before.facts["operationDate"], after.facts["operationDate"]) == ("2026-03-04", "2026-03-05")
    assert another.reference != before.reference


async def test_a_draft_of_no_payment_makes_no_order() -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    async with here.rail() as client:
        with pytest.raises(TypeError):
            client.prepare(Draft(kind="payment", money=Money(1, "MXN")), references(here.clock.now))


async def send_unanswered(here: RailFixture, client: SpeiClient) -> Order:
    """Send an order that STP books, and whose answer is lost."""
    order = here.order(client, 70_016)
    assert await send_outcome(client, order) == "unknown"
    assert len(here.debits) == 1
    return order


@pytest.mark.parametrize("moment", ["17:59:58", "18:00:02", "18:30", "23:59"])
@pytest.mark.parametrize("sent_at", ["12:00", "17:54", "17:59:50"])
async def test_an_order_whose_answer_was_lost_is_found_after_the_cutoff(sent_at: str, moment: str) -> None:
    here = rail_fixture(mexico(WEDNESDAY, sent_at))
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        here.clock.now = mexico(WEDNESDAY, moment)
        assert await lookup_outcome(client, order) == "settled"
    assert len(here.debits) == 1


async def test_the_old_day_is_asked_after_before_absence_is_told() -> None:
    here = rail_fixture(mexico(WEDNESDAY, "17:50"))
    async with here.rail() as client:
        order = here.order(client)
        here.clock.now = mexico(WEDNESDAY, "18:30")
        assert await lookup_outcome(client, order) == "absent"
        assert here.query_days == ["", "20260304"]
        here.transport.requests.clear()
        here.clock.now = mexico("2026-03-05", "18:30")
        assert await lookup_outcome(client, order) == "absent"
        assert here.query_days == ["", "20260304", "20260305"]
        here.transport.requests.clear()
        here.clock.now = mexico("2026-03-20")
        assert await lookup_outcome(client, order) == "absent"
        assert here.query_days == ["", "20260304", "20260305"], "no order comes to a later day"


async def test_on_its_own_day_it_is_asked_after_once() -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    async with here.rail() as client:
        assert await lookup_outcome(client, here.order(client)) == "absent"
    assert here.query_days == [""]


@pytest.mark.parametrize(("day", "booked", "later"), [(WEDNESDAY, "2026-03-05", 3), (FRIDAY, "2026-03-09", 5)])
async def test_what_came_after_the_cutoff_is_found_on_the_business_day_after(day: str, booked: str, later: int) -> None:
    here = rail_fixture(mexico(day, "17:59:30"), late_seconds=60)
    async with here.rail() as client:
        order = here.order(client, 70_030)
        assert await send_outcome(client, order) == "unknown"
        here.clock.advance(seconds=60)
        assert (await look_up(client, order)).facts["operationDate"] == booked
        here.clock.advance(days=later)
        assert (await look_up(client, order)).facts["operationDate"] == booked
    assert len(here.debits) == 1


async def test_on_friday_evening_it_is_monday() -> None:
    here = rail_fixture(mexico(FRIDAY, "17:50"))
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        for day, time in ((FRIDAY, "18:01"), ("2026-03-07", "12:00"), ("2026-03-09", "17:59"), ("2026-03-10", "09:00")):
            here.clock.now = mexico(day, time)
            assert await lookup_outcome(client, order) == "settled"
        here.transport.requests.clear()
        absent = here.order(client)
        here.clock.now = mexico("2026-03-10", "20:00")
        assert await lookup_outcome(client, absent) == "absent"
        assert here.query_days == ["", "20260310"], "made on Tuesday morning"


async def test_a_weekend_order_is_found_on_monday_and_after() -> None:
    here = rail_fixture(mexico("2026-03-07"))
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        for day, time in (("2026-03-08", "12:00"), ("2026-03-09", "12:00"), ("2026-03-09", "18:30")):
            here.clock.now = mexico(day, time)
            assert (await look_up(client, order)).facts["operationDate"] == "2026-03-09"


async def test_a_holiday_that_only_stp_knows_moves_the_order_to_a_day_that_is_asked_after() -> None:
    strike = date(2026, 3, 5)
    here = rail_fixture(mexico(WEDNESDAY, "18:30"), options={"holidays": Holidays(extra=frozenset({strike}))})
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        assert order.facts["operationDate"] == "2026-03-05"
        for moment in (
            here.clock.now,
            mexico("2026-03-05", "20:00"),
            mexico("2026-03-06", "20:00"),
            mexico("2026-03-12"),
        ):
            here.clock.now = moment
            assert (await look_up(client, order)).facts["operationDate"] == "2026-03-06"


async def test_holidays_of_the_settings_are_heeded() -> None:
    here = rail_fixture(mexico(WEDNESDAY, "18:30"))
    async with here.rail(
        holidays=frozenset({date(2026, 3, 5)}), business_days=frozenset({date(2026, 3, 16)})
    ) as client:
        assert here.order(client).facts["operationDate"] == "2026-03-06"
        here.clock.now = mexico("2026-03-15")
        assert here.order(client).facts["operationDate"] == "2026-03-16"


@pytest.mark.parametrize("ahead", [-280, -60, 60, 280])
@pytest.mark.parametrize("minutes", [-6, -4, -1, 1, 4, 6])
async def test_minutes_between_the_two_clocks_hide_no_order(ahead: float, minutes: int) -> None:
    """An order sent at any time around the cut-off is found at any later time, on whichever day STP booked it."""
    here = rail_fixture(mexico(WEDNESDAY, "18:00") + timedelta(minutes=minutes), ahead=ahead)
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        for later in (1, 3, 5, 10, 60, 24 * 60, 3 * 24 * 60):
            here.clock.now = mexico(WEDNESDAY, "18:00") + timedelta(minutes=minutes + later)
            assert await lookup_outcome(client, order) == "settled"


@pytest.mark.parametrize("ahead", [-280, 0, 280])
async def test_no_second_debit_whenever_the_core_may_send_again(ahead: float) -> None:
    """In every minute around the cut-off, a copy sent before ``resend_until`` never books the order on a second day."""
    start = mexico(WEDNESDAY, "17:49")
    for minute in range(22):
        here = rail_fixture(start + timedelta(minutes=minute), ahead=ahead)
        async with here.rail() as client:
            order = await send_unanswered(here, client)
            again = client.prepare(DRAFT, references(order.created_at)).resend_until
            assert again is not None
            for _ in range(40):
                here.clock.advance(seconds=30)
                if here.rail_time() + timedelta(seconds=25) < again:
                    assert await send_outcome(client, order) == "unknown"
        assert len(here.debits) == 1


@pytest.mark.parametrize("ahead", [-280, 0, 280])
async def test_absence_proves_something_only_when_no_copy_can_come_any_more(ahead: float) -> None:
    here = rail_fixture(ahead=ahead)
    async with here.rail() as client:
        for minute in range(-10, 11):
            here.clock.now = mexico(WEDNESDAY, "18:00") + timedelta(minutes=minute)
            proof = prepare(here, client).absent_after
            assert proof is not None
            reaches_stp = here.clock.now + timedelta(seconds=20)
            at_stp = proof - here.ahead
            assert operating_date(at_stp, Holidays()) > operating_date(reaches_stp, Holidays())


async def test_the_older_way_of_asking_finds_it_where_the_newer_one_is_down() -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    here.transport.answer = lambda request: httpx.Response(502) if "/efws/" in request.url.path else None
    async with here.rail() as client:
        order = here.order(client)
        assert await lookup_outcome(client, order) == "nothing", "that the older way finds none proves nothing"
        await client.send(order)
        assert await lookup_outcome(client, order) == "pending"
        for moment in (mexico(WEDNESDAY, "18:30"), mexico("2026-03-05", "20:00")):
            here.clock.now = moment
            assert await lookup_outcome(client, order) == "settled"


async def test_a_day_that_is_not_answered_is_no_absence_and_hides_no_other_day() -> None:
    here = rail_fixture(mexico(WEDNESDAY, "17:50"))
    async with here.rail() as client:
        there, nowhere = await send_unanswered(here, client), here.order(client)
        here.clock.now = mexico(WEDNESDAY, "18:30")
        here.transport.answer = lambda request: (
            httpx.Response(502) if b"fechaOperacion" not in request.content else None
        )
        assert await lookup_outcome(client, there) == "settled"
        assert await lookup_outcome(client, nowhere) == "nothing"


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500])
async def test_whatever_stp_does_not_clearly_answer_teaches_nothing(status: int) -> None:
    here = rail_fixture()
    here.transport.answer = lambda _: httpx.Response(status, text="<html>Service</html>")
    async with here.rail() as client:
        assert await lookup_outcome(client, here.order(client)) == "nothing"


async def test_an_answer_about_another_order_teaches_nothing() -> None:
    here = rail_fixture()
    async with here.rail() as client:
        ours, other = here.order(client), here.order(client)
        status = {"claveRastreo": other.reference, "estado": "LQ", "empresa": here.settings.empresa}
        here.transport.answer = lambda _: httpx.Response(200, json={"estado": 0, "mensaje": "", "respuesta": status})
        assert await lookup_outcome(client, ours) == "nothing"


async def test_a_list_of_a_day_is_everything_between_two_cutoffs() -> None:
    here = rail_fixture(mexico("2026-03-03", "18:30"))
    async with here.rail() as client:
        orders = []
        for time in ("2026-03-03T18:30", "2026-03-04T09:00", "2026-03-04T17:59", "2026-03-04T18:30"):
            here.clock.now = mexico(*time.split("T"))
            orders.append(here.order(client))
            await client.send(orders[-1])
        here.clock.now = mexico("2026-03-05", "10:00")
        day = await client.statement(date(2026, 3, 4))
    assert (day.since, day.until) == (mexico("2026-03-03", "18:00"), mexico("2026-03-04", "18:00"))
    assert [entry.reference for entry in day.lines] == [order.reference for order in orders[:3]]
    assert day.covers == {"payment"}
    first = day.lines[0]
    assert (first.kind, first.status.value, first.amount, first.currency) == ("payment", "settled", 50_000, "MXN")
    assert (first.account, first.provider_id) == (orders[0].payee.account, "9000001")
    assert first.at == mexico("2026-03-03", "18:30")
    assert all(entry.at is not None and day.since <= entry.at < day.until for entry in day.lines)


async def test_the_running_day_is_listed_as_far_as_it_has_come() -> None:
    here = rail_fixture(mexico(WEDNESDAY), total_lag_seconds=0)
    async with here.rail() as client:
        assert list((await client.statement(date(2026, 3, 4))).lines) == []
        order = here.order(client)
        await client.send(order)
        (entry,) = (await client.statement(date(2026, 3, 4))).lines
    assert (entry.reference, entry.status.value) == (order.reference, "pending")


async def test_monday_begins_on_friday_evening() -> None:
    here = rail_fixture(mexico("2026-03-10"))
    async with here.rail() as client:
        monday = await client.statement(date(2026, 3, 9))
    assert (monday.since, monday.until) == (mexico(FRIDAY, "18:00"), mexico("2026-03-09", "18:00"))


async def test_every_instant_belongs_to_the_list_of_one_day() -> None:
    here = rail_fixture(mexico("2026-04-20"))
    business = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 6), date(2026, 4, 7)]
    async with here.rail() as client:
        statements = [await client.statement(day) for day in business]
    assert all(one.until == next_one.since for one, next_one in pairwise(statements))


@pytest.mark.parametrize("day", [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 16), date(2026, 3, 6)])
async def test_what_is_no_operating_day_or_not_begun_has_no_list(day: date) -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    async with here.rail() as client:
        with pytest.raises(NothingLearned):
            await client.statement(day)


@pytest.mark.parametrize("ahead", [-280, 0, 280])
async def test_around_the_cutoff_no_list_is_told_that_may_be_of_another_day(ahead: float) -> None:
    here = rail_fixture(mexico(WEDNESDAY), ahead=ahead, total_lag_seconds=0)
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        for minute in range(-12, 13):
            here.clock.now = mexico(WEDNESDAY, "18:00") + timedelta(minutes=minute)
            try:
                listed = await client.statement(date(2026, 3, 4))
            except NothingLearned:
                assert abs(here.rail_time() - mexico(WEDNESDAY, "18:00")) <= timedelta(minutes=5)
            else:
                assert [entry.reference for entry in listed.lines] == [order.reference]
