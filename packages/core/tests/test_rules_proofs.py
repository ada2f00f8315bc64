"""Whatever happens, a payment is rejected on proof only, and sent again only where that cannot book twice."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.errors import NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.journal.records import Change, PaymentRecord, State
from riel.payments.rules import LookupOutcome, Resend, SendOutcome, after_lookup, after_send, without_lookup
from riel.rail import Answer, Status
from riel.rail.guarantees import FOREVER, MAX_SEND_DEADLINE, Guarantees

from .rules_support import DAY, DEADLINE, END, HOUR, MINUTE, NOW, PATIENCE, RECORD, SECOND, S

durations = st.sampled_from([timedelta(0), SECOND, MINUTE, HOUR, DAY, timedelta(days=4_000_000), FOREVER])
some_time = st.sampled_from([SECOND, MINUTE, HOUR, FOREVER])


@st.composite
def guarantees(draw: st.DrawFn) -> Guarantees:
    dedupe = draw(st.sampled_from(["no", "by_key", "by_reference"]))
    lookup = draw(st.sampled_from(["no", "by_reference", "by_key", "by_list"]))
    return Guarantees(
        dedupe=dedupe,
        dedupe_window=timedelta(0) if dedupe == "no" else draw(some_time),
        refusals_stored=draw(st.booleans()),
        refusals=draw(st.sampled_from([frozenset(), frozenset({"NO_FUNDS"})])),
        lookup=lookup,
        lookup_lag=draw(st.sampled_from([timedelta(0), SECOND, HOUR])),
        absence_after=None if lookup == "no" else draw(st.none() | durations),
        late_arrival_window=draw(durations),
        return_window=draw(durations),
        settlement=draw(st.sampled_from(["at_once", "later"])),
        refunds="by_rail",
        send_deadline=draw(st.sampled_from([SECOND, DEADLINE, MAX_SEND_DEADLINE])),
    )


@st.composite
def records(draw: st.DrawFn, states: st.SearchStrategy[State]) -> PaymentRecord:
    sends = draw(st.integers(1, 3))
    return replace(
        RECORD,
        state=draw(states),
        sends=sends,
        sent_at=NOW if sends == 1 else NOW + draw(st.sampled_from([SECOND, MINUTE, DAY])),
        resend_until=draw(st.none() | st.sampled_from([NOW, NOW + MINUTE, NOW + DAY, END])),
        absent_after=draw(st.none() | st.sampled_from([NOW, NOW + MINUTE, NOW + DAY, END])),
    )


answers = st.builds(
    Answer,
    status=st.sampled_from(Status),
    provider_id=st.sampled_from(["", "P-1"]),
    amount=st.sampled_from([None, 50_000, 50_001]),
    currency=st.sampled_from([None, "MXN", "CLP"]),
    account=st.sampled_from([None, RECORD.payee.account, "1"]),
    settled_at=st.none() | st.just(NOW),
    provider_code=st.sampled_from(["", "NO_FUNDS", "E-999"]),
)
outcomes: st.SearchStrategy[SendOutcome] = (
    answers
    | st.sampled_from(["NO_FUNDS", "E-999", ""]).map(Rejected)
    | st.just(NotSent("refused"))
    | st.just(OutcomeUnknown("ReadTimeout"))
)
founds: st.SearchStrategy[LookupOutcome] = answers | st.just("absent") | st.just(NothingLearned("500"))
moments = st.sampled_from([timedelta(0), SECOND, MINUTE, HOUR, DAY, 400 * DAY]).map(lambda after: NOW + after)
IN_DOUBT = st.sampled_from([S.SENDING, S.UNKNOWN])


def mismatched(found: object) -> bool:
    return isinstance(found, Answer) and (
        found.amount not in {None, RECORD.money.amount}
        or found.currency not in {None, RECORD.money.currency}
        or found.account not in {None, RECORD.payee.account}
    )


def sound(record: PaymentRecord, rules: Guarantees, change: Change, now: datetime) -> None:
    """What is true of every change, whatever it came from."""
    positive = change.to in {S.PENDING, S.SETTLED, S.RETURNED}
    assert change.fence == (None if positive else record.fence), "a negative conclusion needs the lease"
    assert not change.resend
    if change.to in {S.UNKNOWN, S.PENDING}:
        assert change.next_at is not None, "what is not over is looked at again"
        assert change.next_at > now
    if change.to is S.REJECTED and change.event != "not_sent":
        watched = rules.lookup != "no" and bool(rules.late_arrival_window)
        assert (change.next_at is not None) == (change.watch_until is not None) == watched
    if change.to is S.REVIEW:
        assert change.why


@given(records(IN_DOUBT), guarantees(), outcomes, moments)
def test_a_send_is_rejected_on_proof_only(
    record: PaymentRecord, rules: Guarantees, outcome: SendOutcome, now: datetime
) -> None:
    change = after_send(record, rules, outcome, now, PATIENCE)
    sound(record, rules, change, now)
    if mismatched(outcome):
        assert change.to is S.REVIEW
        return
    only = record.sends == 1
    if change.to is S.REJECTED:
        definite = isinstance(outcome, Rejected) and outcome.provider_code in rules.refusals
        assert (
            (definite and (only or rules.refusals_stored))
            or (isinstance(outcome, NotSent) and only)
            or (isinstance(outcome, Answer) and outcome.status is Status.REJECTED)
        )
    elif change.to is S.REVIEW:
        pytest.fail("a send alone never ends in a person's hands")
    if isinstance(outcome, OutcomeUnknown):
        assert change.to is S.UNKNOWN


@given(records(st.sampled_from(S)), guarantees(), founds, moments)
def test_a_look_up_rejects_on_proof_only_and_sends_again_only_where_that_cannot_book_twice(
    record: PaymentRecord, rules: Guarantees, found: LookupOutcome, now: datetime
) -> None:
    verdict = after_lookup(record, rules, found, now, PATIENCE)
    if verdict is Resend:
        assert found == "absent"
        assert record.state in {S.SENDING, S.UNKNOWN}
        inside_the_window(record, rules, now)
    if not isinstance(verdict, Change):
        return
    sound(record, rules, verdict, now)
    if mismatched(found):
        assert verdict.to is S.REVIEW
    elif verdict.to is S.REJECTED and not isinstance(found, Answer):
        assert found == "absent"
        assert record.state in {S.SENDING, S.UNKNOWN}
        assert now >= record.sent_at + rules.send_deadline + rules.lookup_lag, "no send can be under way"
        assert record.absent_after is not None or rules.absence_after is not None
        if record.absent_after is not None:
            assert now >= record.absent_after
    elif verdict.to is S.REJECTED:
        assert isinstance(found, Answer)
        assert found.status is Status.REJECTED


@given(records(st.sampled_from(S)), guarantees(), moments)
def test_without_a_look_up_nothing_is_ever_rejected(record: PaymentRecord, rules: Guarantees, now: datetime) -> None:
    verdict = without_lookup(record, rules, now, PATIENCE)
    if isinstance(verdict, Change):
        sound(record, rules, verdict, now)
        assert verdict.to is S.REVIEW
    elif verdict is Resend:
        inside_the_window(record, rules, now)


def inside_the_window(record: PaymentRecord, rules: Guarantees, now: datetime) -> None:
    """A second send may leave now: the rail dedupes, and still does when it ends."""
    assert rules.dedupe != "no"
    ends = now + rules.send_deadline + PATIENCE.margin
    assert ends - record.created_at < rules.dedupe_window
    assert record.resend_until is None or ends < record.resend_until
