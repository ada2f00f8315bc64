"""One debit whatever the hour: the cut-off, weekends, holidays, and a clock that is wrong."""

import json
from dataclasses import replace
from datetime import date, timedelta
from email.utils import format_datetime
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
        ("2026-04-01", "18:30", "2026-04-06", ("2026-04-02", "17:55"), ("2026-04-06", "18:05")),  # Holy Week
        ("2026-12-24", "17:58", "2026-12-24", ("2026-12-24", "17:55"), ("2026-12-28", "18:05")),
        ("2026-01-01", "09:00", "2026-01-02", ("2026-01-01", "17:55"), ("2026-01-02", "18:05")),
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


BESIDE = {"20260303", "20260304", "20260305"}


@pytest.mark.parametrize(
    ("moment", "later_days"),
    [
        ((WEDNESDAY, "17:51"), set()),
        ((WEDNESDAY, "18:30"), set()),
        (("2026-03-05", "18:30"), {"20260306"}),
        ((FRIDAY, "09:00"), {"20260306"}),
        (("2026-03-20", "12:00"), {"20260306", *(f"202603{day:02}" for day in range(9, 14))}),
    ],
)
async def test_every_weekday_since_its_creation_is_queried_with_its_date_before_an_order_is_absent(
    moment: tuple[str, str], later_days: set[str]
) -> None:
    here = rail_fixture(mexico(WEDNESDAY, "17:50"))
    async with here.rail() as client:
        order = here.order(client)
        here.clock.now = mexico(*moment)
        assert await lookup_outcome(client, order) == "absent"
    first, *_, last = here.query_days
    assert (first, last) == ("20260304", ""), "the likeliest first; what STP itself holds to be the running day last"
    assert set(here.query_days[:-1]) == BESIDE | later_days
    assert len(here.query_days) == len(set(here.query_days))


async def test_an_order_on_its_own_day_is_found_with_one_query() -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        for moment in (mexico(WEDNESDAY), mexico("2026-03-12")):
            here.clock.now = moment
            here.transport.requests.clear()
            await look_up(client, order)
            assert here.query_days == ["20260304"]


@pytest.mark.parametrize("holiday", [WEDNESDAY, "2026-03-05", FRIDAY])
@pytest.mark.parametrize("sent_at", ["12:00", "17:54", "17:59:50", "18:30"])
async def test_a_day_wrongly_held_to_be_a_holiday_hides_no_order(holiday: str, sent_at: str) -> None:
    here = rail_fixture(mexico(WEDNESDAY, sent_at))
    async with here.rail(holidays=frozenset({date.fromisoformat(holiday)})) as client:
        order = await send_unanswered(here, client)
        for minutes in (1, 20, 60, 24 * 60, 3 * 24 * 60):
            here.clock.now = mexico(WEDNESDAY, sent_at) + timedelta(minutes=minutes)
            assert await lookup_outcome(client, order) == "settled"


@pytest.mark.parametrize("strikes", [(5,), (5, 6), (5, 6, 9)])
async def test_holidays_that_only_stp_knows_hide_no_order(strikes: tuple[int, ...]) -> None:
    closed = Holidays(extra=frozenset(date(2026, 3, day) for day in strikes))
    here = rail_fixture(mexico(WEDNESDAY, "18:30"), options={"holidays": closed})
    async with here.rail() as client:
        order = await send_unanswered(here, client)
        for hours in range(1, 12 * 24, 7):
            here.clock.now = mexico(WEDNESDAY, "18:30") + timedelta(hours=hours)
            assert await lookup_outcome(client, order) == "settled"


@pytest.mark.parametrize("holidays", [frozenset[date](), frozenset({date(2026, 12, 24)})])
@pytest.mark.parametrize("removed", [frozenset[date](), frozenset({date(2026, 12, 25)})])
@pytest.mark.parametrize("time", ["12:00", "17:58", "18:03", "18:30"])
async def test_no_list_of_holidays_lets_an_order_go_again_beyond_a_weekdays_cutoff(
    holidays: frozenset[date], removed: frozenset[date], time: str
) -> None:
    here = rail_fixture(mexico("2026-12-23", time))
    async with here.rail(holidays=holidays, business_days=removed) as client:
        for _ in range(5):
            order = prepare(here, client)
            cutoffs = [mexico(f"2026-12-{day}", "18:00") for day in (22, 23, 24, 25, 28)]
            following = min(cutoff for cutoff in cutoffs if cutoff > here.clock.now - timedelta(minutes=5))
            assert order.resend_until is not None
            assert order.resend_until < following
            here.clock.advance(hours=24)


SKEWS = [330, -330, 3600, -3600, 6 * 3600, -6 * 3600]


