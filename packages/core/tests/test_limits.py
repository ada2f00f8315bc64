"""What a limit refuses, nobody is asked; what it lets pass is counted, and given back where no money moved."""

import asyncio
import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riel import Answer, Misconfigured, Money, NotAllowed, Payee, Rejected, Status
from riel.guards.limits import Limits, check_accounts, read_limits
from riel.journal import State
from riel.payments import PaymentRequest

from .engine_support import SETTLED, EngineFixture, answers, first, working
from .limits_support import limits

pytestmark = pytest.mark.anyio
ZONE = 'time_zone = "America/Mexico_City"\n'
ACCOUNT = "0123456789"
NOON_THERE = datetime(2026, 3, 7, 18, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def refused(world: EngineFixture, request: PaymentRequest) -> dict[str, Any]:
    """What the agent is told, of whom nobody was asked, and whose payment is nowhere but in the record."""
    asked = len(world.person.asked)
    with pytest.raises(NotAllowed) as refusal:
        await world.engine.ask(request)
    problem = refusal.value.error
    assert len(world.person.asked) == asked
    assert await world.journal.challenges(request.terms.principal, request.digest) == []
    assert request.terms.payee.account not in json.dumps(dict(problem.details)) + problem.message + problem.next_action
    return {"code": problem.code, "message": problem.message, "retryable": problem.retryable, **problem.details}


async def test_one_payment_may_be_as_large_as_its_limit_and_no_larger(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits("per_payment = { MXN = 500_000 }"),)) as world:
        await world.paid(world.request(500_000))
        assert await refused(world, world.request(500_001)) == {
            "code": "LIMIT_PER_PAYMENT",
            "message": "The limit is MXN 5,000.00 a payment. Nothing was sent.",
            "retryable": False,
            "limit": 500_000,
            "left": 500_000,
            "currency": "MXN",
            "scope": "everybody",
        }


async def test_a_day_has_its_limit_and_says_what_is_left_of_it_and_when_it_is_free(tmp_path: Path) -> None:
    rail = limits(f"{ZONE}[limits.rail.toy]\nper_day = {{ MXN = 2_000_000 }}")
    async with working(tmp_path, guards=(rail,), now=NOON_THERE) as world:
        await world.paid(world.request(1_880_000))
        assert await refused(world, world.request(120_001)) == {
            "code": "LIMIT_PER_DAY",
            "message": "The limit is MXN 20,000.00 a day for toy; MXN 1,200.00 is left today. Nothing was sent.",
            "retryable": True,
            "limit": 2_000_000,
            "left": 120_000,
            "currency": "MXN",
            "scope": "rail toy",
            "resetsAt": "2026-03-08T06:00:00Z",
        }
        await world.paid(world.request(120_000))
        assert (await refused(world, world.request(1)))["left"] == 0
        world.later(hours=11, minutes=59)
        assert (await refused(world, world.request(1)))["left"] == 0
        world.later(minutes=1)
        await world.paid(world.request(2_000_000))


async def test_a_payment_counts_on_the_day_on_which_it_is_created_and_not_on_the_day_of_its_challenge(
    tmp_path: Path,
) -> None:
    """The whole limit is asked for at 23:55 and confirmed at 00:01: there is nothing left of the new day."""
    before_midnight = datetime(2026, 3, 8, 5, 55, tzinfo=UTC)
    day = limits(f"{ZONE}per_day = {{ MXN = 100 }}")
    async with working(tmp_path, guards=(day,), now=before_midnight) as world:
        request = world.request(100)
        code = await world.asked(request)
        world.later(minutes=6)
        await world.engine.confirm(request, code)
        await world.quiet()
        assert (await refused(world, world.request(1)))["left"] == 0
        assert len(world.client.sent) == 1


