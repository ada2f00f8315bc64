"""Every row of the rules: what an answer means for the money, under every guarantee a rail can give."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from riel.errors import NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.journal.records import LEARNED, Change, State
from riel.journal.transitions import allowed
from riel.payments.rules import (
    ABSENT,
    NEVER_SENT,
    Backoff,
    NotYet,
    Resend,
    SendOutcome,
    after_lookup,
    after_send,
    from_answer,
    may_send_again,
    only_news,
    proves_absence,
    without_lookup,
)
from riel.rail import Status
from riel.rail.guarantees import FOREVER, Guarantees

from .rules_support import (
    ABSENCE,
    BY_KEY,
    BY_REFERENCE,
    CLOSING,
    DAY,
    DEADLINE,
    END,
    HOUR,
    LAG,
    MINUTE,
    MS,
    NOW,
    PATIENCE,
    PLAIN,
    RECORD,
    SECOND,
    SENT_TWICE,
    WATCH,
    S,
    answer,
)

# After a send

OUTCOMES: dict[str, SendOutcome] = {
    "pending": answer("pending", amount=50_000, currency="MXN", account="012180001234567895"),
    "settled": answer("settled", amount=50_000),
    "returned": answer("returned"),
    "says_rejected": answer("rejected", provider_code="NO_FUNDS"),
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
    assert (change.to, change.code, change.provider_message) == (S.UNKNOWN, "E-999", "intente más tarde")
    assert change.why == "a refusal that does not prove that nothing was booked"


def test_what_never_left_has_a_code_of_ours() -> None:
    change = after_send(RECORD, PLAIN, OUTCOMES["not_sent"], NOW, PATIENCE)
    assert (change.event, change.code, change.next_at, change.watch_until) == ("not_sent", NEVER_SENT, None, None)


# The rail's own word


def test_a_settled_payment_is_watched_for_its_return() -> None:
    at = NOW - SECOND
    change = after_send(
        RECORD, PLAIN, answer("settled", settled_at=at, provider_id="P-1", facts={"cep": "x"}), NOW, PATIENCE
    )
    assert (change.event, change.settled_at, change.provider_id, change.facts) == ("settled", at, "P-1", {"cep": "x"})
    assert (change.next_at, change.watch_until) == (NOW + 5 * MINUTE, NOW + DAY)


def test_what_was_accepted_is_looked_up_after_the_first_pause() -> None:
    change = after_send(RECORD, PLAIN, answer("pending"), NOW, PATIENCE)
    assert (change.to, change.next_at) == (S.PENDING, NOW + PATIENCE.first)


def test_what_cannot_come_back_is_not_watched() -> None:
    change = after_send(RECORD, replace(PLAIN, return_window=timedelta(0)), answer("settled"), NOW, PATIENCE)
    assert (change.settled_at, change.next_at, change.watch_until) == (NOW, None, None)


@pytest.mark.parametrize(
    "at",
    [datetime.max.replace(tzinfo=timezone(-HOUR)), datetime.min.replace(tzinfo=timezone(HOUR))],
    ids=["after the last", "before the first"],
)
def test_a_time_that_no_calendar_has_is_dropped(at: datetime) -> None:
    change = after_send(RECORD, PLAIN, answer("settled", settled_at=at), NOW, PATIENCE)
    assert change.settled_at == NOW


def test_a_time_without_a_zone_is_dropped() -> None:
    change = after_send(RECORD, PLAIN, answer("settled", settled_at=datetime(2026, 3, 2, 6)), NOW, PATIENCE)  # noqa: DTZ001
    assert change.settled_at == NOW


def test_what_was_rejected_and_has_settled_is_said_loudly() -> None:
    change = after_lookup(replace(RECORD, state=S.REJECTED), PLAIN, answer("settled"), NOW, PATIENCE)
    assert isinstance(change, Change)
    assert (change.to, change.event, change.why) == (S.SETTLED, "late_settlement", "the earlier rejection was wrong")


@pytest.mark.parametrize(
    ("rules", "watched"),
    [
        (PLAIN, (NOW + PATIENCE.first, NOW + WATCH)),
        (replace(PLAIN, late_arrival_window=FOREVER), (NOW + PATIENCE.first, END)),
        (replace(PLAIN, late_arrival_window=timedelta(0)), (None, None)),
        (replace(PLAIN, lookup="no", absence_after=None), (None, None)),
    ],
    ids=["for a time", "for ever", "not at all", "no look-up"],
)
def test_a_rejected_payment_stays_watched_where_that_can_be_done(rules: Guarantees, watched: Any) -> None:
    change = after_send(RECORD, rules, OUTCOMES["refused"], NOW, PATIENCE)
    assert (change.next_at, change.watch_until) == watched


def test_a_rejection_that_is_looked_up_counts_once_no_send_can_be_under_way() -> None:
    says = answer("rejected", provider_code="NO_FUNDS")
    for at, state in (
        (SENT_TWICE.sent_at + DEADLINE + ABSENCE - MS, S.UNKNOWN),
        (SENT_TWICE.sent_at + DEADLINE + ABSENCE, S.REJECTED),
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
    answers: list[SendOutcome] = [
        Rejected(dirty, dirty),
        OutcomeUnknown(dirty),
        *(answer(status, provider_message=dirty, provider_code=dirty, facts={"cep": dirty}) for status in Status),
    ]
    for outcome in answers:
        change = after_send(RECORD, PLAIN, outcome, NOW, PATIENCE)
        for text in (change.provider_message, change.code, change.why, *change.facts.values()):
            assert len(text) <= 2000
            assert text.isprintable()


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

PROOF = NOW + DEADLINE + ABSENCE + PATIENCE.margin
"""When every server knows, however its clock differs from the others'."""
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


