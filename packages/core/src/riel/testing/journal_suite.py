"""What every journal promises, whatever it is stored in: subclass :class:`JournalPromises` and say how to reach it.

::

    class TestMyStore(JournalPromises):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)   # keeps the protocol `Store`

Each test is one promise, made through the verbs alone; what an intruder does goes through ``Store.tamper``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

import pytest

from riel.errors import JournalUnavailable
from riel.journal import (
    Challenge,
    ChallengeState,
    Change,
    Counted,
    Earlier,
    Event,
    Intent,
    Journal,
    Message,
    Opened,
    PaymentRecord,
    State,
    Tally,
    Unconfirmed,
)
from riel.journal.chain import canonical, link
from riel.journal.life import BY_AN_OPERATOR, FINAL, allowed
from riel.money import Money
from riel.rail import Mode, Payee

NOW = datetime(2026, 3, 2, 12, 0, 0, 123_000, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MEXICO = timezone(timedelta(hours=-6))
TALLY = Tally()
ACCOUNT = "012180001234567895"
PAYEE = Payee(ACCOUNT, "Peñón & Hijos S.A.", "Banco de Ñuñoa")
S = State


class Store(Protocol):
    """How the suite reaches the store it is about."""

    async def open(self) -> Journal:
        """A handle to the same record, as a process of its own would have it."""

    def tamper(self, *statements: str) -> None:
        """Run SQL behind the journal's back, with its triggers and foreign keys out of the way."""


def a_question(name: str = "a", **changes: Any) -> Challenge:
    """A question to a person; another ``name`` is another payment."""
    asked = Challenge(
        id=f"pay_{name}",
        principal="ana",
        rail="mock",
        mode="sandbox",
        kind="payment",
        digest=name.encode().ljust(32, b"\x00"),
        nonce=bytes(range(16)),
        factor="file",
        text="",
        money=Money(50_000, "MXN"),
        payee=PAYEE,
        created_at=NOW,
        expires_at=NOW + 10 * MINUTE,
    )
    return replace(asked, **changes)


def an_intent(reference: str = "REF-a", **changes: Any) -> Intent:
    """What is written before the first byte leaves."""
    intent = Intent(
        reference=reference,
        body=bytes(range(256)),
        facts={"operatingDate": "2026-03-02"},
        arguments={"account": ACCOUNT, "concept": "niño 👶"},
        resend_until=NOW + HOUR,
        absent_after=NOW + DAY,
    )
    return replace(intent, **changes)


def plainly(earlier: Earlier | None) -> str:
    """Words that say what they were told."""
    return "Pay?" if earlier is None else f"Payment number {earlier.count + 1}, after {earlier.reference}?"


async def opened(journal: Journal, challenge: Challenge) -> Opened:
    """Ask."""
    return await journal.open_challenge(challenge, plainly, again_within=10 * MINUTE, no_stays=DAY)


async def tried(journal: Journal, challenge: Challenge, at: datetime = NOW, tally: Tally = TALLY) -> Counted:
    """Count a try that must be possible."""
    counted = await journal.count_try(challenge.id, challenge.principal, at, tally)
    assert isinstance(counted, Counted)
    return counted


async def guess(journal: Journal, challenge: Challenge, at: datetime = NOW) -> ChallengeState | Unconfirmed:
    """Try a wrong code."""
    counted = await journal.count_try(challenge.id, challenge.principal, at, TALLY)
    if not isinstance(counted, Counted):
        return counted
    return await journal.wrong(counted, challenge.id, at, TALLY)


async def born(
    journal: Journal, name: str = "a", *, at: datetime = NOW, intent: Intent | None = None, **changes: Any
) -> PaymentRecord:
    """A payment from question to birth."""
    changes = {"created_at": at, "expires_at": at + 10 * MINUTE, **changes}
    asked = (await opened(journal, a_question(name, **changes))).challenge
    counted = await tried(journal, asked, at, Tally(per_window=1000))
    given = intent or an_intent(f"REF-{name}")
    record = await journal.confirm_and_intend(counted, asked.id, None, given, at)
    assert isinstance(record, PaymentRecord), record
    return record


async def moved(
    journal: Journal, record: PaymentRecord, to: State, at: datetime = NOW, **changes: Any
) -> PaymentRecord:
    """``record`` in another state, which life must allow."""
    change = Change(**{"to": to, "event": to.value, "fence": record.fence, **changes})
    after, done = await journal.record(record.id, change, at)
    assert done, f"{record.state} did not become {to}"
    return after


async def settled(journal: Journal, name: str = "a", amount: int = 50_000) -> PaymentRecord:
    """A payment that has settled."""
    return await moved(journal, await born(journal, name, money=Money(amount, "MXN")), S.SETTLED)


async def in_state(journal: Journal, state: State, name: str) -> PaymentRecord:
    """A payment in ``state``."""
    record = await born(journal, name)
    return record if state is S.SENDING else await moved(journal, record, state)


async def paid_back(journal: Journal, name: str, original: PaymentRecord, amount: int) -> PaymentRecord | Unconfirmed:
    """A refund, or why there is none."""
    asked = (await opened(journal, a_question(name, kind="refund", money=Money(amount, "MXN")))).challenge
    counted = await tried(journal, asked, tally=Tally(per_window=1000))
    intent = an_intent(f"REF-{name}", refund_of=original.id)
    return await journal.confirm_and_intend(counted, asked.id, None, intent, NOW)


async def history(journal: Journal, payment_id: str) -> list[str]:
    """The events of one payment by name."""
    return [event.event for event in await journal.events(payment_id)]


