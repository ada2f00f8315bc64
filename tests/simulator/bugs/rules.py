"""What an answer, or none, is taken to mean: mistakes in the rules."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from riel.errors import OutcomeUnknown, Rejected
from riel.journal import Change, PaymentRecord, State
from riel.journal.sqlite import payments
from riel.payments import Context, dispatch, recovery, rules
from riel.rail.guarantees import Guarantees

from .registry import bug, seen_in

ALLOWED = payments.allowed


def _rejected(record: PaymentRecord, guarantees: Guarantees, now: datetime, backoff: Any) -> Change:
    return rules._rejected(record, guarantees, "FAILED", "", now, backoff)


@bug
def a_timeout_taken_for_a_failure() -> Iterator[None]:
    real = dispatch.after_send

    def after(record: PaymentRecord, guarantees: Guarantees, outcome: Any, now: datetime, backoff: Any) -> Change:
        if isinstance(outcome, OutcomeUnknown) and "deadline" in str(outcome):
            return _rejected(record, guarantees, now, backoff)
        return real(record, guarantees, outcome, now, backoff)

    with patch.object(dispatch, "after_send", after):
        yield


@bug
def a_server_error_taken_for_a_failure() -> Iterator[None]:
    real = dispatch.after_send

    def after(record: PaymentRecord, guarantees: Guarantees, outcome: Any, now: datetime, backoff: Any) -> Change:
        if isinstance(outcome, OutcomeUnknown) and "503" in str(outcome):
            return _rejected(record, guarantees, now, backoff)
        return real(record, guarantees, outcome, now, backoff)

    with patch.object(dispatch, "after_send", after):
        yield


@bug
def garbage_taken_for_success() -> Iterator[None]:
    real = dispatch.after_send

    def after(record: PaymentRecord, guarantees: Guarantees, outcome: Any, now: datetime, backoff: Any) -> Change:
        if isinstance(outcome, OutcomeUnknown):
            return Change(to=State.SETTLED, event="settled", settled_at=now)
        return real(record, guarantees, outcome, now, backoff)

    with patch.object(dispatch, "after_send", after):
        yield


@bug
def any_refusal_believed() -> Iterator[None]:
    """Also one after a second send, and codes that prove nothing. The watch would put it right: it is off."""
    real = dispatch.after_send

    def after(record: PaymentRecord, guarantees: Guarantees, outcome: Any, now: datetime, backoff: Any) -> Change:
        if isinstance(outcome, Rejected):
            return replace(_rejected(record, guarantees, now, backoff), next_at=None, watch_until=None)
        return real(record, guarantees, outcome, now, backoff)

    with patch.object(dispatch, "after_send", after):
        yield


@seen_in("doubt")
@bug
def a_rejection_believed_while_a_copy_is_under_way() -> Iterator[None]:
    """What the rail said of one copy, taken for its word on all."""
    real = rules.from_answer

    def answered(record: PaymentRecord, *rest: Any) -> Change:
        return real(replace(record, sends=1), *rest)

    with patch.object(rules, "from_answer", answered):
        yield


@seen_in("lateness")
@bug
def absence_concluded_at_once() -> Iterator[None]:
    real = rules.proves_absence

    def proves(record: PaymentRecord, guarantees: Guarantees) -> datetime | None:
        return real(record, guarantees) and record.sent_at

    with patch.object(rules, "proves_absence", proves):
        yield


@seen_in("lateness")
@bug
def absence_where_nothing_proves_it() -> Iterator[None]:
    def proves(record: PaymentRecord, guarantees: Guarantees) -> datetime | None:
        return record.sent_at + timedelta(seconds=1)

    with patch.object(rules, "proves_absence", proves):
        yield


@seen_in("lateness")
@bug
def a_watch_forgotten() -> Iterator[None]:
    real = rules._rejected

    def unwatched(*what: Any, **more: Any) -> Change:
        return replace(real(*what, **more), next_at=None, watch_until=None)

    with patch.object(rules, "_rejected", unwatched):
        yield


@seen_in("silence")
@bug
def a_watch_ended_by_a_look_that_saw_nothing() -> Iterator[None]:
    def watched(context: Context, record: PaymentRecord, now: datetime, backoff: Any) -> bool:
        return record.watch_until is not None and now >= record.watch_until

    with patch.object(recovery, "_watch_ended", watched):
        yield


@bug
def good_news_needs_the_lease() -> Iterator[None]:
    def allowed(before: State, after: State, *, leased: bool) -> bool:
        return leased and ALLOWED(before, after, leased=True)

    with patch.object(payments, "allowed", allowed):
        yield