def called(verdict: Change | type[Resend] | type[NotYet]) -> str:
    if isinstance(verdict, Change):
        return verdict.to.value
    return "again" if verdict is Resend else "keep"


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
    assert (change.to, change.event, change.code) == (S.REJECTED, "never_arrived", ABSENT)
    assert (change.next_at, change.watch_until) == (PROOF + PATIENCE.first, PROOF + WATCH)


@pytest.mark.parametrize("state", [state for state in S if state not in {S.SENDING, S.UNKNOWN}])
def test_not_found_changes_nothing_about_what_the_rail_has_accepted_or_what_is_over(state: State) -> None:
    for rules in DEDUPES.values():
        record, later = replace(RECORD, state=state), NOW + (WATCH - MS if state is S.PENDING else DAY)
        assert after_lookup(record, rules, "absent", later, PATIENCE) is NotYet
        assert without_lookup(record, rules, later, PATIENCE) is NotYet


@pytest.mark.parametrize("proof", [None, ABSENCE, DAY])
def test_what_the_rail_accepted_and_can_no_longer_be_asked_about_goes_to_an_operator_in_time(
    proof: timedelta | None,
) -> None:
    accepted, rules = replace(RECORD, state=S.PENDING), replace(BY_KEY, absence_after=proof)
    end = NOW + (DEADLINE + DAY if proof == DAY else WATCH)
    assert after_lookup(accepted, rules, "absent", end - MS, PATIENCE) is NotYet
    for verdict in (
        after_lookup(accepted, rules, "absent", end, PATIENCE),
        without_lookup(accepted, rules, end, PATIENCE),
    ):
        assert isinstance(verdict, Change)
        assert (verdict.to, verdict.fence, verdict.next_at) == (S.REVIEW, RECORD.fence, None)
        assert allowed(S.PENDING, verdict.to, leased=True), "and life lets it"


@pytest.mark.parametrize("state", S)
def test_a_look_up_that_failed_changes_nothing(state: State) -> None:
    for rules in DEDUPES.values():
        verdict = after_lookup(replace(RECORD, state=state), rules, NothingLearned("500"), NOW + DAY, PATIENCE)
        assert verdict is NotYet


@pytest.mark.parametrize(
    ("declared", "end"),
    [
        ({}, PATIENCE.give_up_after),
        ({"late_arrival_window": 10 * DAY}, 10 * DAY),
        ({"absence_after": 5 * DAY}, 5 * DAY + DEADLINE),
        ({"absence_after": None, "late_arrival_window": timedelta(0)}, PATIENCE.give_up_after),
        ({"absence_after": FOREVER}, END - NOW),
    ],
    ids=str,
)
@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN])
def test_an_order_about_which_the_rail_never_answers_goes_to_an_operator_in_time(
    state: State, declared: dict[str, Any], end: timedelta
) -> None:
    """Not before every horizon that the rail declares: an outage is no reason to ask a person."""
    record = replace(RECORD, state=state, lookups=PATIENCE.give_up_lookups)
    rules, nothing = replace(PLAIN, **declared), NothingLearned("500")
    assert after_lookup(record, rules, nothing, NOW + end - MS, PATIENCE) is NotYet
    verdict = after_lookup(record, rules, nothing, NOW + end, PATIENCE)
    assert isinstance(verdict, Change)
    assert (verdict.to, verdict.fence, verdict.next_at) == (S.REVIEW, RECORD.fence, None)


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN])
def test_after_days_in_which_no_server_ran_one_look_up_that_fails_gives_nothing_up(state: State) -> None:
    record = replace(RECORD, state=state, lookups=PATIENCE.give_up_lookups - 1)
    assert after_lookup(record, PLAIN, NothingLearned("500"), NOW + 400 * DAY, PATIENCE) is NotYet


