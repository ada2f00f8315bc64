"""What a journal promises of the beginning of a payment, and of a refund, which is one too."""

import asyncio
from dataclasses import replace

import pytest

from riel.errors import Code
from riel.journal import AttemptLimits, ChallengeState, Journal, PayeeHistory, PaymentRecord, State
from riel.rail import Mode
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    TwoHandles,
    claim,
    count_attempt,
    create_in_state,
    create_payment,
    create_refund,
    create_settled,
    enter_wrong_code,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
)


@pytest.mark.anyio
class CreationPromises(TwoHandles):
    """The one transaction in which a question ends and a payment begins."""

    async def test_a_confirmed_payment_is_born_sending_and_owned(self, journal: Journal, other: Journal) -> None:
        record = await create_payment(journal)
        assert (record.state, record.fence, record.sends, record.lookups) == (S.SENDING, 1, 1, 0)
        assert record.owner
        assert (record.created_at, record.sent_at, record.next_at) == (NOW, NOW, NOW)
        assert (record.body, record.facts) == (new_intent().body, new_intent().facts)
        assert (record.resend_until, record.absent_after) == (NOW + HOUR, NOW + DAY)
        asked = await other.challenge(record.id)
        assert asked is not None
        assert asked.state is ChallengeState.CONSUMED
        assert await other.payment(record.id) == record
        assert await other.by_reference("mock", "sandbox", "REF-a") == record
        assert await event_names(other, record.id) == ["challenge.opened", "payment.created"]

    async def test_a_code_is_consumed_once_by_twenty_calls_at_once(self, journal: Journal, other: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        many = AttemptLimits(per_challenge=100, per_window=100)
        counted = [await count_attempt(journal, asked, tally=many) for _ in range(20)]
        confirms = [
            handle.create_payment(one, asked.id, "step", new_intent(f"REF-{n}"), NOW)
            for n, (one, handle) in enumerate(zip(counted, [journal, other] * 10, strict=True))
        ]
        answers = await asyncio.gather(*confirms)
        payments = [one for one in answers if isinstance(one, PaymentRecord)]
        assert len(payments) == 1
        assert [one for one in answers if not isinstance(one, PaymentRecord)] == ["consumed"] * 19
        assert await journal.payments() == payments
        assert await event_names(journal, asked.id) == ["challenge.opened", "payment.created"]

    async def test_a_time_step_is_accepted_once(self, journal: Journal, other: Journal) -> None:
        for name in ("a", "b"):
            await open_challenge(journal, new_challenge(name))
        first, second = [await count_attempt(journal, new_challenge(name)) for name in ("a", "b")]
        answers = await asyncio.gather(
            journal.create_payment(first, "pay_a", "ana:59123", new_intent("REF-a"), NOW),
            other.create_payment(second, "pay_b", "ana:59123", new_intent("REF-b"), NOW),
        )
        assert sum(isinstance(one, PaymentRecord) for one in answers) == 1
        assert "code_reused" in answers
        (paid,) = await journal.payments()
        left = "pay_b" if paid.id == "pay_a" else "pay_a"
        asked = await journal.challenge(left)
        assert asked is not None
        assert asked.state is ChallengeState.OPEN
        counted = await count_attempt(journal, asked)
        assert await journal.create_payment(counted, left, "ana:59123", new_intent("REF-c"), NOW) == "code_reused"
        with_the_next = await journal.create_payment(counted, left, "ana:59124", new_intent("REF-c"), NOW)
        assert isinstance(with_the_next, PaymentRecord)

    async def test_a_reference_is_taken_once_in_its_rail_and_mode(self, journal: Journal) -> None:
        await create_payment(journal, "a", intent=new_intent("SAME"))
        await create_payment(journal, "b", intent=new_intent("SAME"), rail="another")
        await create_payment(journal, "c", intent=new_intent("SAME"), mode="test")
        asked = (await open_challenge(journal, new_challenge("d"))).challenge
        counted = await count_attempt(journal, asked)
        assert await journal.create_payment(counted, asked.id, "step", new_intent("SAME"), NOW) == "reference_taken"
        assert await journal.challenge(asked.id) == replace(asked, attempts=1), "the question is open as before"
        assert await journal.payment(asked.id) is None
        assert await event_names(journal, asked.id) == ["challenge.opened"]
        anew = await journal.create_payment(counted, asked.id, "step", new_intent("OTHER"), NOW)
        assert isinstance(anew, PaymentRecord)

    async def test_the_reference_of_a_payment_that_never_left_is_free_again(
        self, journal: Journal, other: Journal
    ) -> None:
        unsent = await create_payment(journal, "a", intent=new_intent("SAME"))
        await move(journal, unsent, S.REJECTED, code=Code.RAIL_UNREACHABLE.value, event="not_sent")
        found = await other.by_reference("mock", "sandbox", "SAME")
        assert found is not None
        assert found.id == unsent.id
        again = await create_payment(other, "b", at=NOW + MINUTE, intent=new_intent("SAME"))
        assert await journal.by_reference("mock", "sandbox", "SAME") == again
        asked = (await open_challenge(journal, new_challenge("c"))).challenge
        counted = await count_attempt(journal, asked)
        assert await journal.create_payment(counted, asked.id, None, new_intent("SAME"), NOW) == "reference_taken"
        await move(other, again, S.REJECTED, code="NO_FUNDS")
        assert await journal.create_payment(counted, asked.id, None, new_intent("SAME"), NOW) == "reference_taken"
        assert (await journal.verify())[1] is None

    async def test_a_reference_is_found_in_its_rail_and_mode_only(self, journal: Journal) -> None:
        record = await create_payment(journal)
        assert await journal.by_reference("mock", "sandbox", "REF-a") == record
        assert await journal.by_reference("mock", "live", "REF-a") is None
        assert await journal.by_reference("spei", "sandbox", "REF-a") is None
        assert await journal.by_reference("mock", "sandbox", "REF-b") is None

    async def test_an_ended_question_gives_birth_to_nothing(self, journal: Journal) -> None:
        late = (await open_challenge(journal, new_challenge("late"))).challenge
        counted = await count_attempt(journal, late)
        ends: dict[str, str] = {"pay_none": "expired", "pay_declined": "declined", "pay_locked": "locked"}
        await open_challenge(journal, new_challenge("declined"))
        await journal.decline("pay_declined", "ana", NOW)
        asked = (await open_challenge(journal, new_challenge("locked"))).challenge
        for _ in range(5):
            await enter_wrong_code(journal, asked)
        for challenge_id, why in ends.items():
            assert await journal.create_payment(counted, challenge_id, None, new_intent(), NOW) == why
        assert await journal.create_payment(counted, late.id, None, new_intent(), NOW + 10 * MINUTE) == "expired"
        assert await journal.payments() == []

    async def test_the_newest_payments_come_first(self, journal: Journal) -> None:
        records = [await create_payment(journal, name, at=NOW + n * SECOND) for n, name in enumerate("abcd")]
        spei = await create_payment(journal, "e", at=NOW, rail="spei")
        pending = await move(journal, records[1], S.PENDING)
        assert [one.id for one in await journal.payments()] == ["pay_d", "pay_c", "pay_b", "pay_e", "pay_a"]
        assert [one.id for one in await journal.payments(most=2)] == ["pay_d", "pay_c"]
        assert await journal.payments(states={S.PENDING}) == [pending]
        assert await journal.payments(states={S.SENDING}, rail="spei") == [spei]
        assert await journal.payment("pay_none") is None

    async def test_the_payments_to_an_account_are_told_whoever_asked_for_them(
        self, journal: Journal, other: Journal
    ) -> None:
        times = {"a": NOW - HOUR, "b": NOW, "c": NOW + MINUTE}
        old, first, second = [await create_payment(journal, name, at=at) for name, at in times.items()]
        payee: tuple[str, Mode, str] = ("mock", "sandbox", old.payee.account)
        nothing = PayeeHistory(has_settled=False, recent=[])
        others: list[tuple[str, Mode, str]] = [("mock", "live", payee[2]), ("spei", "sandbox", payee[2])]
        for unknown in (*others, (payee[0], payee[1], "0")):
            assert await other.payee_history(*unknown, since=NOW) == nothing
        history = await other.payee_history(*payee, since=NOW)
        assert history == PayeeHistory(has_settled=False, recent=[second, first])
        assert (await other.payee_history(*payee, since=NOW, most=1)).recent == [second]
        settled = await move(journal, old, S.SETTLED)
        await create_refund(journal, "r", settled, 1)
        history = await other.payee_history(*payee, since=NOW)
        assert history == PayeeHistory(has_settled=True, recent=[second, first])


@pytest.mark.anyio
class RefundPromises(TwoHandles):
    """A refund is a payment of its own, within what was paid."""

    async def test_ten_refunds_of_thirty_percent_at_once_are_three(self, journal: Journal, other: Journal) -> None:
        original = await create_settled(journal, amount=1000)
        calls = [create_refund((journal, other)[n % 2], f"r{n}", original, 300) for n in range(10)]
        answers = await asyncio.gather(*calls)
        assert sum(isinstance(one, PaymentRecord) for one in answers) == 3
        assert [one for one in answers if not isinstance(one, PaymentRecord)] == ["exceeds_payment"] * 7

    async def test_a_refund_leaves_nothing_behind_where_it_is_too_much(self, journal: Journal) -> None:
        original = await create_settled(journal, amount=1000)
        assert await create_refund(journal, "r", original, 1001) == "exceeds_payment"
        asked = await journal.challenge("pay_r")
        assert asked is not None
        assert asked.state is ChallengeState.OPEN
        assert await journal.payment("pay_r") is None
        assert isinstance(await create_refund(journal, "all", original, 1000), PaymentRecord)
        assert await create_refund(journal, "more", original, 1) == "exceeds_payment"

    @pytest.mark.parametrize("state", [state for state in S if state is not S.SETTLED])
    async def test_only_what_has_settled_is_paid_back(self, journal: Journal, state: State) -> None:
        original = await create_in_state(journal, state, "a")
        assert await create_refund(journal, "r", original, 1) == "not_settled"
        assert await create_refund(journal, "s", replace(original, id="pay_none"), 1) == "not_settled"

    async def test_a_refund_in_doubt_holds_its_amount_and_a_rejected_one_gives_it_back(self, journal: Journal) -> None:
        original = await create_settled(journal, amount=1000)
        refund = await create_refund(journal, "r", original, 600)
        assert isinstance(refund, PaymentRecord)
        assert (refund.kind, refund.refund_of) == ("refund", original.id)
        refund = await move(journal, refund, S.UNKNOWN, next_at=NOW)
        assert await create_refund(journal, "s", original, 600) == "exceeds_payment"
        await move(journal, await claim(journal, refund), S.REJECTED)
        again = await create_refund(journal, "t", original, 600)
        assert isinstance(again, PaymentRecord)
        assert (await journal.payment(original.id)) == original, "nothing is paid back yet"
        await move(journal, again, S.SETTLED)
        assert (await journal.payment(original.id)) == replace(original, refunded=600)

    async def test_what_a_rejected_refund_asked_for_is_taken_for_as_long_as_it_is_watched(
        self, journal: Journal, other: Journal
    ) -> None:
        original = await create_settled(journal, amount=1000)
        refund = await create_refund(journal, "r", original, 600)
        assert isinstance(refund, PaymentRecord)
        await move(journal, refund, S.REJECTED, next_at=NOW, watch_until=NOW + HOUR)
        assert await create_refund(other, "s", original, 401) == "exceeds_payment"
        within = await create_refund(other, "t", original, 400)
        assert isinstance(within, PaymentRecord)
        assert [one.id for one in await journal.refunds(original.id)] == [refund.id, within.id]
        rejected = await move(other, within, S.REJECTED, next_at=NOW, watch_until=NOW)
        assert await create_refund(journal, "u", original, 401) == "exceeds_payment"
        assert await create_refund(journal, "w", original, 1) == "exceeds_payment", "no look-up has seen the end of it"
        taken = await claim(other, rejected)
        await other.release(taken.id, taken.fence, None)
        assert isinstance(await create_refund(journal, "v", original, 400), PaymentRecord)
