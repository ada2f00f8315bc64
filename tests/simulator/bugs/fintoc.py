"""The rail of Fintoc: mistakes about what it stores, for how long, and about what its list says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from rail_fintoc import client
from rail_fintoc.api import ErrorDetails, FintocApi
from rail_fintoc.api import fintoc_api as api
from rail_fintoc.client import FintocClient
from riel import Answer, Order, Status
from riel.payments import rules

from .registry import bug, on_rail, seen_in

BELIEVED = {"status": 409, "type": "invalid_request_error", "code": "insufficient_balance"}
"""What the rail declares as a refusal: the core believes no other, and that defence is taken off too."""


def _taken_for_a_refusal(wrongly: Callable[[ErrorDetails], bool]) -> Any:
    """Fintoc's error in answer to an order, taken for a refusal."""
    real = api.error_details

    def error_details(response: Any) -> ErrorDetails:
        details = real(response)
        return replace(details, **BELIEVED) if response.request.method == "POST" and wrongly(details) else details

    return patch.object(api, "error_details", error_details)


# What it stores


@on_rail("fintoc")
@seen_in("doubt")
@bug
def a_new_idempotency_key_for_what_is_sent_again() -> Iterator[None]:
    """The body is the same, and has our reference; but each attempt has a key of its own."""
    real, sent = FintocApi.send, list[str]()

    async def send(self: FintocApi, path: str, body: bytes, key: str, signed: bool = True) -> Any:
        sent.append(key)
        again = sent.count(key)
        return await real(self, path, body, key if again == 1 else f"{key}-{again}", signed)

    with patch.object(FintocApi, "send", send):
        yield


@on_rail("fintoc")
@seen_in("doubt")
@bug
def a_key_believed_to_be_kept_for_ever() -> Iterator[None]:
    """The core's own limit, which stands on what is declared, is taken off too."""
    with patch.object(rules, "may_send_again", lambda *given: True):
        yield


@on_rail("fintoc")
@seen_in("doubt")
@bug
def a_stored_500_taken_for_a_refusal() -> Iterator[None]:
    """The first answer is stored, and the money may have moved all the same."""
    with _taken_for_a_refusal(lambda details: details.status == 500):
        yield


@on_rail("fintoc")
@seen_in("lateness")
@bug
def a_429_taken_for_a_refusal() -> Iterator[None]:
    """Nobody says who answers it, nor what was done before."""
    with _taken_for_a_refusal(lambda details: details.status == 429):
        yield


@on_rail("fintoc")
@seen_in("doubt")
@bug
def an_error_of_a_proxy_taken_for_a_refusal() -> Iterator[None]:
    with _taken_for_a_refusal(lambda details: not details.type):
        yield


@on_rail("fintoc")
@seen_in("doubt")
@bug
def any_success_taken_for_acceptance() -> Iterator[None]:
    """Also one that names no transfer."""

    def send(self: FintocClient, order: Order) -> Any:
        async def sent() -> Answer:
            resource = await self.api.send("/v2/transfers", order.body, order.reference)
            return client.to_answer(resource, order, "transfer")

        return sent()

    with patch.object(FintocClient, "send", send):
        yield


# What its list says


@on_rail("fintoc")
@seen_in("doubt")
@bug
def any_transfer_of_that_time_taken_for_ours() -> Iterator[None]:
    """The list is read, and nobody looks for our reference in the metadata."""
    with patch.object(client, "has_our_reference", lambda row, order, operation: True):
        yield


@on_rail("fintoc")
@seen_in("doubt")
@bug
def a_list_read_as_if_all_clocks_were_alike() -> Iterator[None]:
    """Fintoc's clock may be behind ours: what it took is older there than our order."""
    with patch.object(client, "CLOCK_SKEW", timedelta(0)):
        yield


@on_rail("fintoc")
@seen_in("lateness")
@bug
def absence_concluded_at_once_where_it_dedupes() -> Iterator[None]:
    """What dedupes is sent again before its absence is concluded: that defence is taken off too."""
    seen_at_once = patch.object(rules, "proves_absence", lambda record, rules: record.sent_at)
    with seen_at_once, patch.object(rules, "may_send_again", lambda *given: False):
        yield


@on_rail("fintoc")
@bug
def a_pending_transfer_taken_for_a_settled_one() -> Iterator[None]:
    real = client.to_answer

    def to_answer(row: Any, order: Order, operation: str) -> Answer:
        answer = real(row, order, operation)
        return replace(answer, status=Status.SETTLED) if answer.status is Status.PENDING else answer

    with patch.object(client, "to_answer", to_answer):
        yield
