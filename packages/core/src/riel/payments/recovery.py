"""Find out the outcome of an order: look it up, send it again only if that cannot book twice, or hand it over."""

import logging
from datetime import datetime

from riel.errors import NothingLearned
from riel.journal import Change, PaymentRecord, State
from riel.journal.records import LEARNED
from riel.journal.transitions import adds_facts, allowed
from riel.payments import rail_calls
from riel.payments.context import Context, Silence, original_of
from riel.payments.dispatch import dispatch
from riel.payments.rules import (
    Backoff,
    LookupOutcome,
    NotYet,
    Resend,
    after_lookup,
    from_answer,
    only_news,
    without_lookup,
)
from riel.rail import Answer

log = logging.getLogger(__name__)


async def recover(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Learn what can be learned about ``record``, whose lease this process holds, and release the lease."""
    rules, now = context.rails[record.rail].guarantees, context.now()
    backoff = context.timing.backoff.with_jitter(context.below)
    outcome: LookupOutcome = "absent"
    if rules.lookup == "no":
        doubt = _clock_doubt(context, record, backoff)
        conclusion = NotYet if doubt else without_lookup(record, rules, now, backoff)
    else:
        outcome = await look_up(context, record)
        if outcome == "absent":
            outcome = _clock_doubt(context, record, backoff) or outcome
        now = context.now()
        conclusion = after_lookup(record, rules, outcome, now, backoff)
    if conclusion is Resend and context.may_send:
        return await _resend(context, record)
    change = _to_write(context, record, conclusion) if isinstance(conclusion, Change) else None
    if change is not None:
        written, done = await context.journal.record(record.id, change, now)
        if done and change.event != LEARNED:
            _log_change(written, change)
            return written
        record = written
    finished = _watch_ended(context, record, now, backoff) or record.state in {State.RETURNED, State.REVIEW}
    watched = record.state is State.SETTLED
    pause = backoff.watch_pause_after(record.lookups) if watched else backoff.pause_after(record.lookups)
    next_at = None if finished else now + pause
    await context.journal.release(record.id, record.fence, next_at)
    return record


def _clock_doubt(context: Context, record: PaymentRecord, backoff: Backoff) -> NothingLearned | None:
    """Return why no window can be believed: this machine's clock is not the journal's, which other servers share."""
    apart = context.journal.clock_difference
    if apart <= backoff.margin / 2:
        return None
    log.error(
        "the clock of this machine is %.0f s away from the journal's: payment %s is neither given up nor sent again",
        apart.total_seconds(),
        record.id,
    )
    return NothingLearned("this machine's clock and the journal's differ")


def _to_write(context: Context, record: PaymentRecord, change: Change) -> Change | None:
    """Return ``change`` as it is written: sanitized, and ``None`` where the record says the same already."""
    change = context.sanitized(record, change)
    return only_news(record, change) if change.event == LEARNED else change


def _watch_ended(context: Context, record: PaymentRecord, now: datetime, backoff: Backoff) -> bool:
    """Return whether the time to watch it is over, and the rail has answered since, or has long given no answer."""
    if record.watch_until is None:
        return False
    silence = context.unanswered.get(record.id)
    if silence is None:
        return now >= record.watch_until
    return now - backoff.give_up_after >= record.watch_until and silence.lookups >= backoff.give_up_lookups


async def look_up(context: Context, record: PaymentRecord) -> LookupOutcome:
    """Ask the rail about ``record``."""
    original = await original_of(context, record)
    outcome = await rail_calls.look_up(context, record, record.order(original))
    silence = context.unanswered.pop(record.id, None)
    if isinstance(outcome, NothingLearned):
        lookups = silence.lookups + 1 if silence else 1
        context.unanswered[record.id] = Silence(context.sanitize(str(outcome), record), lookups)
    return outcome


async def lookup_unleased(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Look up a payment that is settled, or no longer watched: without its lease, only positive evidence counts."""
    rules = context.rails[record.rail].guarantees
    outcome = await look_up(context, record)
    if not isinstance(outcome, Answer):
        return record
    change = from_answer(record, rules, outcome, context.now(), context.timing.backoff.with_jitter(context.below))
    if not (adds_facts(record.state, change) or allowed(record.state, change.to, leased=False)):
        return record
    new = _to_write(context, record, change)
    if new is None:
        return record
    written, done = await context.journal.record(record.id, new, context.now())
    if done and new.event != LEARNED:
        _log_change(written, new)
    return written


async def _resend(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Send the same reference and the same bytes once more; the journal counts it before they leave.

    Where the journal refuses, because payments are frozen or another process has the payment, it is looked up later.
    """
    again = Change(to=State.SENDING, event="resent", fence=record.fence, next_at=context.now(), resend=True)
    written, done = await context.journal.record(record.id, again, context.now())
    if done:
        return await dispatch(context, written)
    pause = context.timing.backoff.with_jitter(context.below).pause_after(record.lookups)
    await context.journal.release(record.id, record.fence, context.now() + pause)
    return written


def _log_change(record: PaymentRecord, change: Change) -> None:
    if change.event == "late_settlement":
        log.error("payment %s was reported as rejected and has settled after all", record.id)
    if record.state is State.REVIEW:
        log.error("payment %s needs an operator: %s", record.id, change.why)