async def test_a_payment_that_does_not_fit_into_the_day_of_its_confirmation_is_refused_and_recorded_once(
    tmp_path: Path,
) -> None:
    before_midnight = datetime(2026, 3, 8, 5, 55, tzinfo=UTC)
    day = limits(f"{ZONE}per_day = {{ MXN = 100 }}")
    async with working(tmp_path, guards=(day,), now=before_midnight) as world:
        request = world.request(100)
        code = await world.asked(request)
        world.later(minutes=6)
        await world.paid(world.request(60))
        for _ in range(3):
            assert await world.refusal(request, code) == "LIMIT_PER_DAY"
        assert len(world.client.sent) == 1
        (challenge,) = await world.journal.challenges("ana", request.digest)
        events = [event.event for event in await world.journal.events(challenge.id)]
        assert events == ["challenge.opened", "attempt.refused"]


async def test_a_guard_that_fails_lets_nothing_pass(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def check(self, terms: Any, now: datetime) -> None:
            raise KeyError(terms.rail)

    async with working(tmp_path, guards=(Broken(),)) as world:
        with pytest.raises(KeyError):
            await world.engine.ask(world.request())
        assert (world.person.asked, world.client.sent) == ([], [])


async def test_what_is_more_than_the_whole_limit_is_not_called_possible_later(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f"{ZONE}per_day = {{ MXN = 100 }}"),)) as world:
        told = await refused(world, world.request(101))
        assert (told["code"], told["retryable"], "resetsAt" in told) == ("LIMIT_PER_DAY", False, False)


async def test_a_month_has_its_limit(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f"{ZONE}per_month = {{ MXN = 100 }}"),), now=NOON_THERE) as world:
        await world.paid(world.request(60))
        world.later(days=24)
        told = await refused(world, world.request(41))
        assert (told["code"], told["left"], told["resetsAt"]) == ("LIMIT_PER_MONTH", 40, "2026-04-01T06:00:00Z")
        world.later(days=1)
        await world.paid(world.request(100))


async def test_payments_are_counted_in_any_sixty_minutes(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits("payments_per_hour = 2"),)) as world:
        await world.paid(world.request(1))
        world.later(minutes=59)
        await world.paid(world.request(2))
        assert await refused(world, world.request(3)) == {
            "code": "LIMIT_PER_HOUR",
            "message": "The limit is 2 payments in any 60 minutes; 0 left. Nothing was sent.",
            "retryable": True,
            "limit": 2,
            "left": 0,
            "scope": "everybody",
            "resetsAt": "2026-03-07T14:00:00Z",
        }
        world.later(minutes=2)
        await world.paid(world.request(3))
        assert (await refused(world, world.request(4)))["code"] == "LIMIT_PER_HOUR"


async def test_a_payee_who_was_never_paid_gets_little_until_a_payment_has_settled(tmp_path: Path) -> None:
    pending = answers(Answer(status=Status.PENDING))
    guard = limits("first_payment = { MXN = 100 }")
    async with working(
        tmp_path, sends=pending, finds=first(Answer(status=Status.PENDING), SETTLED), guards=(guard,)
    ) as world:
        await world.paid(world.request(60))
        told = await refused(world, world.request(41))
        assert (told["code"], told["left"], told["retryable"]) == ("LIMIT_FIRST_PAYMENT", 40, False)
        assert "left for ******6789" in told["message"]
        await world.paid(world.request(100, account="9876543210"))
        world.later(minutes=5)
        await world.round()
        world.later(minutes=5)
        await world.round()
        await world.paid(world.request(1_000_000))


async def test_only_payees_that_are_allowed_are_paid(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f'allow = ["{ACCOUNT}"]'),)) as world:
        await world.paid(world.request())
        assert await refused(world, world.request(account="9876543210")) == {
            "code": "LIMIT_PAYEE",
            "message": "The payee's account ******3210 is none of those that the operator allows. Nothing was sent.",
            "retryable": False,
            "scope": "everybody",
            "account": "******3210",
        }


def ten_digits(text: str) -> str:
    """The account as the toy bank writes it."""
    digits = text.replace("-", "")
    if len(digits) != 10 or not digits.isdigit():
        raise ValueError(f"{text} is no account of ten digits")
    return digits


