"""What an answer means for the money: pure functions from what happened to what is written.

After a send there is a :class:`Change` to write. After a look-up there is a change, a decision to send once more, or
nothing learned yet. Nothing here acts, so every row of the rules is a line of a test.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from riel.errors import Code, NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.journal.columns import from_millis, to_millis
from riel.journal.records import LEARNED, UNANSWERED_WATCH, Change, PaymentRecord, State
from riel.rail import Answer, Status
from riel.rail.guarantees import Guarantees
from riel.text import clean_text

SendOutcome = Answer | Rejected | NotSent | OutcomeUnknown
"""How one send ended."""

LookupOutcome = Answer | Literal["absent"] | NothingLearned
"""How one look-up ended."""

NEVER_SENT = Code.RAIL_UNREACHABLE.value
ABSENT = Code.NEVER_ARRIVED.value
CAUSE = "notSentBecause"
"""The fact that names the cause of a connection that could not be made."""

MAX_FACT = 2000
"""How long a fact of a rail may be: an address with a query is no sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait between look-ups: doubling from ``first`` to ``longest``; ``per_mille`` of it is waited.

    ``margin`` is how far the clocks of two servers may be apart: so long before the end of a window the last copy of an
    order leaves, and so long after its proof an absence is concluded. ``give_up_after`` is
    how long after its last send an order without any answer is looked up, if the rail declares nothing longer.
    ``give_up_lookups`` is how many look-ups in a row must have had no answer by then: after days in which no server
    ran, the first that fails proves nothing.
    ``watch`` are the pauses between the look-ups of a settled payment, which may come back; the last one repeats.
    """

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    margin: timedelta = timedelta(minutes=1)
    give_up_after: timedelta = UNANSWERED_WATCH
    give_up_lookups: int = 10
    watch: tuple[timedelta, ...] = (
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=6),
    )
    per_mille: int = 1000

    def watch_pause_after(self, looks: int) -> timedelta:
        """The pause after that many look-ups of a settled payment."""
        return self.watch[min(looks, len(self.watch) - 1)] * self.per_mille // 1000

    def pause_after(self, looks: int) -> timedelta:
        """The pause after that many look-ups."""
        return min(self.longest, self.first * (1 << max(0, min(looks, 20)))) * self.per_mille // 1000

    def with_jitter(self, below: Callable[[int], int]) -> "Backoff":
        """Return the same with pauses of half to full length: orders that failed together are looked up apart."""
        return replace(self, per_mille=1000 - below(501))


class Resend:
    """The rail is known not to have it, or cannot be asked, and dedupes: the same order may go once more."""


class NotYet:
    """Nothing can be concluded yet."""


def after_send(
    record: PaymentRecord, rules: Guarantees, outcome: SendOutcome, now: datetime, backoff: Backoff
) -> Change:
    """What to write after a send of ``record`` (already counted in ``record.sends``) ended with ``outcome``."""
    only = record.sends == 1
    match outcome:
        case Answer():
            return from_answer(record, rules, outcome, now, backoff)
        case NotSent() if only:
            why = clean_text(str(outcome)) or "no connection"
            cause = {CAUSE: outcome.cause} if outcome.cause else {}
            return Change(
                to=State.REJECTED, event="not_sent", fence=record.fence, code=NEVER_SENT, why=why, facts=cause
            )
        case Rejected(provider_code=code, provider_message=words) if code in rules.refusals and (
            only or rules.refusals_stored
        ):
            return _rejected(record, rules, code, words, now, backoff)
        case Rejected(provider_code=code, provider_message=words):
            why = "a refusal that does not prove that nothing was booked"
            return _unknown(record, now, backoff, why, code=code, words=words)
        case NotSent():
            return _unknown(record, now, backoff, "the repeated send never left; an earlier one did")
        case OutcomeUnknown():
            return _unknown(record, now, backoff, clean_text(str(outcome)) or "no whole answer")


def after_lookup(
    record: PaymentRecord, rules: Guarantees, outcome: LookupOutcome, now: datetime, backoff: Backoff
) -> Change | type[Resend] | type[NotYet]:
    """What follows from the outcome of a look-up of ``record``."""
    if isinstance(outcome, Answer):
        return from_answer(record, rules, outcome, now, backoff)
    if record.state not in {State.SENDING, State.UNKNOWN, State.PENDING}:
        return NotYet
    proof, watched = proves_absence(record, rules), _until(record.sent_at, rules.late_arrival_window)
    over = max(watched, proof or watched)
    if isinstance(outcome, NothingLearned):
        late = now >= max(over, _until(record.sent_at, backoff.give_up_after))
        if record.state is not State.PENDING and late and record.lookups >= backoff.give_up_lookups:
            return _review(record, "the rail never answered whether it has it")
        return NotYet
    if record.state is State.PENDING:
        return _review(record, "the rail no longer knows what it had accepted") if now >= over else NotYet
    if may_send_again(record, rules, now, backoff):
        return Resend
    if proof is not None and now - backoff.margin >= proof:
        return _rejected(
            record, rules, ABSENT, "", now, backoff, event="never_arrived", why="the rail knows no such order"
        )
    if proof is None and now >= watched:
        return _review(record, "the rail does not know it, and that proves nothing")
    return NotYet


def without_lookup(
    record: PaymentRecord, rules: Guarantees, now: datetime, backoff: Backoff
) -> Change | type[Resend] | type[NotYet]:
    """What follows for a rail that cannot be asked: send again where it dedupes, else a person must decide."""
    if record.state is State.PENDING and now >= _until(record.sent_at, rules.late_arrival_window):
        return _review(record, "the rail accepted it, and cannot be asked whether it settled")
    if record.state not in {State.SENDING, State.UNKNOWN}:
        return NotYet
    if may_send_again(record, rules, now, backoff):
        return Resend
    return _review(record, "the rail can neither be asked nor does it recognise a second send")


def may_send_again(record: PaymentRecord, rules: Guarantees, now: datetime, backoff: Backoff) -> bool:
    """Whether a second send of the same order cannot book twice: the rail dedupes, and its window is still open.

    Never of an order that nobody can prove: it is only looked up.
    """
    if rules.dedupe == "no" or record.unproven:
        return False
    if now + backoff.margin < max(record.created_at, record.sent_at):
        return False  # the clock was set back, so nobody can say how long ago that was
    until = _until(record.created_at, rules.dedupe_window)
    if record.resend_until is not None:
        until = min(until, record.resend_until)
    return now + rules.send_deadline + backoff.margin < until


def proves_absence(record: PaymentRecord, rules: Guarantees) -> datetime | None:
    """From when on "not found" proves that nothing was booked, or ``None`` where it never does.

    Never before a look-up could have seen the last send, whatever the order itself says.
    """
    seen = record.sent_at + rules.send_deadline + rules.lookup_lag
    if record.absent_after is not None:
        return max(record.absent_after, seen)
    if rules.absence_after is None:
        return None
    return max(_until(record.sent_at + rules.send_deadline, rules.absence_after), seen)


def from_answer(record: PaymentRecord, rules: Guarantees, answer: Answer, now: datetime, backoff: Backoff) -> Change:
    """What the rail's own word about the order means. An answer about another amount or payee goes to an operator.

    Where the rail says what is known, the change is one of facts (``LEARNED``); :func:`only_news` says which are new.
    """
    if wrong := _mismatch(record, answer):
        return _review(record, wrong)
    word = Change(
        to=State.PENDING,
        event="accepted",
        provider_id=answer.provider_id,
        facts={name: clean_text(value, MAX_FACT) for name, value in answer.facts.items()},
        provider_message=clean_text(answer.provider_message, MAX_FACT),
        code=clean_text(answer.provider_code),
        next_at=now + backoff.pause_after(0),
    )
    match answer.status:
        case Status.PENDING if record.state is State.PENDING:
            return replace(word, event=LEARNED)
        case Status.SETTLED if record.state is State.SETTLED:
            return replace(word, to=State.SETTLED, event=LEARNED, settled_at=_aware(answer.settled_at))
        case Status.PENDING:
            return word
        case Status.SETTLED:
            late = record.state is State.REJECTED
            return replace(
                word,
                to=State.SETTLED,
                event="late_settlement" if late else "settled",
                why="the earlier rejection was wrong" if late else "",
                settled_at=_aware(answer.settled_at) or now,
                next_at=now + backoff.watch_pause_after(0) if rules.return_window else None,
                watch_until=_until(now, rules.return_window) if rules.return_window else None,
            )
        case Status.RETURNED:
            return replace(word, to=State.RETURNED, event="returned", next_at=None)
        case Status.REJECTED if record.state is State.SETTLED:
            return _review(record, "the rail rejects what it had settled")
        case Status.REJECTED:
            lands = proves_absence(record, rules) or _until(
                record.sent_at, max(rules.send_deadline, rules.late_arrival_window)
            )
            if record.sends > 1 and not rules.refusals_stored and now < lands:
                return _unknown(
                    record, now, backoff, "rejected, but a repeated send may still arrive", code=answer.provider_code
                )
            return _rejected(record, rules, answer.provider_code, answer.provider_message, now, backoff)


def only_news(record: PaymentRecord, change: Change) -> Change | None:
    """``change`` with only those facts that the record does not have; ``None`` where it has them all.

    The time of the settlement is one of them: where the rail told none at first, the record has that of its answer.
    """
    facts = {name: value for name, value in change.facts.items() if record.facts.get(name, "") != value}
    at = change.settled_at and from_millis(to_millis(change.settled_at))
    at = None if at == record.settled_at else at
    named = bool(change.provider_id) and not record.provider_id
    return replace(change, facts=facts, settled_at=at) if facts or at or named else None


def _mismatch(record: PaymentRecord, answer: Answer) -> str:
    if answer.amount is not None and answer.amount != record.money.amount:
        return "the rail speaks of another amount"
    if answer.currency is not None and answer.currency != record.money.currency:
        return "the rail speaks of another currency"
    if answer.account is not None and answer.account != record.payee.account:
        return "the rail speaks of another account"
    return ""


def _aware(at: datetime | None) -> datetime | None:
    """An instant in UTC. One without a zone, or beyond the calendar of UTC, is none: it is dropped, never guessed."""
    try:
        return None if at is None or at.utcoffset() is None else at.astimezone(UTC)
    except OverflowError:
        return None


def _until(now: datetime, horizon: timedelta) -> datetime:
    """``now + horizon``, or the end of time where it is not reached: FOREVER is longer than the calendar."""
    end = datetime.max.replace(tzinfo=now.tzinfo)
    return end if horizon > end - now else now + horizon


def _rejected(
    record: PaymentRecord,
    rules: Guarantees,
    code: str,
    words: str,
    now: datetime,
    backoff: Backoff,
    event: str = "rejected",
    why: str = "",
) -> Change:
    """A negative conclusion: it needs the lease, and the order stays watched, since a request can arrive late."""
    watched = rules.lookup != "no" and bool(rules.late_arrival_window)
    return Change(
        to=State.REJECTED,
        event=event,
        fence=record.fence,
        why=why,
        code=clean_text(code),
        provider_message=clean_text(words, MAX_FACT),
        next_at=now + backoff.pause_after(0) if watched else None,
        watch_until=_until(now, rules.late_arrival_window) if watched else None,
    )


def _unknown(
    record: PaymentRecord, now: datetime, backoff: Backoff, why: str, *, code: str = "", words: str = ""
) -> Change:
    return Change(
        to=State.UNKNOWN,
        event="unknown",
        fence=record.fence,
        why=why,
        code=clean_text(code),
        provider_message=clean_text(words, MAX_FACT),
        next_at=now + backoff.pause_after(record.sends - 1),
    )


def _review(record: PaymentRecord, why: str) -> Change:
    return Change(to=State.REVIEW, event="review", fence=record.fence, why=why)