@pytest.mark.parametrize("ahead", SKEWS)
@pytest.mark.parametrize("sent_at", ["12:00", "17:20", "17:59:40", "18:02"])
async def test_a_wrong_clock_hides_no_order_and_proves_no_absence(
    ahead: float, sent_at: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = rail_fixture(mexico(WEDNESDAY, sent_at), ahead=ahead)
    async with here.rail() as client:
        there, nowhere = await send_unanswered(here, client), here.order(client)
        for minutes in (1, 10, 25, 60, 7 * 60, 24 * 60, 48 * 60):
            here.clock.now = mexico(WEDNESDAY, sent_at) + timedelta(minutes=minutes)
            assert await lookup_outcome(client, there) == "settled"
            caplog.clear()
            assert await lookup_outcome(client, nowhere) == "nothing"
            assert [record.levelname for record in caplog.records] == ["ERROR"]
            assert "clock" in caplog.text


@pytest.mark.parametrize("date_header", [None, "", "yesterday", "Wed, 04 Mar 2026 18:00:00", "0"])
async def test_an_answer_that_does_not_tell_its_time_proves_no_absence(date_header: str | None) -> None:
    here = rail_fixture(mexico(WEDNESDAY))
    headers = {} if date_header is None else {"Date": date_header}
    empty = {"estado": 6, "mensaje": "No se encontraron datos relacionados"}
    async with here.rail() as client:
        order = here.order(client)
        assert await lookup_outcome(client, order) == "absent"
        here.transport.answer = lambda _: httpx.Response(400, json=empty, headers=headers)
        assert await lookup_outcome(client, order) == "nothing"


@pytest.mark.parametrize("seconds", [-62, -59, 0, 59, 62])
async def test_a_minute_between_the_clocks_is_allowed(seconds: float) -> None:
    here = rail_fixture(mexico(WEDNESDAY), ahead=seconds)
    async with here.rail() as client:
        expected = "absent" if abs(seconds) < 60 else "nothing"
        assert await lookup_outcome(client, here.order(client)) == expected


async def test_a_begun_day_that_stp_holds_to_be_in_the_future_proves_that_our_clock_is_ahead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = rail_fixture(mexico(WEDNESDAY, "18:30"))

    def behind(request: httpx.Request) -> httpx.Response | None:
        """STP's answers where its day ends later than ours."""
        ahead = json.loads(request.content).get("fechaOperacion", "") > "20260304"
        date_ahead = {"estado": 8, "mensaje": "La fecha no puede ser mayor a la fecha actual"}
        dated = {"Date": format_datetime(here.clock.now, usegmt=True)}
        return httpx.Response(400, json=date_ahead, headers=dated) if ahead else None

    async with here.rail() as client:
        order = here.order(client)
        here.clock.advance(minutes=10)
        assert await lookup_outcome(client, order) == "absent"
        here.transport.answer = behind
        assert await lookup_outcome(client, order) == "nothing"
    assert "RIEL_SPEI_HOLIDAYS" in caplog.text


async def test_an_order_on_another_operating_day_than_expected_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    here = rail_fixture(mexico("2026-12-24"))
    async with here.rail(holidays=frozenset({date(2026, 12, 24)})) as client:
        order = await send_unanswered(here, client)
        answer = await look_up(client, order)
        assert answer.facts["operationDate"] == "2026-12-24"
        assert "2026-12-24, and not on 2026-12-28" in caplog.text
        caplog.clear()
        await look_up(client, replace(order, facts={**order.facts, **answer.facts}))
        assert not caplog.records


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
async def test_around_the_cutoff_the_list_of_a_day_holds_no_order_of_another(ahead: float) -> None:
    here = rail_fixture(mexico(WEDNESDAY), ahead=ahead, total_lag_seconds=0)
    async with here.rail() as client:
        order = here.order(client)
        await client.send(order)
        for minute in range(-12, 13):
            here.clock.now = mexico(WEDNESDAY, "18:00") + timedelta(minutes=minute)
            listed = await client.statement(date(2026, 3, 4))
            assert [entry.reference for entry in listed.lines] == [order.reference]


async def test_a_weekday_that_is_wrongly_held_to_be_a_holiday_has_its_list() -> None:
    here = rail_fixture(mexico("2026-12-24"))
    async with here.rail(holidays=frozenset({date(2026, 12, 24)})) as client:
        order = here.order(client)
        await client.send(order)
        here.clock.now = mexico("2026-12-28")
        day = await client.statement(date(2026, 12, 24))
        assert [line.reference for line in day.lines] == [order.reference]
        assert (day.since, day.until) == (mexico("2026-12-23", "18:00"), mexico("2026-12-24", "18:00"))
        with pytest.raises(NothingLearned, match="no operating day"):
            await client.statement(date(2026, 12, 25))
