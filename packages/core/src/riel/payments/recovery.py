"""Find out what became of a payment: look it up, send it again only where that cannot book twice, or hand it over."""

import asyncio
import logging
from datetime import datetime

from riel.errors import NothingLearned
from riel.journal import Change, PaymentRecord, State
from riel.journal.transitions import allowed
from riel.payments.context import Context, original_of
from riel.payments.dispatch import dispatch
from riel.payments.rules import Backoff, LookupOutcome, Resend, after_lookup, from_answer, is_answer, without_lookup
from riel.rail import Answer

log = logging.getLogger(__name__)


async def recover(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Learn what can be learned about ``record``, whose lease this process holds, and give the lease back."""
    rules, now = context.rails[record.rail].guarantees, context.now()
    backoff = context.timing.backoff.with_jitter(context.below)
    found: LookupOutcome = "absent"
    if rules.lookup == "no":
        verdict = without_lookup(record, rules, now, backoff)
    else:
        found = await look_up(context, record)
        now = context.now()
        verdict = after_lookup(record, rules, found, now, backoff)
    if verdict is Resend:
        return await _resend(context, record)
    if isinstance(verdict, Change):
        written, done = await context.journal.record(record.id, context.sanitized(record, verdict), now)
        if done:
            _log_change(written, verdict)
            return written
        record = written
    finished = _still_watched(record, found, now, backoff) or record.state in {State.RETURNED, State.REVIEW}
    pause = backoff.longest_pause() if record.state is State.SETTLED else backoff.pause_after(record.lookups)
    next_at = None if finished else now + pause
    await context.journal.release(record.id, record.fence, next_at)
    return record


def _still_watched(record: PaymentRecord, found: LookupOutcome, now: datetime, backoff: Backoff) -> bool:
    """Whether the time to watch it is over: not with a look that saw nothing, unless the rail stays dumb for long."""
    seen = now - backoff.give_up_after if isinstance(found, NothingLearned) else now
    return record.watch_until is not None and seen >= record.watch_until


async def look_up(context: Context, record: PaymentRecord) -> LookupOutcome:
    """Ask the rail about ``record``; a rail that fails to answer has taught nothing."""
    rules = context.rails[record.rail].guarantees
    original = await original_of(context, record)
    try:
        client = await context.clients.of(record.rail)
        async with asyncio.timeout(rules.send_deadline.total_seconds()):
            found = await client.status(record.order(original))
    except NothingLearned as nothing:
        return nothing
    except (Exception, SystemExit) as failure:
        log.warning("the rail %r failed to look up a payment (%s)", record.rail, type(failure).__name__)
        return NothingLearned(type(failure).__name__)
    if found is None:
        return "absent"
    return found if is_answer(found) else NothingLearned("the rail's client returned no answer")


async def lookup_unleased(context: Context, record: PaymentRecord) -> PaymentRecord:
    """Ask after a payment that is settled, or of which nothing was expected: only positive evidence can change it."""
    rules = context.rails[record.rail].guarantees
    found = await look_up(context, record)
    if not isinstance(found, Answer):
        return record
    change = from_answer(record, rules, found, context.now(), context.timing.backoff.with_jitter(context.below))
    if not allowed(record.state, change.to, leased=False):
        return record
    written, done = await context.journal.record(record.id, context.sanitized(record, change), context.now())
    if done:
        _log_change(written, change)
    return written


async def _resend(context: Context, record: PaymentRecord) -> PaymentRecord:
    """The same reference and the same bytes once more, counted in the journal before they leave."""
    again = Change(to=State.SENDING, event="resent", fence=record.fence, next_at=context.now(), resend=True)
    written, done = await context.journal.record(record.id, again, context.now())
    return await dispatch(context, written) if done else written


def _log_change(record: PaymentRecord, change: Change) -> None:
    if change.event == "late_settlement":
        log.error("payment %s was reported as rejected and has settled after all", record.id)
    if record.state is State.REVIEW:
        log.error("payment %s needs an operator: %s", record.id, change.why)
