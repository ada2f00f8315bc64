"""The rail's own code for talking to Fintoc: it makes an order, hands it over, and looks for it. It never tries again.

The ``Idempotency-Key`` is the payment's stored reference, which also stands in the metadata: Fintoc cannot be asked by
it, so an order whose id is not known is looked for in the list, back to the time at which it was made.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from rail_fintoc.api import Fintoc, JwsKey, NotTold, Pace, Row, Unresolved, path_to
from rail_fintoc.codes import CODES, DUPLICATE_SEEN
from rail_fintoc.duplicates import is_copy, likeness
from rail_fintoc.mapping import answer, carries, dict_of, given_up, is_about, made_at
from rail_fintoc.models import CancelRefund, FintocRefund, Return, Verification
from rail_fintoc.orders import TRANSFER, WAYS, body_of, means_of, path_of, target_of
from rail_fintoc.returns import build_return
from rail_fintoc.settings import LOOKUP_LAG, SEND_DEADLINE, FintocSettings
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

CLOCKS_APART = timedelta(minutes=5)
"""How far Fintoc's clock and ours may differ when a list is read back to the time of an order."""

PREFIX = "RIEL"
LENGTH = 26

NOT_BEGUN = {Return.MEANS: {"succeeded"}, CancelRefund.MEANS: {"created", "pending"}}
"""The states of an object that was there before, in which what acts on it has not been done to it."""

ELSEWHERE = {400, 403, 404}
"""What the newer of two addresses answers where only the older one knows the object, or the version of the API."""


class FintocClient:
    """Fintoc as one organisation sees it, in the core's words. ``api`` is for the rail's own tools."""

    def __init__(self, settings: FintocSettings, api: Fintoc, clock: Callable[[], datetime]) -> None:
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
        means, target = means_of(payment), target_of(payment)
        reference = f"{means}-{target}" if target else f"{PREFIX}{references.random(LENGTH)}"
        if WAYS[means].signed and (setting := self._settings.lacks(account=means == TRANSFER)):
            raise NotAllowed(CODES["FINTOC_NOT_SET_UP"], setting=setting)
        body = body_of(payment, reference, self._settings.account_id or "")
        return Prepared(reference=reference, body=body, facts={"means": means, "target": target})

    async def send(self, order: Order) -> Answer:
        """The one request of this kind of order, signed anew each time."""
        means, target = order.facts["means"], order.facts.get("target", "")
        path, signed = path_of(means, target), WAYS[means].signed
        try:
            told = await self.api.send(path, order.body, order.reference, signed=signed)
        except Unresolved as unresolved:
            if means == TRANSFER and unresolved.fault.native == "invalid_duplicated_transfer":
                return await self._after_a_duplicate(order, unresolved)
            raise
        if not is_about(told, order, means, target):
            raise OutcomeUnknown("Fintoc said yes, and not of this order")
        return answer(told, order, means)

    async def _after_a_duplicate(self, order: Order, unresolved: Unresolved) -> Answer:
        """Chile has such a transfer already: ours, if the answer to it was lost, or another one that can be shown.

        :raises Rejected: another one is there, so that ours was refused; it proves that only while it is seen.
        """
        like, other = likeness(order.body), False
        try:
            async with aclosing(self._since(order, TRANSFER, timedelta(days=1))) as rows:
                async for row in rows:
                    if carries(row, order, TRANSFER):
                        return answer(row, order, TRANSFER)
                    other = other or is_copy(row, like, order.created_at)
        except NothingLearned:
            raise unresolved from None
        if other:
            raise Rejected(DUPLICATE_SEEN, str(unresolved.fault)) from unresolved
        raise unresolved

    async def refund(self, order: Order) -> Answer:
        """Never: what Fintoc gives back is an order of its own."""
        raise TypeError("Fintoc has no refund of a transfer")

    async def status(self, order: Order) -> Answer | None:
        """What Fintoc knows of the order: by its id, or by our reference in the list."""
        means, target = order.facts["means"], order.facts.get("target", "")
        known = order.provider_id or target
        if known:
            found = await self._by_id(WAYS[means].found_at, known)
            if found is None:
                return None
            if found.get("status") in NOT_BEGUN.get(means, ()):
                return given_up(found) if self._was_begun(order, means) else None
            if not is_about(found, order, means, target):
                raise NothingLearned("Fintoc answered about another order")
            return answer(found, order, means)
        listed = await self._in_the_list(order, means)
        return None if listed is None else answer(listed, order, means)

    async def _by_id(self, path: str, known: str) -> Row | None:
        try:
            found = dict_of(await self.api.read(path_to(path, known)))
        except NotTold as failure:
            if failure.fault.missing:
                return None
            raise
        if found.get("id") != known:
            raise NothingLearned("Fintoc answered about another object")
        return found

    def _was_begun(self, order: Order, means: str) -> bool:
        """Whether Fintoc has answered that it began the return, and what is read now cannot be older than that."""
        return means == Return.MEANS and bool(order.provider_id) and self.clock() - order.created_at > LOOKUP_LAG

    async def _in_the_list(self, order: Order, means: str) -> Row | None:
        """The object that carries our reference."""
        # Of a verification only its account and its time say whose it is: an older one must not be taken for it.
        before = timedelta(0) if means == Verification.MEANS else CLOCKS_APART
        async with aclosing(self._since(order, means, before)) as rows:
            async for row in rows:
                if carries(row, order, means):
                    return row
        return None

    async def _since(self, order: Order, means: str, before: timedelta) -> AsyncGenerator[Row, None]:
        """What was made since the order, or not longer ``before`` it, from the newest back."""
        since = order.created_at - before
        asked: dict[str, Any] = {"since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        if means == TRANSFER:
            asked = {"account_id": self._settings.account_id, "direction": "outbound", **asked}
        async with aclosing(self.api.each(WAYS[means].found_at, asked)) as rows:
            async for row in rows:
                if (made := made_at(row)) is not None and made < since.replace(microsecond=0):
                    return
                yield row

    async def build_return(self, refund: FintocRefund) -> Payment | None:
        """What gives back the payment intent or the received transfer of that id; ``None`` where there is none."""
        return await build_return(refund, self.find, self.clock(), self.account_id)

    async def find(self, paths: Sequence[str], known: str) -> Row | None:
        """An object of Fintoc's by its id, in the first list that has it; ``None`` where none does in this mode."""
        for path in paths:
            try:
                if (found := await self._by_id(path, known)) is not None:
                    return found
            except NotTold as failure:
                if path == paths[-1] or failure.fault.status not in ELSEWHERE:
                    raise
        return None


def signer(path: Path | None) -> JwsKey | None:
    """What signs, where there is a key."""
    return None if path is None else JwsKey.load(path)


@asynccontextmanager
async def opened(
    settings: FintocSettings,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pace: Pace | None = None,
) -> AsyncIterator[FintocClient]:
    """A client for as long as the block lasts. TLS is always verified; the environment's proxies are not used."""
    async with httpx.AsyncClient(timeout=SEND_DEADLINE.total_seconds(), transport=transport, trust_env=False) as http:
        api = Fintoc(
            http,
            settings.base_url,
            settings.secret_key.get_secret_value(),
            settings.version,
            signer(settings.jws_private_key),
            clock,
            pace=pace,
        )
        yield FintocClient(settings, api, clock)
