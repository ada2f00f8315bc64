"""The rail of SPEI: mistakes about the operating day, and about what STP says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from rail_spei import client
from rail_spei.client import SpeiClient
from rail_spei.stp import api
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, OrderUnclear, Outcome, RefusalKind
from riel import Draft, Prepared, ReferenceSource
from riel.journal import PaymentRecord
from riel.payments import Context, recovery

from .registry import bug, on_rail, seen_in

USED_KEY = {"-1", "-2", "5"}
"""Ids that say that STP knows the key."""

BELIEVED = "-200"
"""A code that the rail declares as a refusal: the core believes no other, and that defence is taken off too."""

Classify = Callable[[Outcome, int], Outcome]


def _prepared(change: Callable[[Prepared, datetime], Prepared]) -> Any:
    real = SpeiClient.prepare

    def prepare(self: SpeiClient, draft: Draft, references: ReferenceSource) -> Prepared:
        return change(real(self, draft, references), references.now)

    return patch.object(SpeiClient, "prepare", prepare)


def _understood(as_: Classify) -> Any:
    """STP's answer to an order, taken for something else."""
    real = api.classify
    return patch.object(api, "classify", lambda status, headers, body: as_(real(status, headers, body), status))


def _stp_time_ignored() -> Any:
    """STP's clock, which is compared with ours before an absence counts."""
    return patch.object(api, "require_same_time", lambda difference: None)


def _refused(outcome: Outcome) -> Outcome:
    return OrderRefusal(BELIEVED, RefusalKind.SETUP, "", "")


# The operating day


@on_rail("spei")
@seen_in("lateness")
@bug
def sent_again_whatever_the_day() -> Iterator[None]:
    """A key is known for one operating day only, and nobody looks at the clock."""
    with _prepared(lambda prepared, now: replace(prepared, resend_until=None)):
        yield


@on_rail("spei")
@seen_in("lateness")
@bug
def asked_after_on_the_running_day_only() -> Iterator[None]:
    with patch.object(client, "possible_days", lambda *beliefs: [None]), _stp_time_ignored():
        yield


@on_rail("spei")
@seen_in("lateness")
@bug
def asked_after_on_its_own_day_only() -> Iterator[None]:
    """What leaves before the cut-off may be booked after it."""

    with patch.object(client, "possible_days", lambda own, *beliefs: [own]), _stp_time_ignored():
        yield


@on_rail("spei")
@seen_in("lateness")
@bug
def absence_concluded_before_the_day_has_closed() -> Iterator[None]:
    with _prepared(lambda prepared, now: replace(prepared, absent_after=now)):
        yield


@on_rail("spei")
@seen_in("lateness")
@bug
def a_new_key_for_what_is_sent_again() -> Iterator[None]:
    real = recovery.dispatch

    async def redispatch(context: Context, record: PaymentRecord) -> PaymentRecord:
        new = f"{record.reference[:-6]}{context.below(900_000) + 100_000}"
        body = record.body.replace(record.reference.encode(), new.encode())
        return await real(context, replace(record, reference=new, body=body))

    with patch.object(recovery, "dispatch", redispatch):
        yield


# What STP says


@on_rail("spei")
@seen_in("doubt")
@bug
def a_key_that_was_used_taken_for_a_refusal() -> Iterator[None]:
    """Id -1: it may well be this very order that used it."""

    def understood(outcome: Outcome, status: int) -> Outcome:
        return _refused(outcome) if isinstance(outcome, OrderUnclear) and outcome.provider_code in USED_KEY else outcome

    with _understood(understood):
        yield


@on_rail("spei")
@seen_in("doubt")
@bug
def any_id_taken_for_acceptance() -> Iterator[None]:
    """As the id 3 of an account that is not the company's."""

    def understood(outcome: Outcome, status: int) -> Outcome:
        return OrderAccepted(outcome.provider_code) if isinstance(outcome, OrderRefusal) and status == 200 else outcome

    with _understood(understood):
        yield


@on_rail("spei")
@seen_in("doubt")
@bug
def no_reason_taken_for_a_refusal() -> Iterator[None]:
    """Id 0 without a text."""

    def understood(outcome: Outcome, status: int) -> Outcome:
        silent = isinstance(outcome, OrderUnclear) and outcome.provider_code == "0" and not outcome.provider_message
        return _refused(outcome) if silent else outcome

    with _understood(understood):
        yield


@on_rail("spei")
@seen_in("doubt")
@bug
def an_error_of_the_gateway_taken_for_a_refusal() -> Iterator[None]:
    def understood(outcome: Outcome, status: int) -> Outcome:
        return _refused(outcome) if status >= 500 else outcome

    with _understood(understood):
        yield


@on_rail("spei")
@seen_in("doubt")
@bug
def an_id_that_no_catalogue_has_taken_for_a_refusal() -> Iterator[None]:
    def understood(outcome: Outcome, status: int) -> Outcome:
        return _refused(outcome) if isinstance(outcome, OrderUnclear) and outcome.provider_code == "-777" else outcome

    with _understood(understood):
        yield


@on_rail("spei")
@seen_in("doubt")
@bug
def a_refusal_between_two_accounts_of_stp_believed() -> Iterator[None]:
    with patch.object(OrderRefusal, "needs_lookup", lambda self, institution: False):
        yield