class _Opened:
    """Two handles to one record, and the runner that the promises need."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    async def journal(self, store: Store) -> AsyncIterator[Journal]:
        journal = await store.open()
        yield journal
        await journal.close()

    @pytest.fixture
    async def other(self, store: Store, journal: Journal) -> AsyncIterator[Journal]:
        other = await store.open()
        yield other
        await other.close()


@pytest.mark.anyio
class QuestionPromises(_Opened):
    """What is asked of a person."""

    async def test_a_question_is_kept_as_it_was_asked(self, journal: Journal, other: Journal) -> None:
        asked = await opened(journal, a_question())
        assert asked == Opened(a_question(text="Pay?"), fresh=True)
        assert await other.challenge("pay_a") == asked.challenge
        assert await other.challenges("ana", a_question().digest) == [asked.challenge]
        assert await journal.challenge("pay_none") is None

    async def test_the_same_thing_is_asked_once(self, journal: Journal, other: Journal) -> None:
        first = await opened(journal, a_question())
        again = await opened(other, a_question(id="pay_again", created_at=NOW + MINUTE, expires_at=NOW + HOUR))
        assert again == replace(first, fresh=False)
        assert await journal.challenge("pay_again") is None

    async def test_one_question_survives_a_race(self, journal: Journal, other: Journal) -> None:
        racers = [(handle, f"pay_{n}") for n in range(10) for handle in (journal, other)]
        answers = await asyncio.gather(*(opened(handle, a_question(id=f"{i}{id(handle)}")) for handle, i in racers))
        assert sum(answer.fresh for answer in answers) == 1
        assert len({answer.challenge.id for answer in answers}) == 1
        assert len(await journal.challenges("ana", a_question().digest)) == 1

    @pytest.mark.parametrize("changes", [{"principal": "bea"}, {"digest": b"\x01" * 32}], ids=["person", "payment"])
    async def test_another_person_or_payment_is_another_question(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await opened(journal, a_question())
        assert (await opened(journal, a_question(id="pay_b", **changes))).fresh

    @pytest.mark.parametrize(
        "changes", [{"created_at": NOW + 10 * MINUTE}, {"factor": "totp"}], ids=["when its time is over", "new factor"]
    )
    async def test_a_question_that_cannot_be_answered_gives_way(
        self, journal: Journal, changes: dict[str, Any]
    ) -> None:
        await opened(journal, a_question())
        anew = await opened(journal, a_question(id="pay_b", expires_at=NOW + HOUR, **changes))
        assert anew.fresh
        before = await journal.challenge("pay_a")
        assert before is not None
        assert before.state is ChallengeState.EXPIRED
        assert await history(journal, "pay_a") == ["asked", "expired"]
        found = await journal.challenges("ana", a_question().digest)
        assert [one.id for one in found] == ["pay_b", "pay_a"]

    async def test_the_open_question_comes_first_then_the_newest(self, journal: Journal) -> None:
        for n in range(3):
            await born(journal, at=NOW + n * SECOND, id=f"pay_{n}", intent=an_intent(f"REF-{n}"))
        clock_was_set_back = a_question(id="pay_open", created_at=NOW - HOUR)
        await opened(journal, clock_was_set_back)
        found = await journal.challenges("ana", a_question().digest)
        assert [one.id for one in found] == ["pay_open", "pay_2", "pay_1", "pay_0"]

    async def test_the_person_is_told_of_an_identical_payment_made_shortly_before(self, journal: Journal) -> None:
        assert (await opened(journal, a_question())).challenge.text == "Pay?"
        for n, at in enumerate((NOW, NOW + MINUTE), 1):
            record = await born(journal, at=at, id=f"pay_{n}", intent=an_intent(f"REF-{n}"))
            again = await opened(journal, a_question(id=f"pay_{n + 1}", created_at=at + SECOND, expires_at=at + HOUR))
            assert again.challenge.text == f"Payment number {n + 1}, after REF-{n}?"
            assert again.challenge.earlier == record.reference
            assert await journal.challenge(again.challenge.id) == again.challenge

    @pytest.mark.parametrize("why", ["long ago", "rejected", "another person's"])
    async def test_the_person_is_not_told_of_one_that_is_no_repeat(self, journal: Journal, why: str) -> None:
        record = await born(journal, principal="bea" if why == "another person's" else "ana")
        if why == "rejected":
            await moved(journal, record, S.REJECTED)
        at = NOW + (10 * MINUTE if why == "long ago" else SECOND)
        anew = await opened(journal, a_question(id="pay_b", created_at=at, expires_at=at + HOUR))
        assert (anew.challenge.text, anew.challenge.earlier) == ("Pay?", None)

    async def test_a_no_stays_a_no(self, journal: Journal, other: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        declined = await journal.decline(asked.id, "ana", NOW + SECOND)
        assert declined == replace(asked, state=ChallengeState.DECLINED)
        for at in (NOW + MINUTE, NOW + DAY - SECOND):
            again = await opened(other, a_question(id="pay_b", created_at=at, expires_at=at + HOUR))
            assert again == Opened(declined, fresh=False)
        later = await opened(other, a_question(id="pay_b", created_at=NOW + DAY, expires_at=NOW + 2 * DAY))
        assert later.fresh
        assert (await journal.events(asked.id))[-1].body == {"to": "declined", "by": "ana"}

    async def test_only_an_open_question_can_be_declined(self, journal: Journal) -> None:
        assert await journal.decline("pay_none", "ana", NOW) is None
        record = await born(journal)
        assert await journal.decline(record.id, "ana", NOW) is None
        asked = (await opened(journal, a_question("b"))).challenge
        assert await journal.decline(asked.id, "ana", NOW) is not None
        assert await journal.decline(asked.id, "ana", NOW) is None

    async def test_a_question_that_must_stand_alone_ends_every_other_of_its_person(
        self, journal: Journal, other: Journal
    ) -> None:
        for name, principal in (("a", "ana"), ("b", "ana"), ("c", "bea")):
            await opened(journal, a_question(name, principal=principal))
        await journal.decline("pay_b", "ana", NOW)
        for fresh in (True, False):
            alone = await other.open_challenge(
                a_question("d"), plainly, again_within=10 * MINUTE, no_stays=DAY, alone=True
            )
            assert alone.fresh is fresh
        found = [await journal.challenge(f"pay_{name}") for name in "abcd"]
        assert [one and one.state for one in found] == ["expired", "declined", "open", "open"]
        assert await history(journal, "pay_a") == ["asked", "expired"]
        assert (await journal.verify())[1] is None

    async def test_it_is_remembered_when_the_person_was_asked(self, journal: Journal, other: Journal) -> None:
        await opened(journal, a_question())
        await journal.asked("pay_a", NOW + SECOND)
        assert (await opened(other, a_question(id="pay_b"))).challenge.asked_at == NOW + SECOND


@pytest.mark.anyio
class TryPromises(_Opened):
    """How often a code may be wrong."""

    async def test_a_try_is_counted_before_anything_is_compared(self, journal: Journal, other: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        for n in range(1, 6):
            counted = await tried(journal, asked)
            assert counted.left == 5 - n
            known = await other.challenge(asked.id)
            assert known is not None
            assert known.attempts == n

    async def test_the_fifth_wrong_code_locks(self, journal: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        states = [await guess(journal, asked) for _ in range(5)]
        assert states == [ChallengeState.OPEN] * 4 + [ChallengeState.LOCKED]
        assert await history(journal, asked.id) == ["asked", *["wrong_code"] * 5, "locked"]
        assert [event.body.get("attempt") for event in (await journal.events(asked.id))[1:6]] == [1, 2, 3, 4, 5]

    async def test_a_sixth_try_is_refused_even_if_right(self, journal: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        for _ in range(5):
            await tried(journal, asked)  # nobody knows yet whether they were right
        assert await journal.count_try(asked.id, "ana", NOW, TALLY) == "locked"

    async def test_twenty_tries_at_once_are_five(self, journal: Journal, other: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        tries = [handle.count_try(asked.id, "ana", NOW, TALLY) for _ in range(10) for handle in (journal, other)]
        counted = await asyncio.gather(*tries)
        assert sorted(one.left for one in counted if isinstance(one, Counted)) == [0, 1, 2, 3, 4]
        assert [one for one in counted if not isinstance(one, Counted)] == ["locked"] * 15

    async def test_the_tenth_wrong_code_within_an_hour_locks_the_person(self, journal: Journal, other: Journal) -> None:
        for name in ("a", "b"):
            asked = (await opened(journal, a_question(name))).challenge
            for _ in range(5):
                await guess(journal, asked)
        third = (await opened(journal, a_question("c", expires_at=NOW + DAY))).challenge
        assert await other.count_try(third.id, "ana", NOW + HOUR - SECOND, TALLY) == "hourly"
        assert await other.count_try(None, "ana", NOW + HOUR - SECOND, TALLY) == "hourly"
        somebody = (await opened(journal, a_question("d", principal="bea"))).challenge
        assert (await tried(other, somebody)).left == 4
        assert (await tried(other, third, NOW + HOUR)).left == 4

    async def test_a_try_that_nobody_resolved_counts_as_wrong(self, journal: Journal) -> None:
        for name in ("a", "b"):
            asked = (await opened(journal, a_question(name))).challenge
            for _ in range(5):
                await tried(journal, asked)
        third = (await opened(journal, a_question("c"))).challenge
        assert await journal.count_try(third.id, "ana", NOW, TALLY) == "hourly"

    async def test_a_right_code_does_not_count(self, journal: Journal) -> None:
        for n in range(12):
            asked = (await opened(journal, a_question(f"{n}"))).challenge
            counted = await tried(journal, asked)
            assert isinstance(
                await journal.confirm_and_intend(counted, asked.id, None, an_intent(f"REF-{n}"), NOW), PaymentRecord
            )

    async def test_a_code_for_nothing_counts_as_wrong(self, journal: Journal) -> None:
        for _ in range(10):
            assert isinstance(await journal.count_try(None, "ana", NOW, TALLY), Counted)
        assert await journal.count_try(None, "ana", NOW, TALLY) == "hourly"

    async def test_an_ended_question_takes_no_more_tries(self, journal: Journal) -> None:
        await born(journal, "consumed")
        await opened(journal, a_question("declined"))
        await journal.decline("pay_declined", "ana", NOW)
        asked = (await opened(journal, a_question("locked"))).challenge
        for _ in range(5):
            await guess(journal, asked)
        for state in ("consumed", "declined", "locked"):
            assert await journal.count_try(f"pay_{state}", "ana", NOW, TALLY) == state
        assert await journal.count_try("pay_none", "ana", NOW, TALLY) == "expired"

    async def test_a_question_whose_time_is_over_expires_at_the_next_try(self, journal: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        assert (await tried(journal, asked, NOW + 10 * MINUTE - SECOND)).left == 4
        assert await journal.count_try(asked.id, "ana", NOW + 10 * MINUTE, TALLY) == "expired"
        known = await journal.challenge(asked.id)
        assert known is not None
        assert known.state is ChallengeState.EXPIRED
        assert await history(journal, asked.id) == ["asked", "expired"]


@pytest.mark.anyio
class BirthPromises(_Opened):
    """The one transaction in which a question ends and a payment begins."""

    async def test_a_confirmed_payment_is_born_sending_and_owned(self, journal: Journal, other: Journal) -> None:
        record = await born(journal)
        assert (record.state, record.fence, record.sends, record.looks) == (S.SENDING, 1, 1, 0)
        assert record.owner
        assert (record.created_at, record.sent_at, record.next_at) == (NOW, NOW, NOW)
        assert (record.body, record.facts) == (an_intent().body, an_intent().facts)
        assert (record.resend_until, record.absent_after) == (NOW + HOUR, NOW + DAY)
        asked = await other.challenge(record.id)
        assert asked is not None
        assert asked.state is ChallengeState.CONSUMED
        assert await other.payment(record.id) == record
        assert await other.by_reference("mock", "sandbox", "REF-a") == record
        assert await history(other, record.id) == ["asked", "confirmed"]

    async def test_a_code_is_consumed_once_by_twenty_calls_at_once(self, journal: Journal, other: Journal) -> None:
        asked = (await opened(journal, a_question())).challenge
        many = Tally(per_challenge=100, per_window=100)
        counted = [await tried(journal, asked, tally=many) for _ in range(20)]
        confirms = [
            handle.confirm_and_intend(one, asked.id, "step", an_intent(f"REF-{n}"), NOW)
            for n, (one, handle) in enumerate(zip(counted, [journal, other] * 10, strict=True))
        ]
        answers = await asyncio.gather(*confirms)
        payments = [one for one in answers if isinstance(one, PaymentRecord)]
        assert len(payments) == 1
        assert [one for one in answers if not isinstance(one, PaymentRecord)] == ["consumed"] * 19
        assert await journal.payments() == payments
        assert await history(journal, asked.id) == ["asked", "confirmed"]

    async def test_a_time_step_is_accepted_once(self, journal: Journal, other: Journal) -> None:
        for name in ("a", "b"):
            await opened(journal, a_question(name))
        first, second = [await tried(journal, a_question(name)) for name in ("a", "b")]
        answers = await asyncio.gather(
            journal.confirm_and_intend(first, "pay_a", "ana:59123", an_intent("REF-a"), NOW),
            other.confirm_and_intend(second, "pay_b", "ana:59123", an_intent("REF-b"), NOW),
        )
        assert sum(isinstance(one, PaymentRecord) for one in answers) == 1
        assert "used" in answers
        (paid,) = await journal.payments()
        left = "pay_b" if paid.id == "pay_a" else "pay_a"
        asked = await journal.challenge(left)
        assert asked is not None
        assert asked.state is ChallengeState.OPEN
        counted = await tried(journal, asked)
        assert await journal.confirm_and_intend(counted, left, "ana:59123", an_intent("REF-c"), NOW) == "used"
        with_the_next = await journal.confirm_and_intend(counted, left, "ana:59124", an_intent("REF-c"), NOW)
        assert isinstance(with_the_next, PaymentRecord)

    async def test_a_reference_is_taken_once_in_its_rail_and_mode(self, journal: Journal) -> None:
        await born(journal, "a", intent=an_intent("SAME"))
        await born(journal, "b", intent=an_intent("SAME"), rail="another")
        await born(journal, "c", intent=an_intent("SAME"), mode="test")
        asked = (await opened(journal, a_question("d"))).challenge
        counted = await tried(journal, asked)
        assert await journal.confirm_and_intend(counted, asked.id, "step", an_intent("SAME"), NOW) == "reference"
        assert await journal.challenge(asked.id) == replace(asked, attempts=1), "the question is open as before"
        assert await journal.payment(asked.id) is None
        assert await history(journal, asked.id) == ["asked"]
        anew = await journal.confirm_and_intend(counted, asked.id, "step", an_intent("OTHER"), NOW)
        assert isinstance(anew, PaymentRecord)

    async def test_a_reference_is_found_in_its_rail_and_mode_only(self, journal: Journal) -> None:
        record = await born(journal)
        assert await journal.by_reference("mock", "sandbox", "REF-a") == record
        assert await journal.by_reference("mock", "live", "REF-a") is None
        assert await journal.by_reference("spei", "sandbox", "REF-a") is None
        assert await journal.by_reference("mock", "sandbox", "REF-b") is None

    async def test_an_ended_question_gives_birth_to_nothing(self, journal: Journal) -> None:
        late = (await opened(journal, a_question("late"))).challenge
        counted = await tried(journal, late)
        ends: dict[str, str] = {"pay_none": "expired", "pay_declined": "declined", "pay_locked": "locked"}
        await opened(journal, a_question("declined"))
        await journal.decline("pay_declined", "ana", NOW)
        asked = (await opened(journal, a_question("locked"))).challenge
        for _ in range(5):
            await guess(journal, asked)
        for challenge_id, why in ends.items():
            assert await journal.confirm_and_intend(counted, challenge_id, None, an_intent(), NOW) == why
        assert await journal.confirm_and_intend(counted, late.id, None, an_intent(), NOW + 10 * MINUTE) == "expired"
        assert await journal.payments() == []

    async def test_the_newest_payments_come_first(self, journal: Journal) -> None:
        records = [await born(journal, name, at=NOW + n * SECOND) for n, name in enumerate("abcd")]
        spei = await born(journal, "e", at=NOW, rail="spei")
        pending = await moved(journal, records[1], S.PENDING)
        assert [one.id for one in await journal.payments()] == ["pay_d", "pay_c", "pay_b", "pay_e", "pay_a"]
        assert [one.id for one in await journal.payments(most=2)] == ["pay_d", "pay_c"]
        assert await journal.payments(states={S.PENDING}) == [pending]
        assert await journal.payments(states={S.SENDING}, rail="spei") == [spei]
        assert await journal.payment("pay_none") is None


@pytest.mark.anyio
class RefundPromises(_Opened):
    """A refund is a payment of its own, within what was paid."""

    async def test_ten_refunds_of_thirty_percent_at_once_are_three(self, journal: Journal, other: Journal) -> None:
        original = await settled(journal, amount=1000)
        calls = [paid_back((journal, other)[n % 2], f"r{n}", original, 300) for n in range(10)]
        answers = await asyncio.gather(*calls)
        assert sum(isinstance(one, PaymentRecord) for one in answers) == 3
        assert [one for one in answers if not isinstance(one, PaymentRecord)] == ["exceeds"] * 7

    async def test_a_refund_leaves_nothing_behind_where_it_is_too_much(self, journal: Journal) -> None:
        original = await settled(journal, amount=1000)
        assert await paid_back(journal, "r", original, 1001) == "exceeds"
        asked = await journal.challenge("pay_r")
        assert asked is not None
        assert asked.state is ChallengeState.OPEN
        assert await journal.payment("pay_r") is None
        assert isinstance(await paid_back(journal, "all", original, 1000), PaymentRecord)
        assert await paid_back(journal, "more", original, 1) == "exceeds"

    @pytest.mark.parametrize("state", [state for state in S if state is not S.SETTLED])
    async def test_only_what_has_settled_is_paid_back(self, journal: Journal, state: State) -> None:
        original = await in_state(journal, state, "a")
        assert await paid_back(journal, "r", original, 1) == "not_settled"
        assert await paid_back(journal, "s", replace(original, id="pay_none"), 1) == "not_settled"

    async def test_a_refund_in_doubt_holds_its_amount_and_a_rejected_one_gives_it_back(self, journal: Journal) -> None:
        original = await settled(journal, amount=1000)
        refund = await paid_back(journal, "r", original, 600)
        assert isinstance(refund, PaymentRecord)
        assert (refund.kind, refund.refund_of) == ("refund", original.id)
        refund = await moved(journal, refund, S.UNKNOWN)
        assert await paid_back(journal, "s", original, 600) == "exceeds"
        await moved(journal, refund, S.REJECTED)
        again = await paid_back(journal, "t", original, 600)
        assert isinstance(again, PaymentRecord)
        assert (await journal.payment(original.id)) == original, "nothing is paid back yet"
        await moved(journal, again, S.SETTLED)
        assert (await journal.payment(original.id)) == replace(original, refunded=600)


STEPS = [(before, after) for before in S for after in S]


@pytest.mark.anyio
class TransitionPromises(_Opened):
    """Which state follows which, on what authority, written once."""

    @pytest.mark.parametrize("leased", [True, False], ids=["leased", "on evidence"])
    async def test_life_allows_what_it_allows_and_nothing_else(self, journal: Journal, leased: bool) -> None:
        async def step(before: State, after: State) -> None:
            record = await in_state(journal, before, f"{before}-{after}")
            told = await history(journal, record.id)
            change = Change(to=after, event="moved", fence=record.fence if leased else None)
            known, done = await journal.record(record.id, change, NOW + SECOND)
            assert done == allowed(before, after, leased=leased), f"{before} to {after}"
            assert known == await journal.payment(record.id)
            assert known.state is (after if done else before)
            assert (await history(journal, record.id)) == told + ["moved"] * done

        await asyncio.gather(*(step(before, after) for before, after in STEPS))
        assert (await journal.verify())[1] is None

    async def test_a_negative_conclusion_needs_the_newest_lease(self, journal: Journal, other: Journal) -> None:
        record = await moved(journal, await born(journal), S.UNKNOWN, next_at=NOW)
        taken = await other.claim_one(record.id, NOW, ())
        assert taken is not None
        for to in (S.REJECTED, S.REVIEW, S.SENDING):
            for fence in (record.fence, taken.fence + 1, None):
                known, done = await journal.record(record.id, Change(to=to, event="no", fence=fence), NOW)
                assert (known, done) == (taken, False)
        await moved(other, taken, S.REJECTED)

    @pytest.mark.parametrize("fence", [None, 1, 2, 3, 99])
    @pytest.mark.parametrize("to", [S.PENDING, S.SETTLED, S.RETURNED])
    async def test_positive_evidence_counts_with_any_fence(
        self, journal: Journal, other: Journal, to: State, fence: int | None
    ) -> None:
        record = await moved(journal, await born(journal), S.UNKNOWN, next_at=NOW)
        assert await other.claim_one(record.id, NOW, ()) is not None
        known, done = await journal.record(record.id, Change(to=to, event="yes", fence=fence), NOW)
        assert done
        assert (known.state, known.owner, known.fence) == (to, None, 2)

    async def test_what_was_learned_is_kept(self, journal: Journal, other: Journal) -> None:
        record = await born(journal)
        change = Change(
            to=S.SETTLED,
            event="settled",
            why="it said so",
            next_at=NOW + HOUR,
            watch_until=NOW + DAY,
            settled_at=NOW - SECOND,
            rail_id="P-1",
            code="00",
            said="liquidado ✓",
            facts={"cep": "https://…"},
        )
        after, _ = await journal.record(record.id, change, NOW + SECOND)
        assert after == replace(
            record,
            state=S.SETTLED,
            owner=None,
            updated_at=NOW + SECOND,
            next_at=NOW + HOUR,
            watch_until=NOW + DAY,
            settled_at=NOW - SECOND,
            rail_id="P-1",
            code="00",
            said="liquidado ✓",
            facts={**record.facts, "cep": "https://…"},
        )
        assert await other.payment(record.id) == after
        assert (await other.events(record.id))[-1].body == {
            "from": "sending",
            "to": "settled",
            "sends": 1,
            "why": "it said so",
            "code": "00",
            "said": "liquidado ✓",
            "railId": "P-1",
            "settledAt": int((NOW - SECOND).timestamp() * 1000),
        }
        returned, _ = await journal.record(record.id, Change(to=S.RETURNED, event="returned"), NOW + DAY)
        assert (returned.rail_id, returned.settled_at) == ("P-1", NOW - SECOND), "what is known is not forgotten"

    async def test_a_second_send_is_counted_before_it_leaves(self, journal: Journal, other: Journal) -> None:
        record = await moved(journal, await born(journal), S.UNKNOWN, next_at=NOW)
        mine = await journal.claim_one(record.id, NOW, ())
        assert mine is not None
        again = await moved(journal, mine, S.SENDING, NOW + MINUTE, resend=True, next_at=NOW + MINUTE)
        assert (again.sends, again.sent_at, again.owner) == (2, NOW + MINUTE, mine.owner)
        assert (again.reference, again.body, again.created_at) == (record.reference, record.body, NOW)
        assert await other.payment(record.id) == again
        assert await other.claim_one(record.id, NOW + HOUR, ()) is None, "who sends it, owns it"

    async def test_twenty_proofs_at_once_are_written_once(self, journal: Journal, other: Journal) -> None:
        record = await born(journal)
        proof = Change(to=S.SETTLED, event="settled")
        answers = await asyncio.gather(*((journal, other)[n % 2].record(record.id, proof, NOW) for n in range(20)))
        assert sum(done for _, done in answers) == 1
        assert {known.state for known, _ in answers} == {S.SETTLED}
        assert await history(journal, record.id) == ["asked", "confirmed", "settled"]

    async def test_a_payment_that_is_not_there_cannot_be_written(self, journal: Journal) -> None:
        with pytest.raises(JournalUnavailable):
            await journal.record("pay_none", Change(to=S.SETTLED, event="settled"), NOW)

    @pytest.mark.parametrize("state", S)
    async def test_an_operator_decides_what_is_in_review_and_nothing_else(self, journal: Journal, state: State) -> None:
        for to in S:
            record = await in_state(journal, state, to.value)
            decided = await journal.decide(record.id, to, "op@riel", "statement of 2 March", NOW + HOUR)
            if to not in BY_AN_OPERATOR.get(state, frozenset()):
                assert decided is None
                assert await journal.payment(record.id) == record
                continue
            assert decided is not None
            assert (decided.state, decided.next_at, decided.owner) == (to, None, None)
            assert decided.settled_at == (NOW + HOUR if to is S.SETTLED else None)
            assert await journal.payment(record.id) == decided
            last = (await journal.events(record.id))[-1]
            assert (last.event, last.at) == ("decided", NOW + HOUR)
            assert last.body == {"from": "review", "to": to, "by": "op@riel", "evidence": "statement of 2 March"}
        assert await journal.decide("pay_none", S.SETTLED, "op", "none", NOW) is None


@pytest.mark.anyio
class LeasePromises(_Opened):
    """Who works on what: each payment has one owner at a time, and a dead one loses it."""

    async def test_what_a_living_process_owns_is_not_taken(self, journal: Journal, other: Journal) -> None:
        record = await born(journal)
        assert await other.claim(NOW + DAY, (), most=10) == []
        assert await other.claim_one(record.id, NOW + DAY, ()) is None
        assert await other.payment(record.id) == record

    async def test_what_a_process_works_on_it_does_not_claim_again(self, journal: Journal) -> None:
        record = await born(journal)
        assert await journal.claim(NOW, {record.id}, most=10) == []
        assert await journal.claim_one(record.id, NOW, {record.id}) is None
        (taken,) = await journal.claim(NOW, (), most=10)
        assert taken == replace(record, fence=2, looks=1)
        assert await journal.payment(record.id) == taken

    async def test_what_a_process_left_behind_is_taken_once(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        gone = await store.open()
        record = await born(gone)
        await gone.close()
        claims = await asyncio.gather(*((journal, other)[n % 2].claim(NOW, (), most=10) for n in range(2)))
        ((taken,),) = [claimed for claimed in claims if claimed]
        assert taken == replace(record, owner=taken.owner, fence=2, looks=1)
        assert taken.owner != record.owner

    async def test_only_what_is_due_is_claimed_the_longest_waiting_first(
        self, journal: Journal, other: Journal
    ) -> None:
        for n, name in enumerate("abcd"):
            await moved(journal, await born(journal, name), S.UNKNOWN, next_at=NOW + (4 - n) * SECOND)
        await moved(journal, await born(journal, "e"), S.REJECTED)
        assert await other.claim(NOW + SECOND - timedelta(milliseconds=1), (), most=10) == []
        first = await other.claim(NOW + 3 * SECOND, {"pay_d"}, most=1)
        assert [one.id for one in first] == ["pay_c"], "what is busy takes nobody's place"
        rest = await journal.claim(NOW + DAY, (), most=10)
        assert [one.id for one in rest] == ["pay_d", "pay_b", "pay_a"]

    async def test_payments_of_rails_that_are_not_asked_for_are_left_alone(self, journal: Journal) -> None:
        places: list[tuple[str, str, Mode]] = [
            ("a", "mock", "sandbox"),
            ("b", "mock", "test"),
            ("c", "spei", "sandbox"),
        ]
        for name, rail, mode in places:
            await moved(journal, await born(journal, name, rail=rail, mode=mode), S.UNKNOWN, next_at=NOW)
        assert await journal.claim(NOW, (), most=10, rails=()) == []
        assert await journal.claim(NOW, (), most=10, rails={("spei", "test")}) == []
        first = await journal.claim(NOW, (), most=10, rails={("mock", "test"), ("spei", "sandbox")})
        assert [one.id for one in first] == ["pay_b", "pay_c"]
        rest = await journal.claim(NOW, {"pay_b", "pay_c"}, most=10)
        assert [one.id for one in rest] == ["pay_a"]

    async def test_one_can_be_claimed_before_it_is_due(self, journal: Journal, other: Journal) -> None:
        record = await moved(journal, await born(journal), S.PENDING, next_at=NOW + DAY)
        taken = await other.claim_one(record.id, NOW, ())
        assert taken is not None
        assert (taken.fence, taken.looks) == (2, 1)
        assert await journal.claim_one(record.id, NOW, ()) is None
        assert await journal.claim_one("pay_none", NOW, ()) is None

    async def test_a_payment_of_which_nothing_more_is_expected_is_left_alone(self, journal: Journal) -> None:
        record = await settled(journal)
        assert record.next_at is None
        assert await journal.claim(NOW + DAY, (), most=10) == []
        assert await journal.claim_one(record.id, NOW, ()) is None

    async def test_a_lease_is_given_back_until_the_payment_is_due_again(self, journal: Journal, other: Journal) -> None:
        await moved(journal, await born(journal), S.UNKNOWN, next_at=NOW)
        for looks in (1, 2):
            (taken,) = await journal.claim(NOW, (), most=1)
            assert taken.looks == looks
            await journal.put_back(taken.id, taken.fence, NOW)
        (taken,) = await journal.claim(NOW, (), most=1)
        await journal.put_back(taken.id, taken.fence, NOW + MINUTE)
        assert await other.claim(NOW + MINUTE - SECOND, (), most=1) == []
        (theirs,) = await other.claim(NOW + MINUTE, (), most=1)
        assert theirs.fence == taken.fence + 1
        await journal.put_back(taken.id, taken.fence, None)
        assert await journal.payment(taken.id) == theirs, "the old lease gives nothing back"
        await other.put_back(theirs.id, theirs.fence, None)
        assert await journal.claim(NOW + DAY, (), most=1) == []

    async def test_looks_are_counted_since_the_last_change(self, journal: Journal) -> None:
        await moved(journal, await born(journal), S.UNKNOWN, next_at=NOW)
        (taken,) = await journal.claim(NOW, (), most=1)
        assert taken.looks == 1
        assert (await moved(journal, taken, S.PENDING)).looks == 0


async def audited(journal: Journal) -> list[Event]:
    """The events of a payment with a life behind it, and a second one: sealed in two anchors, the last event not."""
    await settled(journal, "b")
    asked = (await opened(journal, a_question("a"))).challenge
    await guess(journal, asked)
    assert await journal.anchor(NOW)
    record = await born(journal, "a")
    assert await journal.anchor(NOW + SECOND)
    await moved(journal, record, S.UNKNOWN)
    return list(await journal.events("pay_a"))


Deed = Callable[[list[Event]], Iterable[str]]

OF_A = "WHERE payment_id = 'pay_a' AND n"
EVERYWHERE = (("events", "payment_id"), ("tries", "challenge"), ("payments", "id"), ("challenges", "id"))

DEEDS: dict[str, tuple[Deed, str, int, str]] = {
    "an altered body": (lambda events: [f"UPDATE events SET body = '{{}}' {OF_A} = 2"], "pay_a", 2, "altered"),
    "an altered name": (lambda events: [f"UPDATE events SET event = 'asked' {OF_A} = 3"], "pay_a", 3, "altered"),
    "an altered time": (lambda events: [f"UPDATE events SET at = at + 1 {OF_A} = 3"], "pay_a", 3, "altered"),
    "an altered hash": (lambda events: [f"UPDATE events SET hash = 'f' {OF_A} = 1"], "pay_a", 1, "altered"),
    "an altered amount": (lambda events: ["UPDATE payments SET amount = 1 WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "an altered payee": (lambda events: ["UPDATE payments SET payee = 'X' WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "altered bytes": (lambda events: ["UPDATE payments SET body = x'00' WHERE id = 'pay_a'"], "pay_a", 3, "altered"),
    "a removed beginning": (lambda events: [f"DELETE FROM events {OF_A} = 1"], "pay_a", 1, "removed"),
    "a removed middle": (lambda events: [f"DELETE FROM events {OF_A} = 2"], "pay_a", 2, "removed"),
    "a removed tail": (lambda events: [f"DELETE FROM events {OF_A} = 4"], "pay_a", 4, "missing"),
    "a longer removed tail": (lambda events: [f"DELETE FROM events {OF_A} > 2"], "pay_a", 3, "missing"),
    "a removed chain": (lambda events: [f"DELETE FROM events {OF_A} > 0"], "pay_a", 1, "whole chain"),
    "two events that changed places": (
        lambda events: [
            f"UPDATE events SET n = -2 {OF_A} = 2",
            f"UPDATE events SET n = 2 {OF_A} = 3",
            f"UPDATE events SET n = 3 {OF_A} = -2",
        ],
        "pay_a",
        2,
        "reordered|altered",
    ),
    "two events written in another order": (
        lambda events: [
            f"UPDATE events SET seq = -1 {OF_A} = 2",
            f"UPDATE events SET seq = {events[1].seq} {OF_A} = 3",
            f"UPDATE events SET seq = {events[2].seq} {OF_A} = 2",
        ],
        "pay_a",
        3,
        "reordered",
    ),
    "a state that no event tells of": (
        lambda events: ["UPDATE payments SET state = 'settled' WHERE id = 'pay_a'"],
        "pay_a",
        5,
        "'settled'",
    ),
    "a question opened again": (
        lambda events: ["UPDATE challenges SET state = 'open' WHERE id = 'pay_b'", "DELETE FROM payments"],
        "pay_a",
        5,
        "'consumed'",
    ),
    "a payment removed from under its chain": (
        lambda events: ["DELETE FROM payments WHERE id = 'pay_a'", "DELETE FROM challenges WHERE id = 'pay_a'"],
        "pay_a",
        5,
        "itself missing",
    ),
    "a payment removed with its chain": (
        lambda events: [f"DELETE FROM {table} WHERE {key} = 'pay_a'" for table, key in EVERYWHERE],
        "",
        1,
        "anchor 1",
    ),
    "an event altered and every hash after it made anew": (lambda events: forged(events), "", 2, "anchor 2"),
    "an altered anchor": (lambda events: ["UPDATE anchors SET hash = 'f' WHERE n = 1"], "", 1, "anchor 1"),
    "an anchor that seals less": (lambda events: ["UPDATE anchors SET upto = upto - 1 WHERE n = 1"], "", 1, "anchor 1"),
    "a removed anchor": (lambda events: ["DELETE FROM anchors WHERE n = 1"], "", 1, "anchor 1 is missing"),
}
"""What an intruder does, and what is then named: the payment, the number of the event (or anchor), in which words."""


def forged(events: list[Event]) -> list[str]:
    """A chain that holds again, with another amount in its third event."""
    statements, previous = [], events[1].hash
    for event in events[2:]:
        text = canonical(event.body).replace("50000", "5")
        at = int(event.at.timestamp() * 1000)
        previous = link(previous, event.payment_id, event.n, at, event.event, text)
        statements.append(f"UPDATE events SET body = '{text}', hash = '{previous}' {OF_A} = {event.n}")
    return statements


@pytest.mark.anyio
class AuditPromises(_Opened):
    """The record can be read back, and tells of everybody who touched it."""

    async def test_an_untouched_record_verifies(self, journal: Journal, other: Journal) -> None:
        assert await journal.verify() == (0, None)
        await audited(journal)
        assert await other.verify() == (7, None)

    async def test_each_payment_has_a_chain_of_its_own(self, journal: Journal) -> None:
        events = await audited(journal)
        assert [(event.n, event.event) for event in events] == [
            (1, "asked"),
            (2, "wrong_code"),
            (3, "confirmed"),
            (4, "unknown"),
        ]
        previous = ""
        for event in events:
            at = int(event.at.timestamp() * 1000)
            assert event.hash == link(previous, "pay_a", event.n, at, event.event, canonical(event.body))
            previous = event.hash
        assert await journal.events("pay_none") == []

    async def test_parallel_writers_leave_chains_that_hold(self, journal: Journal, other: Journal) -> None:
        await opened(journal, a_question())
        notes = [(journal, other)[n % 2].note("pay_a", "seen", {"n": n}, NOW) for n in range(20)]
        await asyncio.gather(*notes, journal.anchor(NOW), other.anchor(NOW), other.anchor(NOW))
        events = await journal.events("pay_a")
        assert [event.n for event in events] == list(range(1, 22))
        assert await journal.verify() == (21, None)

    async def test_an_anchor_seals_what_is_new(self, journal: Journal, other: Journal) -> None:
        assert not await journal.anchor(NOW)
        await opened(journal, a_question())
        assert await other.anchor(NOW)
        assert not await journal.anchor(NOW + SECOND)

    @pytest.mark.parametrize("deed", DEEDS)
    async def test_who_tampers_is_told_on(self, store: Store, journal: Journal, deed: str) -> None:
        does, payment, n, sentence = DEEDS[deed]
        events = await audited(journal)
        store.tamper(*does(events))
        _, broken = await journal.verify()
        assert broken is not None, "nobody noticed"
        assert (broken.payment_id, broken.n) == (payment, n), broken.sentence
        assert any(words in broken.sentence for words in sentence.split("|")), broken.sentence

    async def test_a_cut_that_leaves_the_state_right_is_found_once_it_is_sealed(
        self, store: Store, journal: Journal
    ) -> None:
        await opened(journal, a_question())
        await journal.note("pay_a", "seen", {}, NOW)
        await journal.anchor(NOW)
        store.tamper(f"DELETE FROM events {OF_A} = 2")
        _, broken = await journal.verify()
        assert broken is not None
        assert "anchor 1 seals 2 events" in broken.sentence

    async def test_the_first_of_several_breaks_is_named(self, store: Store, journal: Journal) -> None:
        await audited(journal)
        store.tamper("UPDATE events SET at = at + 1", "UPDATE anchors SET hash = 'f'")
        _, broken = await journal.verify()
        assert broken is not None
        assert (broken.payment_id, broken.n) == ("pay_a", 1)

    async def test_events_and_messages_hold_no_whole_account(self, journal: Journal) -> None:
        await settled(journal)
        told = [str(event.body) for event in await journal.events("pay_a")]
        told += [str(message.body) for message in await journal.take_messages(NOW, lease=MINUTE, most=10)]
        assert not [text for text in told if ACCOUNT in text]
        assert any("**************7895" in text for text in told)


@pytest.mark.anyio
class OutboxPromises(_Opened):
    """Others are told of every end, at least once."""

    @staticmethod
    async def taken(journal: Journal, at: datetime = NOW, most: int = 100) -> list[Message]:
        return list(await journal.take_messages(at, lease=MINUTE, most=most))

    @pytest.mark.parametrize("state", S)
    async def test_each_final_state_is_told_of_once_and_no_other(self, journal: Journal, state: State) -> None:
        record = await in_state(journal, state, "a")
        for _ in range(2):
            await journal.record(record.id, Change(to=state, event="again", fence=record.fence), NOW)
        messages = await self.taken(journal)
        assert [message.topic for message in messages] == [f"payment.{state}"] * (state in FINAL)
        for message in messages:
            assert message.body == {
                "paymentId": "pay_a",
                "kind": "payment",
                "rail": "mock",
                "mode": "sandbox",
                "reference": "REF-a",
                "amount": 50_000,
                "currency": "MXN",
                "state": state,
                "code": "",
            }

    async def test_every_step_of_a_life_is_told_under_an_id_of_its_own(self, journal: Journal) -> None:
        record = await settled(journal)
        await moved(journal, record, S.RETURNED, NOW + SECOND)
        refund = await paid_back(journal, "r", await settled(journal, "b"), 100)
        assert isinstance(refund, PaymentRecord)
        await moved(journal, refund, S.REVIEW, NOW + SECOND)
        await journal.decide(refund.id, S.SETTLED, "op", "statement", NOW + 2 * SECOND)
        messages = await self.taken(journal, NOW + HOUR)
        assert sorted(message.topic for message in messages) == [
            "payment.returned",
            "payment.settled",
            "payment.settled",
            "refund.review",
            "refund.settled",
        ]
        assert len({message.id for message in messages}) == 5

    async def test_a_message_is_leased_and_comes_again_until_it_was_sent(
        self, journal: Journal, other: Journal
    ) -> None:
        await settled(journal)
        both = await asyncio.gather(self.taken(journal), self.taken(other))
        ((message,),) = [messages for messages in both if messages]
        assert (message.attempts, message.created_at) == (1, NOW)
        assert await self.taken(other, NOW + MINUTE - SECOND) == []
        assert await self.taken(other, NOW + MINUTE) == [replace(message, attempts=2)]
        await other.message_sent(message.id, NOW + MINUTE + SECOND)
        assert await self.taken(journal, NOW + DAY) == []

    async def test_as_many_messages_are_taken_as_were_asked_for(self, journal: Journal) -> None:
        for name in "abc":
            await settled(journal, name)
        assert len(await self.taken(journal, most=2)) == 2
        assert len(await self.taken(journal, most=2)) == 1


@pytest.mark.anyio
class KeepingPromises(_Opened):
    """What was answered is there after everybody has gone."""

    async def test_everything_is_there_after_it_was_opened_again(self, store: Store) -> None:
        before = await store.open()
        await audited(before)
        waiting = (await opened(before, a_question("open"))).challenge
        payments, events = await before.payments(), await before.events("pay_a")
        await before.close()
        after = await store.open()
        assert await after.payments() == payments
        assert await after.events("pay_a") == events
        assert await after.challenge(waiting.id) == waiting
        assert await after.verify() == (8, None)
        assert len(await after.take_messages(NOW, lease=MINUTE, most=10)) == 1
        await after.close()

    async def test_a_closed_journal_takes_nothing(self, store: Store) -> None:
        journal = await store.open()
        await journal.close()
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await opened(journal, a_question())

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(2026, 3, 2, 23, 59, 59, 999_000, tzinfo=UTC),
            datetime(2038, 1, 19, 3, 14, 8, 1_000, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        ],
        ids=str,
    )
    async def test_times_are_kept_to_the_millisecond(self, journal: Journal, at: datetime) -> None:
        record = await born(journal)
        after = await moved(journal, record, S.SETTLED, next_at=at.astimezone(MEXICO), watch_until=at, settled_at=at)
        assert await journal.payment(record.id) == after
        assert (after.next_at, after.watch_until, after.settled_at) == (at, at, at)

    async def test_the_end_of_time_can_be_kept(self, journal: Journal) -> None:
        forever = datetime.max.replace(tzinfo=UTC)
        record = await moved(journal, await born(journal), S.SETTLED, next_at=NOW, watch_until=forever)
        (taken,) = await journal.claim(NOW, (), most=1)
        assert taken.id == record.id
        assert taken.watch_until is not None
        assert taken.watch_until > NOW + 7000 * 365 * DAY

    @pytest.mark.parametrize(
        "name", ["Peñón", "Pen\u0303o\u0301n", "株式会社", "مؤسسة", "👩‍👩‍👧 e\u200b", "'; DROP TABLE events; --"]
    )
    async def test_every_letter_is_kept(self, journal: Journal, other: Journal, name: str) -> None:
        payee = Payee(ACCOUNT, name, name)
        record = await born(journal, payee=payee, principal=name, intent=an_intent(name, facts={name: name}))
        after = await moved(journal, record, S.REJECTED, said=name, code=name, why=name)
        assert await other.payment(record.id) == after
        assert after.payee == payee
        assert (await other.events(record.id))[-1].body["said"] == name
        assert (await other.verify())[1] is None


class JournalPromises(
    QuestionPromises,
    TryPromises,
    BirthPromises,
    RefundPromises,
    TransitionPromises,
    LeasePromises,
    AuditPromises,
    OutboxPromises,
    KeepingPromises,
):
    """All of them."""
