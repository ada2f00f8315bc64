"""The rail's own code for talking to Fintoc: it makes an order, hands it over, and looks for it. It never tries again.

The ``Idempotency-Key`` is the payment's stored reference, which also stands in the metadata: Fintoc cannot be asked by
it, so an order whose id is not known is looked for in the list, back to the time at which it was made.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from rail_fintoc.api import FintocApi, JsonObject, JwsKey, LookupRefused, RateLimiter, Unresolved, path_to
from rail_fintoc.codes import CODES, DUPLICATE_SEEN
from rail_fintoc.duplicates import is_copy, likeness
from rail_fintoc.mapping import created_at, failed_return, has_our_reference, json_object, matches_order, to_answer
from rail_fintoc.models import CancelRefund, FintocRefund, Return, Verification
from rail_fintoc.orders import OPERATIONS, TRANSFER, body_of, operation_of, operation_path, target_of
from rail_fintoc.returns import build_return
from rail_fintoc.settings import DEDUPE_WINDOW, LOOKUP_LAG, FintocSettings
from riel import (
    Answer,
    Draft,
    NotAllowed,
    NothingLearned,
    Order,
    OutcomeUnknown,
    Payment,
    Prepared,
    ReferenceSource,
    Rejected,
)

CLOCK_SKEW = timedelta(minutes=5)
"""How far Fintoc's clock and ours may differ when a list is read back to the time of an order."""

REPEAT_VERIFICATION = DEDUPE_WINDOW - timedelta(hours=1)
"""For how long a verification whose answer was lost is repeated under its key."""

PREFIX = "RIEL"
LENGTH = 26

UNTOUCHED_STATUSES = {Return.OPERATION: {"succeeded"}, CancelRefund.OPERATION: {"created", "pending"}}
"""The states of an object that was there before, in which what acts on it has not been done to it."""

TRY_OLDER_PATH = {400, 403, 404}
"""What the newer of two addresses answers where only the older one knows the object, or the version of the API."""


