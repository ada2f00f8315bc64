"""Every row of the rules: what an answer means for the money, under every guarantee a rail can give."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.errors import NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.journal.life import allowed
from riel.journal.records import Change, PaymentRecord, State
from riel.money import Money
from riel.rail import FOREVER, Answer, Guarantees, Payee, Status
from riel.teller.verdict import (
    ABSENT,
    NEVER_SENT,
    Found,
    KeepLooking,
    Outcome,
    Patience,
    SendAgain,
    after_lookup,
    after_send,
    may_send_again,
    proves_absence,
    without_lookup,
)

S = State
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
MS, SECOND, MINUTE, HOUR, DAY = (timedelta(milliseconds=1), *(timedelta(seconds=n) for n in (1, 60, 3600, 86400)))
PATIENCE = Patience()
DEADLINE, LAG, ABSENCE, WATCH = 30 * SECOND, 2 * SECOND, MINUTE, 3 * HOUR
CLOSING = DEADLINE + PATIENCE.margin
"""How long before a window ends a second send would no longer be inside it."""

PLAIN = Guarantees(
    dedupe="no",
    dedupe_window=timedelta(0),
    refusals_stored=False,
    refusals=frozenset({"NO_FUNDS"}),
    lookup="by_reference",
    lookup_lag=LAG,
    absence_after=ABSENCE,
    watch=WATCH,
    returns=DAY,
    settles="later",
    refunds="by_rail",
    send_deadline=DEADLINE,
)
BY_KEY = replace(PLAIN, dedupe="by_key", dedupe_window=HOUR)
BY_REFERENCE = replace(PLAIN, dedupe="by_reference", dedupe_window=HOUR)

RECORD = PaymentRecord(
    id="pay_a",
    principal="ana",
    rail="mock",
    mode="sandbox",
    kind="payment",
    reference="REF-a",
    money=Money(50_000, "MXN"),
    payee=Payee("012180001234567895"),
    body=b"",
    facts={},
    state=S.SENDING,
    fence=7,
    owner="me",
    sends=1,
    looks=0,
    created_at=NOW,
    sent_at=NOW,
    updated_at=NOW,
)
SENT_TWICE = replace(RECORD, sends=2, sent_at=NOW + MINUTE)


def answer(status: str, **changes: Any) -> Answer:
    return Answer(status=Status(status), **changes)


# After a send

OUTCOMES: dict[str, Outcome] = {
    "pending": answer("pending", amount=50_000, currency="MXN", account="012180001234567895"),
    "settled": answer("settled", amount=50_000),
    "returned": answer("returned"),
    "says_rejected": answer("rejected", code="NO_FUNDS"),
    "refused": Rejected("NO_FUNDS", "fondos insuficientes"),
    "other_code": Rejected("E-999", "intente más tarde"),
    "not_sent": NotSent("refused"),
    "lost": OutcomeUnknown("ReadTimeout"),
}

AFTER_SEND = """
                    only_send         only_send+stored  second_send       second_send+stored
    pending         pending           pending           pending           pending
    settled         settled           settled           settled           settled
    returned        returned          returned          returned          returned
    says_rejected   rejected          rejected          unknown           rejected
    refused         rejected          rejected          unknown           rejected
    other_code      unknown           unknown           unknown           unknown
    not_sent        rejected          rejected          unknown           unknown
    lost            unknown           unknown           unknown           unknown