@pytest.mark.parametrize("written", [ACCOUNT, "01-2345-6789", "0123-456789"])
async def test_a_listed_payee_is_known_however_the_operator_wrote_the_account(tmp_path: Path, written: str) -> None:
    denied = read_limits({"deny": [written]})
    async with working(tmp_path, guards=(Limits(denied, {"toy": ten_digits}),)) as world:
        assert (await refused(world, world.request()))["code"] == "LIMIT_PAYEE"
        await world.paid(world.request(account="9876543210"))
    allowed = read_limits({"allow": [written]})
    (tmp_path / "other").mkdir()
    async with working(tmp_path / "other", guards=(Limits(allowed, {"toy": ten_digits}),)) as world:
        await world.paid(world.request())
        assert (await refused(world, world.request(account="9876543210")))["code"] == "LIMIT_PAYEE"


@pytest.mark.parametrize("account", ["00012345678", "12345678", "12.345.678", "0012-345-678"])
async def test_a_denied_payee_does_not_pass_by_zeros_or_separators_where_a_rail_tells_no_form(
    tmp_path: Path, account: str
) -> None:
    async with working(tmp_path, guards=(limits('deny = ["12345678"]'),)) as world:
        assert (await refused(world, world.request(account=account)))["code"] == "LIMIT_PAYEE"
        await world.paid(world.request(account="112345678"))


async def test_an_allowed_payee_is_the_account_as_the_rail_writes_it_and_no_other(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits('allow = ["12345678"]'),)) as world:
        await world.paid(world.request(account="12345678"))
        assert (await refused(world, world.request(account="00012345678")))["code"] == "LIMIT_PAYEE"


@pytest.mark.parametrize(
    ("table", "heading"),
    [
        ({"deny": ["0123456789", "01234-56"]}, r"\[limits\] deny"),
        ({"rail": {"toy": {"allow": ["01234-56"]}}}, r"\[limits\.rail\.toy\] allow"),
        ({"principal": {"ana": {"deny": ["01234-56"]}}}, r"\[limits\.principal\.ana\] deny"),
    ],
)
async def test_an_entry_that_no_rail_can_pay_stops_the_start(table: dict[str, Any], heading: str) -> None:
    settings = read_limits(table)
    with pytest.raises(Misconfigured, match=heading) as stopped:
        check_accounts(settings, {"toy": ten_digits}, ["toy"])
    assert "the entry ****4-56 is no account (toy: ****4-56 is no account of ten digits)" in str(stopped.value)
    check_accounts(settings, {}, ["toy"])  # a rail that does not say how it writes an account refuses none
    if "rail" not in table:
        check_accounts(settings, {"toy": ten_digits, "zap": str}, ["toy", "zap"])  # it may be zap's


async def test_a_payee_that_is_denied_is_not_paid_though_the_same_table_allows_them(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f'allow = ["{ACCOUNT}"]\ndeny = ["{ACCOUNT}"]'),)) as world:
        told = await refused(world, world.request())
        assert told["message"] == "The payee's account ******6789 is denied by the operator. Nothing was sent."


async def test_a_payee_that_is_denied_is_not_paid_whoever_allows_them(tmp_path: Path) -> None:
    guard = limits(f'allow = ["{ACCOUNT}", "9876543210"]\n[limits.principal.ana]\ndeny = ["{ACCOUNT}"]')
    async with working(tmp_path, guards=(guard,)) as world:
        told = await refused(world, world.request())
        assert (told["code"], told["scope"]) == ("LIMIT_PAYEE", "principal ana")
        await world.paid(world.request(account="9876543210"))
        await world.paid(world.request(principal="eva"))


async def test_payments_are_made_in_their_hours(tmp_path: Path) -> None:
    guard = limits(f'{ZONE}hours = "08:00-20:00"')
    async with working(tmp_path, guards=(guard,), now=NOON_THERE) as world:
        await world.paid(world.request())
        world.later(hours=8)
        assert await refused(world, world.request(1)) == {
            "code": "LIMIT_HOURS",
            "message": "Payments are made at 08:00-20:00 (America/Mexico_City) and at no other time. Nothing was sent.",
            "retryable": True,
            "scope": "everybody",
            "hours": "08:00-20:00",
            "timeZone": "America/Mexico_City",
            "resetsAt": "2026-03-08T14:00:00Z",
        }