class FintocClient:
    """Fintoc as one organisation sees it, in the core's words. ``api`` is for the rail's own tools."""

    def __init__(self, settings: FintocSettings, api: FintocApi, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self.api = api
        self.clock = clock

    @property
    def account_id(self) -> str | None:
        """The account that pays."""
        return self._settings.account_id

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """A reference, and the bytes that carry it. What acts on one object gets a reference that is that object's."""
        payment = draft.payment
        if payment is None:
            raise TypeError("Fintoc gives back by a request of its own")
        operation, target = operation_of(payment), target_of(payment)
        reference = f"{operation}-{target}" if target else f"{PREFIX}{references.random(LENGTH)}"
        if OPERATIONS[operation].signed and (setting := self._settings.missing_setting(account=operation == TRANSFER)):
            message = f"{setting} is not set, and nothing can be sent without it."
            raise NotAllowed(replace(CODES["FINTOC_NOT_SET_UP"], message=message), details={"setting": setting})
        body = body_of(payment, reference, self._settings.account_id or "")
        return Prepared(reference=reference, body=body, facts={"operation": operation, "target": target})

    async def send(self, order: Order) -> Answer:
        """The one request of this kind of order, signed anew each time."""
        operation, target = order.facts["operation"], order.facts.get("target", "")
        path, signed = operation_path(operation, target), OPERATIONS[operation].signed
        try:
            resource = await self.api.send(path, order.body, order.reference, signed=signed)
        except Unresolved as unresolved:
            if operation == TRANSFER and unresolved.details.provider_code == "invalid_duplicated_transfer":
                return await self._after_a_duplicate(order, unresolved)
            raise
        if not matches_order(resource, order, operation, target):
            raise OutcomeUnknown("Fintoc said yes, and not of this order")
        return to_answer(resource, order, operation)

    async def _after_a_duplicate(self, order: Order, unresolved: Unresolved) -> Answer:
        """Chile has such a transfer already: ours, if the answer to it was lost, or another one that can be shown.

        :raises Rejected: another one is there, so that ours was refused; it proves that only while it is seen.
        """
        like, other = likeness(order.body), False
        try:
            async with aclosing(self._iter_since(order, TRANSFER, timedelta(days=1))) as rows:
                async for row in rows:
                    if has_our_reference(row, order, TRANSFER):
                        return to_answer(row, order, TRANSFER)
                    other = other or is_copy(row, like, order.created_at)
        except NothingLearned:
            raise unresolved from None
        if other:
            raise Rejected(DUPLICATE_SEEN, str(unresolved.details)) from unresolved
        raise unresolved

    async def refund(self, order: Order) -> Answer:
        """Never: what Fintoc gives back is an order of its own."""
        raise TypeError("Fintoc has no refund of a transfer")

    async def status(self, order: Order) -> Answer | None:
        """What Fintoc knows of the order: by its id, or by our reference in the list."""
        operation, target = order.facts["operation"], order.facts.get("target", "")
        id_ = order.provider_id or target
        if id_:
            resource = await self._by_id(OPERATIONS[operation].lookup_path, id_)
            if resource is None:
                return None
            if resource.get("status") in UNTOUCHED_STATUSES.get(operation, ()):
                return failed_return(resource) if self._return_was_started(order, operation) else None
            if not matches_order(resource, order, operation, target):
                raise NothingLearned("Fintoc answered about another order")
            return to_answer(resource, order, operation)
        row = await self._find_in_list(order, operation)
        if row is None:
            return None
        if operation == Verification.OPERATION:
            # It has no metadata, so it may be an older one of the same account. The core repeats what is not found, and
            # the answer to its key names the very one, as long as Fintoc knows the key.
            if self.clock() - order.created_at < REPEAT_VERIFICATION:
                return None
            raise NothingLearned("Fintoc has a verification of this account, and does not say whose it is")
        return to_answer(row, order, operation)

    async def _by_id(self, path: str, id_: str) -> JsonObject | None:
        try:
            resource = json_object(await self.api.read(path_to(path, id_)))
        except LookupRefused as failure:
            if failure.details.missing:
                return None
            raise
        if resource.get("id") != id_:
            raise NothingLearned("Fintoc answered about another object")
        return resource

    def _return_was_started(self, order: Order, operation: str) -> bool:
        """Whether Fintoc has answered that it began the return, and what is read now cannot be older than that."""
        return (
            operation == Return.OPERATION and bool(order.provider_id) and self.clock() - order.created_at > LOOKUP_LAG
        )

    async def _find_in_list(self, order: Order, operation: str) -> JsonObject | None:
        """The object that carries our reference; of verifications, which carry none, one of the same account."""
        async with aclosing(self._iter_since(order, operation, CLOCK_SKEW)) as rows:
            async for row in rows:
                if has_our_reference(row, order, operation):
                    return row
        return None

    async def _iter_since(self, order: Order, operation: str, before: timedelta) -> AsyncGenerator[JsonObject, None]:
        """What was made since the order, or not longer ``before`` it, from the newest back."""
        since = order.created_at - before
        params: dict[str, Any] = {"since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        if operation == TRANSFER:
            params = {"account_id": self._settings.account_id, "direction": "outbound", **params}
        async with aclosing(self.api.iter_list(OPERATIONS[operation].lookup_path, params)) as rows:
            async for row in rows:
                if (row_created_at := created_at(row)) is not None and row_created_at < since.replace(microsecond=0):
                    return
                yield row

    async def build_return(self, refund: FintocRefund) -> Payment | None:
        """What gives back the payment intent or the received transfer of that id; ``None`` where there is none."""
        return await build_return(refund, self.find, self.clock(), self.account_id)

    async def find(self, paths: Sequence[str], id_: str) -> JsonObject | None:
        """An object of Fintoc's by its id, in the first list that has it; ``None`` where none does in this mode."""
        for path in paths:
            try:
                if (resource := await self._by_id(path, id_)) is not None:
                    return resource
            except LookupRefused as failure:
                if path == paths[-1] or failure.details.status not in TRY_OLDER_PATH:
                    raise
        return None


def load_signer(path: Path | None) -> JwsKey | None:
    """What signs, where there is a key."""
    return None if path is None else JwsKey.load(path)


@asynccontextmanager
async def open_client(
    settings: FintocSettings,
    http: httpx.AsyncClient,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pace: RateLimiter | None = None,
) -> AsyncIterator[FintocClient]:
    """Open a client for the block."""
    api = FintocApi(
        http,
        settings.base_url,
        settings.secret_key.get_secret_value(),
        settings.version,
        load_signer(settings.jws_private_key),
        clock,
        pace=pace,
    )
    yield FintocClient(settings, api, clock)