@pytest.mark.parametrize("state", [S.PENDING, S.SETTLED, S.REJECTED, S.RETURNED, S.REVIEW])
def test_a_rail_that_never_answers_again_changes_nothing_about_what_it_said(state: State) -> None:
    record = replace(RECORD, state=state, lookups=PATIENCE.give_up_lookups)
    assert after_lookup(record, PLAIN, NothingLearned("500"), NOW + 400 * DAY, PATIENCE) is NotYet


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


def test_an_order_whose_proof_is_lost_is_never_sent_again() -> None:
    unproven = replace(RECORD, state=S.UNKNOWN, unproven=True)
    assert not may_send_again(unproven, BY_KEY, NOW, PATIENCE)
    assert after_lookup(unproven, BY_KEY, "absent", NOW, PATIENCE) is NotYet


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
    backoff = Backoff(first=SECOND, longest=10 * SECOND)
    assert [backoff.pause_after(looks) // SECOND for looks in (0, 1, 2, 3, 4, 5, 10**9, -1)] == [
        1,
        2,
        4,
        8,
        10,
        10,
        10,
        1,
    ]


def test_what_has_settled_is_watched_ever_more_rarely() -> None:
    pauses = [PATIENCE.watch_pause_after(looks) // MINUTE for looks in (0, 1, 2, 3, 4, 10**9)]
    assert pauses == [5, 15, 60, 360, 360, 360]


@pytest.mark.parametrize("state", [S.PENDING, S.SETTLED])
def test_facts_that_come_later_are_news_and_what_is_known_is_none(state: State) -> None:
    record = replace(RECORD, state=state, facts={"cep": "x", "name": "A"}, settled_at=NOW, provider_id="P-1")
    same = answer(state.value, facts={"cep": "x"}, settled_at=NOW + MS / 2, provider_id="P-1")
    told = from_answer(record, PLAIN, same, NOW + HOUR, PATIENCE)
    assert (told.to, told.event, told.fence) == (state, LEARNED, None)
    assert only_news(record, told) is None
    more = replace(same, facts={"cep": "x", "name": "B", "link": "y"})
    news = only_news(record, from_answer(record, PLAIN, more, NOW + HOUR, PATIENCE))
    assert news is not None
    assert (news.facts, news.settled_at) == ({"name": "B", "link": "y"}, None)


def test_the_time_of_a_settlement_is_corrected_when_it_is_told_and_never_guessed_anew() -> None:
    record = replace(RECORD, state=S.SETTLED, settled_at=NOW)
    untold = from_answer(record, PLAIN, answer("settled"), NOW + HOUR, PATIENCE)
    assert only_news(record, untold) is None
    told = only_news(
        record, from_answer(record, PLAIN, answer("settled", settled_at=NOW - MINUTE), NOW + HOUR, PATIENCE)
    )
    assert told is not None
    assert (told.facts, told.settled_at) == ({}, NOW - MINUTE)


def test_pauses_are_drawn_between_half_and_whole() -> None:
    backoff = Backoff(first=SECOND, longest=10 * SECOND)
    for chance, part in ((0, 1000), (500, 500), (250, 750)):
        drawn = backoff.with_jitter(lambda n, chance=chance: min(chance, n - 1))  # type: ignore[misc]
        assert [drawn.pause_after(looks) for looks in (0, 3, 9)] == [part * MS, 8 * part * MS, 10 * part * MS]
        assert drawn.watch_pause_after(0) == 300 * part * MS
        assert (drawn.margin, drawn.give_up_after) == (backoff.margin, backoff.give_up_after), (
            "windows are not narrowed"
        )