async def test_a_limit_in_one_currency_lets_no_other_pass(tmp_path: Path) -> None:
    for name in ("per_payment", "per_day", "per_month", "first_payment"):
        async with working(tmp_path, guards=(limits(f"{ZONE}{name} = {{ MXN = 100 }}"),)) as world:
            told = await refused(world, world.request(1, money=Money(1, "CLP")))
            assert told["code"] == "LIMIT_CURRENCY"
            assert (told["limit"], told["left"], told["currency"]) == (0, 0, "CLP")
            assert f"{name} is set in MXN, so nothing may be paid in CLP" in told["message"]


async def test_each_currency_is_counted_by_itself(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f"{ZONE}per_day = {{ MXN = 100, CLP = 5 }}"),)) as world:
        await world.paid(world.request(100))
        await world.paid(world.request(5, money=Money(5, "CLP")))
        assert (await refused(world, world.request(1, money=Money(1, "CLP"))))["left"] == 0


async def test_the_limits_of_everybody_a_rail_and_a_principal_are_all_kept(tmp_path: Path) -> None:
    guard = limits(f"""{ZONE}per_day = {{ MXN = 100 }}
        [limits.rail.toy]\nper_day = {{ MXN = 70 }}
        [limits.rail.zap]\nper_day = {{ MXN = 1 }}
        [limits.principal.ana]\nper_day = {{ MXN = 50 }}""")
    async with working(tmp_path, guards=(guard,)) as world:
        await world.paid(world.request(40))
        assert (await refused(world, world.request(11)))["scope"] == "principal ana"
        assert (await refused(world, world.request(31, principal="eva")))["scope"] == "rail toy"
        elsewhere = [replace(world.request(n).terms, rail="other", principal="eva") for n in (60, 61)]
        assert [hold.amount for hold in guard.reservations(elsewhere[0], world.now)] == [60]
        assert (await refused(world, world.request(61, rail="other", principal="eva")))["scope"] == "everybody"


async def test_sandbox_money_never_uses_up_a_live_limit(tmp_path: Path) -> None:
    guard = limits(f"{ZONE}per_day = {{ MXN = 100 }}\nfirst_payment = {{ MXN = 100 }}\npayments_per_hour = 9")
    async with working(tmp_path, guards=(guard,)) as world:
        terms = world.request(100).terms
        pretend, live = (guard.reservations(replace(terms, mode=mode), world.now) for mode in ("sandbox", "live"))
        assert len(pretend) == len(live) == 3
        assert not {hold.scope for hold in pretend} & {hold.scope for hold in live}


async def test_no_account_stands_in_what_is_counted(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(guard := limits("first_payment = { MXN = 100 }"),)) as world:
        (hold,) = guard.reservations(world.request().terms, world.now)
        (other,) = guard.reservations(world.request(account="9876543210").terms, world.now)
        assert ACCOUNT not in hold.scope
        assert hold.scope != other.scope


async def test_a_refund_is_never_limited(tmp_path: Path) -> None:
    guard = limits(f"""{ZONE}per_payment = {{ MXN = 100 }}\nper_day = {{ MXN = 100 }}\npayments_per_hour = 1
        hours = "11:00-13:00"\n[limits.rail.toy]\nallow = ["{ACCOUNT}"]""")
    async with working(tmp_path, guards=(guard,), now=NOON_THERE) as world:
        record = await world.paid(world.request(100))
        world.later(hours=2)
        assert (await world.paid(world.refund_request(record, 100))).kind == "refund"


# What is given back, and what is asked again