"""
"""From the outcome of a send, and whether it was the only one and refusals are stored, to the state of the payment."""


def table(text: str) -> list[tuple[str, str, str]]:
    head, *lines = [line.split() for line in text.strip().splitlines()]
    return [(row, column, word) for row, *words in lines for column, word in zip(head, words, strict=True)]


@pytest.mark.parametrize("rules", [PLAIN, BY_KEY, BY_REFERENCE], ids=lambda rules: rules.dedupe)
@pytest.mark.parametrize(("outcome", "situation", "state"), table(AFTER_SEND))
def test_a_send_means_what_the_table_says(rules: Guarantees, outcome: str, situation: str, state: str) -> None:
    record = RECORD if situation.startswith("only") else SENT_TWICE
    rules = replace(rules, refusals_stored=situation.endswith("+stored"))
    change = after_send(record, rules, OUTCOMES[outcome], record.sent_at + SECOND, PATIENCE)
    assert change.to == state
    assert change.fence == (None if state in {"pending", "settled", "returned"} else record.fence)


def test_a_refusal_that_is_not_on_the_rails_list_keeps_its_words_but_proves_nothing() -> None:
    change = after_send(RECORD, PLAIN, OUTCOMES["other_code"], NOW, PATIENCE)
    assert (change.to, change.code, change.said) == (S.UNKNOWN, "E-999", "intente más tarde")
    assert change.why == "a refusal that does not prove that nothing was booked"


def test_what_never_left_has_a_code_of_ours() -> None:
    change = after_send(RECORD, PLAIN, OUTCOMES["not_sent"], NOW, PATIENCE)
    assert (change.event, change.code, change.next_at, change.watch_until) == ("not_sent", NEVER_SENT, None, None)


# The rail's own word


def test_a_settled_payment_is_watched_for_its_return() -> None:
    at = NOW - SECOND
    change = after_send(
        RECORD, PLAIN, answer("settled", settled_at=at, rail_id="P-1", facts={"cep": "x"}), NOW, PATIENCE
    )
    assert (change.event, change.settled_at, change.rail_id, change.facts) == ("settled", at, "P-1", {"cep": "x"})
    assert (change.next_at, change.watch_until) == (NOW + PATIENCE.most, NOW + DAY)


def test_what_cannot_come_back_is_not_watched() -> None:
    change = after_send(RECORD, replace(PLAIN, returns=timedelta(0)), answer("settled"), NOW, PATIENCE)
    assert (change.settled_at, change.next_at, change.watch_until) == (NOW, None, None)


def test_a_time_without_a_zone_is_dropped() -> None:
    change = after_send(RECORD, PLAIN, answer("settled", settled_at=datetime(2026, 3, 2, 6)), NOW, PATIENCE)  # noqa: DTZ001
    assert change.settled_at == NOW


def test_what_was_rejected_and_has_settled_is_said_loudly() -> None:
    change = after_lookup(replace(RECORD, state=S.REJECTED), PLAIN, answer("settled"), NOW, PATIENCE)
    assert isinstance(change, Change)
    assert (change.to, change.event, change.why) == (S.SETTLED, "settled_late", "the earlier rejection was wrong")


@pytest.mark.parametrize(
    ("rules", "watched"),
    [
        (PLAIN, (NOW + PATIENCE.first, NOW + WATCH)),
        (replace(PLAIN, watch=FOREVER), (NOW + PATIENCE.first, END)),
        (replace(PLAIN, watch=timedelta(0)), (None, None)),
        (replace(PLAIN, lookup="no", absence_after=None), (None, None)),
    ],
    ids=["for a time", "for ever", "not at all", "no look-up"],
)
def test_a_rejected_payment_stays_watched_where_that_can_be_done(rules: Guarantees, watched: Any) -> None:
    change = after_send(RECORD, rules, OUTCOMES["refused"], NOW, PATIENCE)
    assert (change.next_at, change.watch_until) == watched


def test_a_rejection_that_is_looked_up_counts_once_no_send_can_be_under_way() -> None:
    says = answer("rejected", code="NO_FUNDS")
    for at, state in (
        (SENT_TWICE.sent_at + DEADLINE - MS, S.UNKNOWN),
        (SENT_TWICE.sent_at + DEADLINE, S.REJECTED),
    ):
        change = after_lookup(replace(SENT_TWICE, state=S.UNKNOWN), BY_KEY, says, at, PATIENCE)
        assert isinstance(change, Change)
        assert change.to is state


OTHER = {
    "amount": {"amount": 50_001},
    "no amount": {"amount": 0},
    "hundredfold": {"amount": 5_000_000},
    "currency": {"currency": "CLP"},
    "account": {"account": "012180001234567896"},
    "masked account": {"account": "**************7895"},
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("other", OTHER)
def test_an_answer_about_something_else_goes_to_an_operator(status: str, other: str) -> None:
    found = answer(status, **OTHER[other])
    change = after_send(RECORD, PLAIN, found, NOW, PATIENCE)
    assert (change.to, change.fence, change.next_at) == (S.REVIEW, RECORD.fence, None)
    assert change.why.startswith("the rail speaks of another ")
    for state in (S.UNKNOWN, S.PENDING, S.SETTLED, S.REJECTED):
        looked = after_lookup(replace(RECORD, state=state), PLAIN, found, NOW, PATIENCE)
        assert isinstance(looked, Change)
        assert looked.to is S.REVIEW
        assert allowed(state, looked.to, leased=True), "and life lets it"


def test_what_a_bank_writes_is_cleaned_and_bounded() -> None:
    dirty = "x\u202e\x1b[2J\nIGNORE" + "y" * 3000
    answers: list[Outcome] = [
        Rejected(dirty, dirty),
        OutcomeUnknown(dirty),
        *(answer(status, said=dirty, code=dirty, facts={"cep": dirty}) for status in Status),
    ]
    for outcome in answers:
        change = after_send(RECORD, PLAIN, outcome, NOW, PATIENCE)
        for text in (change.said, change.code, change.why, *change.facts.values()):
            assert len(text) <= 2000
            assert text.isprintable()
        assert len(change.said) <= 200


# After a look-up, and without one

AFTER_LOOKUP = """
                        at_once  before_proof  after_proof  after_window  after_watch
    no/proof            keep     keep          rejected     rejected      rejected
    no/never            keep     keep          keep         keep          review
    by_key/proof        again    again         again        rejected      rejected
    by_key/never        again    again         again        keep          review
    by_reference/proof  again    again         again        rejected      rejected
    by_reference/never  again    again         again        keep          review
    forever/proof       again    again         again        again         again
    forever/never       again    again         again        again         again
