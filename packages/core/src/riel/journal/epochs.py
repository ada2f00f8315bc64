"""The epochs of a journal: when it was restored from a copy, what may be missing from it since, and its new keys.

The events of a journal as a whole have a chain of their own, beside those of the payments.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.columns import from_millis, to_millis
from riel.journal.events import COMPARED, KEY_REPLACED, RESTORED
from riel.journal.pagination import iterate_payments
from riel.journal.protocol import Journal
from riel.journal.records import RESTORED as RESTORED_ORDER
from riel.journal.records import Change, Event, State
from riel.rail import Mode

LIVING = (State.SENDING, State.UNKNOWN)
"""States in which an order may be sent once more."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Payments that were made from ``since`` until ``until`` may be missing from the journal."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What ``riel restore`` did: challenges that it closed, payments that will be looked up, and the gap."""

    closed: int
    living: int
    gap: Gap


def gap_of(events: Iterable[Event], rail: str, mode: Mode, payer: str) -> Gap | None:
    """Return what may be missing of the payments of one rail; ``None`` if nothing is.

    :param events: the chain :data:`JOURNAL_CHAIN`.
    """
    gap: Gap | None = None
    for event in events:
        if event.event == RESTORED:
            since = from_millis(event.body["since"])
            gap = Gap(min(since, gap.since) if gap else since, event.at)
        elif event.event == COMPARED and gap is not None and _is_about(event, rail, mode, payer):
            since, until = from_millis(event.body["since"]), from_millis(event.body["until"])
            if since <= gap.since < until:
                gap = replace(gap, since=until) if until < gap.until else None
    return gap


def _is_about(event: Event, rail: str, mode: Mode, payer: str) -> bool:
    wanted = {"rail": rail, "mode": mode, "payer": payer}
    return all(event.body.get(name, value) == value for name, value in wanted.items())


async def begin_after_restore(journal: Journal, by: str, at: datetime) -> RestoreReport:
    """Begin a new epoch of a journal that was restored from a copy. It may be repeated after a failure.

    Every open challenge is closed: its code may have paid since the copy was made. Every payment that may be under way
    counts as sent once more, just now: so it is looked up before anything else, and an absence proves nothing that the
    last send before the restore could contradict.
    """
    since = await journal.last_event_at() or from_millis(0)
    closed = await journal.end_open_challenges("the journal was restored from a copy", at)
    living = 0
    async for record in iterate_payments(journal, states=LIVING):
        claimed = None if record.unproven else await journal.claim_one(record.id, at, ())
        if claimed is not None:
            why = "the journal was restored from a copy: the order may have been sent since"
            change = Change(
                to=State.SENDING, event=RESTORED_ORDER, fence=claimed.fence, why=why, next_at=at, resend=True
            )
            written, _ = await journal.record(record.id, change, at)
            await journal.release(record.id, written.fence, at)
            living += 1
    body = {"by": by, "since": to_millis(since), "challengesClosed": closed, "living": living}
    await journal.append_event(JOURNAL_CHAIN, RESTORED, body, at)
    return RestoreReport(closed, living, Gap(since, at))


async def lost_keys(journal: Journal) -> frozenset[str]:
    """Return the ids of the keys that were replaced because they were lost."""
    events = await journal.events(JOURNAL_CHAIN)
    return frozenset(
        event.body["from"] for event in events if event.event == KEY_REPLACED and event.body.get("lost", False)
    )


async def note_comparison(
    journal: Journal, rail: str, since: datetime, until: datetime, at: datetime, **about: Any
) -> None:
    """Record that the provider's statement of ``rail`` from ``since`` until ``until`` was compared with the journal."""
    body = {"rail": rail, "since": to_millis(since), "until": to_millis(until), **about}
    await journal.append_event(JOURNAL_CHAIN, COMPARED, body, at)
