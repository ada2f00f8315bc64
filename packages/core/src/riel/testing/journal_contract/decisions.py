"""What a journal promises of the decisions of people: each counts once, and the last that is needed pays, once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from riel.confirm.decisions import Decision, Weighing
from riel.crash_points import at_crash_points
from riel.errors import JournalUnavailable
from riel.journal import (
    Challenge,
    ChallengeState,
    Control,
    DecisionResult,
    Journal,
    LimitReached,
    PaymentRecord,
    State,
    Weigh,
)
from riel.journal.controls import PEOPLE, POLICY, REHEARSAL_PEOPLE, people_control
from riel.testing.journal_contract.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    S,
    Store,
    TwoHandles,
    count_attempt,
    create_in_state,
    create_payment,
    create_settled,
    event_names,
    new_challenge,
    new_intent,
    open_challenge,
    try_to_open,
)
from riel.testing.journal_contract.freeze import set_freeze
from riel.testing.journal_contract.reservations import SCOPE, new_reservation

BY = {"by": "ana", "action": "add"}


def new_question(name: str = "a", **changes: Any) -> Challenge:
    """A challenge that people decide."""
    asked = {"factor": "people", "request": '{"tool":"send_payment"}', "requirement": '{"need":2}'}
    return new_challenge(name, **{**asked, **changes})


def new_decision(approver: str = "ana", name: str = "a", **changes: Any) -> Decision:
    """A yes with a passkey."""
    decision = Decision(
        challenge_id=f"pay_{name}",
        approver=approver,
        verdict="yes",
        how="passkey",
        credential=f"key of {approver}",
        proof={"signature": "c2lnbmF0dXJl", "nonce": f"{approver} {name}"},
        replay_key=f"{approver} {name}",
        policy_version=1,
        at=NOW,
    )
    return replace(decision, **changes)


def needing(need: int, seen: list[Any] | None = None) -> Weigh:
    """Weigh by counting; eve does not count. What it was given is put into ``seen``."""

    def weigh(
        challenge: Challenge, decisions: Sequence[Decision], people: Control | None, policy: Control | None
    ) -> Weighing | str:
        if seen is not None:
            seen.append((challenge, list(decisions), people, policy))
        if decisions[-1].approver == "eve":
            return "eve is no approver"
        approvers = tuple(sorted(one.approver for one in decisions if one.verdict == "yes"))
        declined_by = next((one.approver for one in decisions if one.verdict == "no"), "")
        approved = len(approvers) >= need and not declined_by
        return Weighing(approvers=approvers, need=need, approved=approved, declined_by=declined_by)

    return weigh


async def decide(
    journal: Journal, approver: str = "ana", name: str = "a", *, need: int = 1, intent: Any = None, **changes: Any
) -> PaymentRecord | DecisionResult | LimitReached:
    """Decide about a challenge."""
    intent = intent or new_intent(f"REF-{name}")
    return await journal.decide(new_decision(approver, name, **changes), needing(need), intent, NOW)


async def is_untouched(journal: Journal, name: str = "a", *, given: int = 0, state: str = "open") -> bool:
    """Whether a challenge waits as before for its people, with so many decisions."""
    challenge = await journal.challenge(f"pay_{name}")
    events = ["challenge.opened", *["challenge.decided"] * given]
    return (
        challenge is not None
        and challenge.state == state
        and len(await journal.decisions(challenge.id)) == given
        and await event_names(journal, challenge.id) == events
        and await journal.payment(challenge.id) is None
    )


@contextmanager
def interrupted(point: str) -> Iterator[None]:
    """The next commit fails at that point."""
    passed: list[str] = []

    def hook(name: str) -> None:
        if name == point and not passed:
            passed.append(name)
            raise CommitInterrupted

    at_crash_points(hook)
    try:
        yield
    finally:
        at_crash_points(None)
    assert passed


class CommitInterrupted(Exception):
    """A commit was interrupted."""


DECISION_EDITS: dict[str, str] = {
    "a verdict": "UPDATE decisions SET verdict = 'no' WHERE approver = 'ana'",
    "an approver": "UPDATE decisions SET approver = 'luis' WHERE approver = 'ana'",
    "a credential": "UPDATE decisions SET credential = 'x'",
    "a proof": "UPDATE decisions SET proof = '{}'",
    "how": "UPDATE decisions SET how = 'click'",
    "a time": "UPDATE decisions SET at = at - 1",
    "a policy version": "UPDATE decisions SET policy_version = 9",
    "a challenge": "UPDATE decisions SET challenge_id = 'pay_b'",
    "a replay key": "UPDATE decisions SET replay_key = NULL",
    "a decision that was put in": (
        "INSERT INTO decisions (challenge_id, approver, verdict, how, credential, proof, replay_key, policy_version, "
        "reason, at, mac) SELECT challenge_id, 'luis', verdict, how, credential, proof, 'x', policy_version, reason, "
        "at, mac FROM decisions"
    ),
}
"""What an intruder edits of the decision of ana about ``pay_a``."""

Undecidable = Callable[[Journal], Any]


async def _decline(journal: Journal) -> None:
    await journal.decline("pay_a", "ana", NOW)


async def _end(journal: Journal) -> None:
    await journal.end_open_challenges("restored", NOW)


async def _pay(journal: Journal) -> None:
    await decide(journal, "bea")


ENDS: dict[str, Undecidable] = {"declined": _decline, "expired": _end, "consumed": _pay}


@pytest.mark.anyio
class DecisionPromises(TwoHandles):
    """The one transaction in which people decide, and a payment begins."""

    async def test_what_people_decide_is_kept_as_it_was_asked(self, journal: Journal, other: Journal) -> None:
        asked = (await open_challenge(journal, new_question())).challenge
        assert (asked.request, asked.requirement) == ('{"tool":"send_payment"}', '{"need":2}')
        assert await other.challenge("pay_a") == asked
        (opened,) = await other.events("pay_a")
        assert opened.body["requirement"] == '{"need":2}'

    async def test_the_decision_that_is_enough_creates_the_payment(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question())
        record = await decide(journal)
        assert isinstance(record, PaymentRecord)
        assert (record.state, record.fence, record.sends) == (S.SENDING, 1, 1)
        assert record.body == new_intent().body
        assert await other.payment("pay_a") == record
        asked = await other.challenge("pay_a")
        assert asked is not None
        assert (asked.state, asked.replay_key) == (ChallengeState.CONSUMED, None)
        assert await other.decisions("pay_a") == [new_decision()]
        _, decided, created = await other.events("pay_a")
        assert (decided.event, created.event) == ("challenge.decided", "payment.created")
        assert decided.body["by"] == "ana"
        assert (decided.body["verdict"], decided.body["how"]) == ("yes", "passkey")
        assert (decided.body["credential"], decided.body["policyVersion"]) == ("key of ana", 1)
        assert created.body["approvers"] == ["ana"]
        assert (await journal.verify())[1] is None

    async def test_a_payment_waits_for_as_many_as_are_needed(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question())
        assert await decide(journal, "ana", need=2) == DecisionResult("waiting", 1, 2)
        assert await is_untouched(journal, given=1)
        assert (await journal.verify())[1] is None
        record = await decide(other, "luis", need=2)
        assert isinstance(record, PaymentRecord)
        assert [one.approver for one in await journal.decisions("pay_a")] == ["ana", "luis"]
        assert (await journal.events("pay_a"))[-1].body["approvers"] == ["ana", "luis"]
        assert (await journal.verify())[1] is None

    @pytest.mark.parametrize("need", [1, 2])
    async def test_two_approvers_at_the_same_instant_make_one_payment(
        self, journal: Journal, other: Journal, need: int
    ) -> None:
        await open_challenge(journal, new_question())
        answers = await asyncio.gather(decide(journal, "ana", need=need), decide(other, "luis", need=need))
        (record,) = [one for one in answers if isinstance(one, PaymentRecord)]
        (result,) = [one for one in answers if isinstance(one, DecisionResult)]
        assert result == (DecisionResult("waiting", 1, 2) if need == 2 else DecisionResult("consumed"))
        assert list(await journal.payments()) == [record]
        assert len(await journal.decisions("pay_a")) == need
        assert (await journal.verify())[1] is None

    async def test_one_approver_decides_once_however_often_they_do(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question())
        calls = [
            decide((journal, other)[n % 2], "ana", need=2, replay_key=f"{n}", verdict="yes" if n < 9 else "no")
            for n in range(8)
        ]
        answers = await asyncio.gather(*calls)
        assert answers.count(DecisionResult("waiting", 1, 2)) == 1
        assert answers.count(DecisionResult("decided_before")) == 7
        assert await is_untouched(journal, given=1)
        again = await decide(other, "ana", need=2, verdict="no", replay_key="no")
        assert again == DecisionResult("decided_before")

    async def test_a_proof_decides_once(self, journal: Journal, other: Journal) -> None:
        for name in ("a", "b", "c"):
            await open_challenge(journal, new_question(name))
        answers = await asyncio.gather(
            decide(journal, "ana", "a", replay_key="same"), decide(other, "ana", "b", replay_key="same")
        )
        assert [isinstance(one, PaymentRecord) for one in answers].count(True) == 1
        assert DecisionResult("proof_reused") in answers
        (paid,) = await journal.payments()
        assert await is_untouched(journal, "b" if paid.id == "pay_a" else "a")
        assert not await journal.use_once("same", NOW)
        assert await journal.use_once("signed in", NOW)
        assert await decide(journal, "luis", "c", replay_key="signed in") == DecisionResult("proof_reused")
        assert await is_untouched(journal, "c")

    async def test_decisions_without_a_proof_use_nothing_up(self, journal: Journal) -> None:
        for name in ("a", "b"):
            await open_challenge(journal, new_question(name))
            assert isinstance(await decide(journal, "ana", name, how="click", replay_key="", proof={}), PaymentRecord)
        assert [one.replay_key for one in await journal.decisions("pay_a")] == [""]
        assert (await journal.verify())[1] is None

    async def test_one_no_ends_it_and_stays(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question(), holds=[new_reservation()])
        await decide(journal, "ana", need=2)
        no = new_decision("luis", verdict="no", reason="not ours")
        assert await other.decide(no, needing(2), None, NOW) == DecisionResult("declined", 1, 2)
        ended = (await journal.events("pay_a"))[-1]
        assert (ended.event, ended.body["by"], ended.body["reason"]) == ("challenge.declined", "luis", "not ours")
        assert (await journal.decisions("pay_a"))[1] == no
        assert await decide(journal, "bea", need=2) == DecisionResult("declined")
        assert await journal.payment("pay_a") is None
        assert await journal.reserved_total(SCOPE, 0, NOW) == 0
        again = await open_challenge(other, new_question(id="pay_b", created_at=NOW + HOUR, expires_at=NOW + DAY))
        assert (again.challenge.id, again.fresh) == ("pay_a", False)
        assert (await journal.verify())[1] is None

    async def test_a_decision_that_does_not_count_is_not_stored(self, journal: Journal) -> None:
        await open_challenge(journal, new_question())
        assert await decide(journal, "eve") == DecisionResult("refused", why="eve is no approver")
        assert await is_untouched(journal)
        assert await journal.use_once("eve a", NOW), "its proof is not used up"

    @pytest.mark.parametrize("mode", ["live", "sandbox"])
    async def test_decisions_are_weighed_by_the_people_and_the_policy_of_that_moment(
        self, journal: Journal, other: Journal, mode: Any
    ) -> None:
        await open_challenge(journal, new_question(mode=mode))
        for name in (PEOPLE, REHEARSAL_PEOPLE, POLICY):
            await journal.change_control(name, 0, f"first {name}", BY, NOW)
        await decide(journal, "luis", need=2, at=NOW - SECOND)
        people = await other.change_control(people_control(mode), 1, "second", BY, NOW)
        seen: list[Any] = []
        decision = new_decision("ana")
        assert isinstance(await journal.decide(decision, needing(2, seen), new_intent(), NOW), PaymentRecord)
        challenge, decisions, with_people, with_policy = seen[-1]
        assert (challenge.id, challenge.state) == ("pay_a", ChallengeState.OPEN)
        assert decisions == [new_decision("luis", at=NOW - SECOND), decision]
        assert (with_people, with_policy) == (people, Control(POLICY, 1, "first policy", NOW))

    @pytest.mark.parametrize("end", ENDS)
    async def test_what_has_ended_takes_no_decision(self, journal: Journal, other: Journal, end: str) -> None:
        await open_challenge(journal, new_question())
        await ENDS[end](journal)
        assert await decide(other) == DecisionResult(end)  # type: ignore[arg-type]
        assert len(await journal.decisions("pay_a")) == (end == "consumed")

    async def test_nothing_is_decided_after_its_time_or_about_nothing(self, journal: Journal) -> None:
        await open_challenge(journal, new_question())
        late = await journal.decide(new_decision(), needing(1), new_intent(), NOW + 10 * MINUTE)
        assert late == DecisionResult("expired")
        assert await decide(journal, name="none") == DecisionResult("expired")
        assert await is_untouched(journal)

    async def test_a_code_confirms_nothing_that_people_decide_and_people_nothing_that_a_code_confirms(
        self, journal: Journal
    ) -> None:
        asked = (await open_challenge(journal, new_question())).challenge
        counted = await count_attempt(journal, asked)
        assert await journal.create_payment(counted, asked.id, None, new_intent(), NOW) == "undecided"
        assert await is_untouched(journal)
        await open_challenge(journal, new_challenge("b"))
        refused = await decide(journal, name="b")
        assert isinstance(refused, DecisionResult)
        assert refused.outcome == "refused"
        assert await is_untouched(journal, "b")

    async def test_nothing_is_decided_while_payments_are_frozen(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question())
        await set_freeze(other, frozen=True)
        for verdict in ("yes", "no"):
            assert await decide(journal, verdict=verdict) == DecisionResult("frozen")
        assert await is_untouched(journal)
        await set_freeze(other, frozen=False)
        assert isinstance(await decide(journal), PaymentRecord)

    @pytest.mark.parametrize("name", [REHEARSAL_PEOPLE, POLICY])
    @pytest.mark.parametrize("edit", ["altered", "removed", "put in"])
    async def test_edited_people_or_an_edited_policy_decide_nothing(
        self, store: Store, journal: Journal, name: str, edit: str
    ) -> None:
        await open_challenge(journal, new_question())
        if edit == "put in":
            store.tamper(f"INSERT INTO controls (name, version, document, at) VALUES ('{name}', 1, '{{}}', 1)")
        else:
            await journal.change_control(name, 0, "{}", BY, NOW)
            altered, removed = "UPDATE controls SET document = 'x'", "DELETE FROM controls"
            store.tamper(altered if edit == "altered" else removed)
        assert await decide(journal) == DecisionResult("tampered")
        assert await is_untouched(journal)

    @pytest.mark.parametrize("edit", DECISION_EDITS)
    async def test_an_edited_decision_pays_nothing_and_is_seen_by_verify(
        self, store: Store, journal: Journal, other: Journal, edit: str
    ) -> None:
        await open_challenge(journal, new_question())
        await open_challenge(journal, new_question("b"))
        await decide(journal, "ana", need=2)
        assert (await journal.verify())[1] is None
        store.tamper(DECISION_EDITS[edit])
        assert (await journal.verify())[1] is not None
        name = "b" if edit == "a challenge" else "a"
        assert await decide(other, "luis" if edit == "a challenge" else "bea", name, need=2) == DecisionResult(
            "tampered"
        )
        assert await journal.payment(f"pay_{name}") is None
        ended = await journal.challenge(f"pay_{name}")
        assert ended is not None
        assert ended.state is ChallengeState.REFUSED

    async def test_a_removed_decision_is_missing_and_so_is_its_proof(self, store: Store, journal: Journal) -> None:
        await open_challenge(journal, new_question())
        await decide(journal, "ana", need=2)
        store.tamper("DELETE FROM used_proofs")
        assert (await journal.verify())[1] is not None
        store.tamper("DELETE FROM decisions")
        assert (await journal.verify())[1] is not None
        assert await decide(journal, "luis", need=2) == DecisionResult("waiting", 1, 2)

    @pytest.mark.parametrize("column", ["request", "requirement"])
    async def test_an_edited_request_or_requirement_is_decided_by_nobody(
        self, store: Store, journal: Journal, column: str
    ) -> None:
        await open_challenge(journal, new_question())
        store.tamper(f"UPDATE challenges SET {column} = '{{\"need\":0}}'")
        assert (await journal.verify())[1] is not None
        assert await decide(journal) == DecisionResult("tampered")
        assert await journal.decisions("pay_a") == []

    async def test_a_limit_counts_when_the_last_decision_is_given(self, journal: Journal, other: Journal) -> None:
        await open_challenge(journal, new_question(), holds=[new_reservation(60, bucket=0)])
        await decide(journal, "ana", need=2)
        full = new_reservation(60, bucket=1, since=1)
        await open_challenge(other, new_challenge("b"), holds=[new_reservation(50, bucket=1, since=1)])
        reached = await decide(journal, "luis", need=2, intent=new_intent(reservations=[full]))
        assert isinstance(reached, LimitReached)
        assert await is_untouched(journal, given=1)
        await other.decline("pay_b", "ana", NOW)
        paid = await decide(journal, "luis", need=2, intent=new_intent(reservations=[full]))
        assert isinstance(paid, PaymentRecord)
        assert (await journal.reserved_total(SCOPE, 0, NOW), await journal.reserved_total(SCOPE, 1, NOW)) == (60, 60)
        assert (await journal.verify())[1] is None

    @pytest.mark.parametrize("state", [S.PENDING, S.SETTLED])
    async def test_a_refund_is_decided_within_what_was_paid(self, journal: Journal, state: State) -> None:
        original = await create_in_state(journal, S.SENDING, "paid")
        if state is S.SETTLED:
            original = await create_settled(journal, "settled")
        too_much = replace(original.money, amount=original.money.amount + 1)
        await open_challenge(journal, new_question(kind="refund", money=too_much))
        intent = new_intent(refund_of=original.id)
        refused = await decide(journal, intent=intent)
        assert refused == DecisionResult("exceeds_payment" if state is S.SETTLED else "not_settled")
        assert await is_untouched(journal)
        await open_challenge(journal, new_question("b", kind="refund"))
        refund = await decide(journal, name="b", intent=new_intent("REF-b", refund_of=original.id))
        assert isinstance(refund, PaymentRecord) is (state is S.SETTLED)

    async def test_a_decision_whose_reference_is_taken_is_not_stored(self, journal: Journal) -> None:
        await create_payment(journal, "first", intent=new_intent("SAME"))
        await open_challenge(journal, new_question())
        assert await decide(journal, intent=new_intent("SAME")) == DecisionResult("reference_taken")
        assert await is_untouched(journal)
        assert isinstance(await decide(journal, intent=new_intent("OTHER")), PaymentRecord)

    @pytest.mark.parametrize("need", [1, 2])
    async def test_a_decision_whose_commit_fails_is_stored_whole_or_not_at_all(
        self, journal: Journal, other: Journal, need: int
    ) -> None:
        await open_challenge(journal, new_question())
        with interrupted("commit:before"), pytest.raises((JournalUnavailable, CommitInterrupted)):
            await decide(journal, need=need)
        assert await is_untouched(other)
        with interrupted("commit:after"), pytest.raises((JournalUnavailable, CommitInterrupted)):
            await decide(journal, need=need)
        if need == 2:
            assert await is_untouched(other, given=1)
        else:
            assert [one.id for one in await other.payments()] == ["pay_a"]
        again = await decide(other, need=need)
        assert again == DecisionResult("decided_before" if need == 2 else "consumed")
        assert (await other.verify())[1] is None

    async def test_what_waits_for_people_is_listed_the_newest_first(self, journal: Journal, other: Journal) -> None:
        for n, (name, rail) in enumerate([("a", "mock"), ("b", "spei"), ("c", "mock"), ("d", "mock"), ("e", "mock")]):
            at = NOW + n * SECOND
            await open_challenge(journal, new_question(name, rail=rail, created_at=at, expires_at=at + 10 * MINUTE))
        await open_challenge(journal, new_challenge("code"))
        await decide(journal, "ana", "d")
        await decide(journal, "ana", "e", verdict="no")
        await decide(journal, "ana", "c", need=2)

        async def listed(at: Any = NOW, **options: Any) -> list[str]:
            return [challenge.id for challenge in await other.open_challenges(at, **options)]

        assert await listed() == ["pay_c", "pay_b", "pay_a"]
        assert await listed(most=2) == ["pay_c", "pay_b"]
        assert await listed(rails=[("mock", "sandbox")]) == ["pay_c", "pay_a"]
        assert await listed(rails=[("mock", "live")]) == await listed(rails=[]) == []
        assert await listed(NOW + 10 * MINUTE) == ["pay_c", "pay_b"]

    async def test_the_same_thing_is_asked_of_people_once(self, journal: Journal, other: Journal) -> None:
        first = await open_challenge(journal, new_question())
        await decide(journal, need=2)
        again = await try_to_open(other, new_question(id="pay_b"))
        assert again == replace(first, fresh=False)