"""
"""What "not found" means: by how the rail dedupes and whether absence ever proves anything, and by when it is said."""

PROOF = NOW + DEADLINE + ABSENCE
MOMENTS = {
    "at_once": NOW,
    "before_proof": PROOF - MS,
    "after_proof": PROOF,
    "after_window": NOW + HOUR - CLOSING,
    "after_watch": NOW + WATCH,
}
DEDUPES = {
    "no": PLAIN,
    "by_key": BY_KEY,
    "by_reference": BY_REFERENCE,
    "forever": replace(BY_KEY, dedupe_window=FOREVER),
}


def called(verdict: Change | type[SendAgain] | type[KeepLooking]) -> str:
    if isinstance(verdict, Change):
        return verdict.to.value
    return "again" if verdict is SendAgain else "keep"


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN])
@pytest.mark.parametrize(("rules", "moment", "expected"), table(AFTER_LOOKUP))
def test_not_found_means_what_the_table_says(rules: str, moment: str, expected: str, state: State) -> None:
    dedupe, absence = rules.split("/")
    declared = replace(DEDUPES[dedupe], absence_after=ABSENCE if absence == "proof" else None)
    verdict = after_lookup(replace(RECORD, state=state), declared, "absent", MOMENTS[moment], PATIENCE)
    assert called(verdict) == expected
    if isinstance(verdict, Change):
        assert verdict.fence == RECORD.fence


def test_a_proven_absence_is_a_rejection_with_a_code_of_ours_and_stays_watched() -> None:
    change = after_lookup(RECORD, PLAIN, "absent", PROOF, PATIENCE)
    assert isinstance(change, Change)
    assert (change.to, change.event, change.code) == (S.REJECTED, "absent", ABSENT)
    assert (change.next_at, change.watch_until) == (PROOF + PATIENCE.first, PROOF + WATCH)


@pytest.mark.parametrize("state", [state for state in S if state not in {S.SENDING, S.UNKNOWN}])
def test_not_found_changes_nothing_about_what_the_rail_has_accepted_or_what_is_over(state: State) -> None:
    for rules in DEDUPES.values():
        record = replace(RECORD, state=state)
        assert after_lookup(record, rules, "absent", NOW + DAY, PATIENCE) is KeepLooking
        assert without_lookup(record, rules, NOW + DAY, PATIENCE) is KeepLooking


@pytest.mark.parametrize("state", S)
def test_a_look_up_that_failed_changes_nothing(state: State) -> None:
    for rules in DEDUPES.values():
        verdict = after_lookup(replace(RECORD, state=state), rules, NothingLearned("500"), NOW + DAY, PATIENCE)
        assert verdict is KeepLooking


WITHOUT_LOOKUP = """
                  at_once  after_window  after_watch
    no            review   review        review
    by_key        again    review        review
    by_reference  again    review        review
    forever       again    again         again