async def test_a_rejected_payment_of_which_nothing_can_arrive_frees_what_it_took(tmp_path: Path) -> None:
    guard = limits(f"{ZONE}per_day = {{ MXN = 100 }}")
    sends = first(Rejected("E1", "no"), SETTLED)
    rules: dict[str, Any] = {"refusals": frozenset({"E1"}), "late_arrival_window": timedelta(0)}
    async with working(tmp_path, sends=sends, guards=(guard,), **rules) as world:
        assert (await world.paid(world.request(100))).state is State.REJECTED
        await world.paid(world.request(99))


async def test_a_rejected_payment_that_may_arrive_late_keeps_what_it_took_until_its_watch_is_over(
    tmp_path: Path,
) -> None:
    guard = limits("first_payment = { MXN = 100 }")
    async with working(
        tmp_path,
        sends=first(Rejected("E1", "no"), SETTLED),
        finds=answers(None),
        guards=(guard,),
        refusals=frozenset({"E1"}),
        late_arrival_window=timedelta(hours=1),
    ) as world:
        assert (await world.paid(world.request(100))).state is State.REJECTED
        assert (await refused(world, world.request(1)))["left"] == 0
        world.later(minutes=59)
        assert (await refused(world, world.request(1)))["left"] == 0
        world.later(minutes=1)
        await world.round()
        await world.paid(world.request(99))


async def test_a_question_that_was_not_answered_frees_what_it_took_when_its_time_is_over(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f"{ZONE}per_day = {{ MXN = 100 }}"),)) as world:
        await world.asked(world.request(100))
        await refused(world, world.request(1))
        await world.asked(world.request(100))
        world.later(minutes=10)
        await world.paid(world.request(99))


async def test_a_code_that_comes_when_payments_are_closed_pays_nothing_and_burns_no_try(tmp_path: Path) -> None:
    guard = limits(f'{ZONE}hours = "08:00-20:00"')
    async with working(tmp_path, guards=(guard,), now=NOON_THERE + timedelta(hours=7, minutes=55)) as world:
        code = await world.asked(world.request())
        world.later(minutes=5)
        assert await world.refusal(world.request(), code) == "LIMIT_HOURS"
        assert world.person.compared == []
        assert world.client.sent == []


async def test_a_code_that_comes_when_the_limit_is_full_pays_what_was_held_for_it(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f"{ZONE}per_day = {{ MXN = 100 }}\npayments_per_hour = 2"),)) as world:
        code = await world.asked(world.request(60))
        await world.paid(world.request(40))
        assert (await world.engine.confirm(world.request(60), code)).state is State.SETTLED


async def test_a_refusal_stands_in_the_record_without_the_account(tmp_path: Path) -> None:
    async with working(tmp_path, guards=(limits(f'deny = ["{ACCOUNT}"]'),)) as world:
        await refused(world, world.request())
        rows = await world.journal._writer.read(lambda db: db.execute("SELECT event, body FROM events").fetchall())
        ((event, body),) = rows
        assert (event, json.loads(body)["code"]) == ("challenge.refused", "LIMIT_PAYEE")
        assert ACCOUNT not in body


# All at once


def test_exactly_ten_of_fifty_threads_pass_a_limit_of_ten(tmp_path: Path) -> None:
    """Each thread has an engine, a journal and an event loop of its own, as a process would."""
    guard = limits(f"{ZONE}per_day = {{ MXN = 100 }}")
    ready = threading.Barrier(50, timeout=300)
    told: Counter[str] = Counter()

    async def one(n: int) -> None:
        async with working(tmp_path, guards=(guard,)) as world:
            request = world.request(10, payee=Payee(ACCOUNT, f"Empresa {n}"))
            await asyncio.to_thread(ready.wait)
            try:
                code = await world.asked(request)
            except NotAllowed as refusal:
                told[refusal.error.code] += 1
                return
            record = await world.engine.confirm(request, code)
            await world.quiet()
            told[await world.state(record)] += 1

    threads = [threading.Thread(target=asyncio.run, args=(one(n),)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert told == {State.SETTLED: 10, "LIMIT_PER_DAY": 40}