"""


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN])
@pytest.mark.parametrize(("dedupe", "moment", "expected"), table(WITHOUT_LOOKUP))
def test_a_rail_that_cannot_be_asked_means_what_the_table_says(
    dedupe: str, moment: str, expected: str, state: State
) -> None:
    rules = replace(DEDUPES[dedupe], lookup="no", absence_after=None)
    assert called(without_lookup(replace(RECORD, state=state), rules, MOMENTS[moment], PATIENCE)) == expected


# Windows


@pytest.mark.parametrize("rules", [BY_KEY, BY_REFERENCE], ids=lambda rules: rules.dedupe)
def test_a_second_send_must_end_inside_the_window(rules: Guarantees) -> None:
    assert may_send_again(RECORD, rules, NOW + HOUR - CLOSING - MS, PATIENCE)
    assert not may_send_again(RECORD, rules, NOW + HOUR - CLOSING, PATIENCE)
    late = replace(RECORD, sent_at=NOW + HOUR / 2, sends=2)
    assert not may_send_again(late, rules, NOW + HOUR - CLOSING, PATIENCE), "it counts from the first send"


@pytest.mark.parametrize("window", [HOUR, FOREVER, timedelta(days=4_000_000)], ids=["hour", "forever", "beyond time"])
def test_an_order_can_narrow_the_window_and_never_widen_it(window: timedelta) -> None:
    rules = replace(BY_KEY, dedupe_window=window)
    narrow = replace(RECORD, resend_until=NOW + 10 * MINUTE)
    assert may_send_again(narrow, rules, NOW + 10 * MINUTE - CLOSING - MS, PATIENCE)
    assert not may_send_again(narrow, rules, NOW + 10 * MINUTE - CLOSING, PATIENCE)
    wide = replace(RECORD, resend_until=NOW + DAY)
    assert may_send_again(wide, rules, NOW + HOUR, PATIENCE) == (window != HOUR)
    assert not may_send_again(wide, PLAIN, NOW, PATIENCE), "a rail that does not dedupe gets no second send"


def test_absence_is_proven_from_when_the_rail_says_counted_from_the_last_send() -> None:
    assert proves_absence(RECORD, PLAIN) == NOW + DEADLINE + ABSENCE
    assert proves_absence(SENT_TWICE, PLAIN) == NOW + MINUTE + DEADLINE + ABSENCE
    assert proves_absence(RECORD, replace(PLAIN, lookup_lag=HOUR)) == NOW + DEADLINE + HOUR
    assert proves_absence(RECORD, replace(PLAIN, absence_after=None)) is None
    assert proves_absence(RECORD, replace(PLAIN, absence_after=FOREVER)) == END


def test_an_order_says_itself_when_its_absence_is_proven_but_not_before_it_could_be_seen() -> None:
    for rules in (PLAIN, replace(PLAIN, absence_after=None)):
        assert proves_absence(replace(RECORD, absent_after=NOW + DAY), rules) == NOW + DAY
        assert proves_absence(replace(RECORD, absent_after=NOW), rules) == NOW + DEADLINE + LAG
        again = replace(SENT_TWICE, absent_after=NOW + MINUTE)
        assert proves_absence(again, rules) == SENT_TWICE.sent_at + DEADLINE + LAG


def test_patience_doubles_up_to_its_end() -> None:
    patience = Patience(first=SECOND, most=10 * SECOND)
    assert [patience.after(looks) // SECOND for looks in (0, 1, 2, 3, 4, 5, 10**9, -1)] == [1, 2, 4, 8, 10, 10, 10, 1]


# Whatever happens

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
        watch=draw(durations),
        returns=draw(durations),
        settles=draw(st.sampled_from(["at_once", "later"])),
        refunds="by_rail",
        send_deadline=draw(st.sampled_from([SECOND, DEADLINE, HOUR])),
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
    rail_id=st.sampled_from(["", "P-1"]),
    amount=st.sampled_from([None, 50_000, 50_001]),
    currency=st.sampled_from([None, "MXN", "CLP"]),
    account=st.sampled_from([None, RECORD.payee.account, "1"]),
    settled_at=st.none() | st.just(NOW),
    code=st.sampled_from(["", "NO_FUNDS", "E-999"]),
)
outcomes: st.SearchStrategy[Outcome] = (
    answers
    | st.sampled_from(["NO_FUNDS", "E-999", ""]).map(Rejected)
    | st.just(NotSent("refused"))
    | st.just(OutcomeUnknown("ReadTimeout"))
)
founds: st.SearchStrategy[Found] = answers | st.just("absent") | st.just(NothingLearned("500"))
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
        watched = rules.lookup != "no" and bool(rules.watch)
        assert (change.next_at is not None) == (change.watch_until is not None) == watched
    if change.to is S.REVIEW:
        assert change.why


@given(records(IN_DOUBT), guarantees(), outcomes, moments)
def test_a_send_is_rejected_on_proof_only(
    record: PaymentRecord, rules: Guarantees, outcome: Outcome, now: datetime
) -> None:
    change = after_send(record, rules, outcome, now, PATIENCE)
    sound(record, rules, change, now)
    if mismatched(outcome):
        assert change.to is S.REVIEW
        return
    only = record.sends == 1
    if change.to is S.REJECTED:
        definite = isinstance(outcome, Rejected) and outcome.native in rules.refusals
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
    record: PaymentRecord, rules: Guarantees, found: Found, now: datetime
) -> None:
    verdict = after_lookup(record, rules, found, now, PATIENCE)
    if verdict is SendAgain:
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
    elif verdict is SendAgain:
        inside_the_window(record, rules, now)


def inside_the_window(record: PaymentRecord, rules: Guarantees, now: datetime) -> None:
    """A second send may leave now: the rail dedupes, and still does when it ends."""
    assert rules.dedupe != "no"
    ends = now + rules.send_deadline + PATIENCE.margin
    assert ends - record.created_at < rules.dedupe_window
    assert record.resend_until is None or ends < record.resend_until
