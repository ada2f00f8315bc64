"""The life of one payment, start to end.

An agent's call becomes a question to a person (``asking``); the person's code becomes a payment in the journal
(``confirming``); the payment is carried to the rail once (``carrying``); and what is not clear is resolved by asking
the rail (``resolving``), on the rules of ``verdict``. The work belongs to the engine and not to the caller: a call that
is cut off changes nothing about it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from riel.errors import JournalUnavailable, NotFound
from riel.journal import Challenge, PaymentRecord, State
from riel.payments.challenge import open_challenge
from riel.payments.confirm import confirm, refuse_duplicate
from riel.payments.context import Context, PaymentRequest
from riel.payments.dispatch import dispatch
from riel.payments.manual_refund import open_refund_case
from riel.payments.recovery import lookup_unleased, recover
from riel.payments.returns import build_return
from riel.rail import Payment, Refund

log = logging.getLogger(__name__)

MAX_RECOVERING = 32
"""How many payments of one rail are resolved in the background at a time: one that hangs holds up no other."""

MAX_HINTS = 10_000
"""Of how many payments there may be news that nobody has looked at yet; the oldest is forgotten first."""

Asked = tuple[Challenge, str]

RecoveryTask = tuple[PaymentRecord, asyncio.Task[PaymentRecord]]
"""A payment as it was, and the task that finds out what became of it."""


class PaymentEngine:
    """Serves calls and looks after payments until it is closed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._paying: set[asyncio.Task[PaymentRecord]] = set()
        self._work: dict[str, asyncio.Task[PaymentRecord]] = {}
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._recovering: dict[str, str] = {}
        self._looked_up_at: dict[str, datetime] = {}
        self._hinted: dict[str, None] = {}
        self._recovery_loop: asyncio.Task[None] | None = None
        self._anchored: datetime | None = None

    def start(self) -> None:
        """Begin to look after what is unresolved, that of dead processes first of all."""
        self._recovery_loop = asyncio.create_task(self._run_recovery(), name="riel-rounds")

    async def ask(self, request: PaymentRequest) -> Asked:
        """Ask the person; see :func:`riel.payments.challenge.ask`."""
        async with self._lock(request):
            return await open_challenge(self.context, request)

    async def confirm(self, request: PaymentRequest, code: str) -> PaymentRecord:
        """Pay (or refund) what ``code`` confirms and answer within the terms, done or not.

        :raises NothingSent: with the reason; nothing left this machine.
        """
        paying = asyncio.create_task(self._confirm(request, code))
        self._paying.add(paying)
        paying.add_done_callback(self._confirmed)
        record = await asyncio.shield(paying)
        return await self._answer(record)

    async def _confirm(self, request: PaymentRequest, code: str) -> PaymentRecord:
        """From the code to work under way, which no caller can cut in two."""
        async with self._lock(request):
            record, born = await confirm(self.context, request, code)
            if born:
                self._start(record, dispatch)
            return record

    def _confirmed(self, task: asyncio.Task[PaymentRecord]) -> None:
        """A refusal of which the caller will not hear, because it went away, is no failure to be logged."""
        self._paying.discard(task)
        if not task.cancelled():
            task.exception()

    async def status(self, rail: str, reference: str, principal: str) -> PaymentRecord | Challenge:
        """What became of the payment the rail knows by ``reference``, or of the question with that payment id.

        :raises NotFound: this principal has none such; somebody else's is none such.
        """
        found = await self.find(rail, reference, principal)
        if isinstance(found, Challenge):
            return found
        if (
            found.next_at is not None
            and self.context.can_ask(found)
            and self._is_idle(found)
            and self._may_look_up(found)
        ):
            await self._lookup(found)
        return await self._answer(found)

    async def find(self, rail: str, reference: str, principal: str) -> PaymentRecord | Challenge:
        """The record as the journal has it; raises as :meth:`status` does."""
        journal, mode = self.context.journal, self.context.rails[rail].mode
        found: PaymentRecord | Challenge | None
        found = await journal.by_reference(rail, mode, reference)
        found = found or await journal.payment(reference)
        found = found or await journal.challenge(reference)
        if found is None or (found.principal, found.rail, found.mode) != (principal, rail, mode):
            raise NotFound()
        return found

    async def on_webhook(self, rail: str, reference: str) -> bool:
        """Ask the rail about this payment, because it said that there is news of it; whether there is such a payment.

        The work goes on behind the call, now or in a round to come: however often there is news of a payment, the rail
        is asked no more often than it can know better. What the news is counts for nothing until the rail says it.
        """
        active = self.context.rails[rail]
        found = await self.context.journal.by_reference(rail, active.mode, reference)
        if found is not None and self.context.can_ask(found) and active.guarantees.lookup != "no":
            self._hinted[found.id] = None
            if len(self._hinted) > MAX_HINTS:
                self._hinted.pop(next(iter(self._hinted)))
            await self._check_hinted(found)
        return found is not None

    async def _check_hinted(self, record: PaymentRecord) -> None:
        """Ask after ``record`` because of the news of it, unless it is too early for that."""
        if self._free_slots(record.rail) > 0 and self._is_idle(record) and self._may_look_up(record):
            self._hinted.pop(record.id, None)
            try:
                await self._lookup(record)
            except JournalUnavailable:
                self._hinted[record.id] = None
                raise

    async def open_refund_case(self, record: PaymentRecord, reason: str) -> str:
        """The number of the case of a payment whose money only a person can ask back."""
        return await open_refund_case(self.context, record, reason)

    async def build_return(self, rail: str, refund: Refund) -> Payment | None:
        """The payment that gives back what ``refund`` names, or ``None`` where the rail never received that.

        :raises NothingSent: the rail cannot be asked.
        """
        return await build_return(self.context, rail, refund)

    async def refuse_duplicate(self, request: PaymentRequest) -> None:
        """Refuse what the rail makes only once and has made, before a person is asked; see ``confirming``."""
        await refuse_duplicate(self.context, request)

    async def close(self, grace: timedelta) -> None:
        """Finish what is being sent within ``grace`` and write it down, then seal the record.

        What is left, recovery finds.
        """
        until = asyncio.get_running_loop().time() + grace.total_seconds()
        if self._recovery_loop is not None:
            self._recovery_loop.cancel()
            await asyncio.gather(self._recovery_loop, return_exceptions=True)
        for tasks in (self._paying, self._work.values()):
            if tasks:
                left = max(0.0, until - asyncio.get_running_loop().time())
                await asyncio.wait(tasks, timeout=left)
        unfinished = [*self._paying, *self._work.values()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        try:
            await self.context.journal.anchor(self.context.now())
        except JournalUnavailable:
            log.warning("the journal could not be sealed at the end")
        await self.context.clients.close(timedelta(seconds=max(1.0, until - asyncio.get_running_loop().time())))
        await self.context.journal.close()

    def _lock(self, request: PaymentRequest) -> asyncio.Lock:
        return self._locks.setdefault(request.digest, asyncio.Lock())

    def _start(
        self, record: PaymentRecord, work: Callable[[Context, PaymentRecord], Awaitable[PaymentRecord]]
    ) -> asyncio.Task[PaymentRecord]:
        """Work on ``record`` behind the call: neither a disconnect nor a cancellation of the caller stops it."""

        async def run() -> PaymentRecord:
            try:
                return await work(self.context, record)
            except JournalUnavailable:
                raise
            except Exception:
                log.exception("work on payment %s stopped; it is taken up again later", record.id)
                backoff = self.context.timing.backoff.with_jitter(self.context.below)
                later = self.context.now() + backoff.pause_after(record.lookups + record.sends)
                await self.context.journal.release(record.id, record.fence, later)
                return record

        task = asyncio.create_task(run(), name=f"riel-{record.id}")
        self._work[record.id] = task
        self.context.busy.add(record.id)
        task.add_done_callback(lambda done: self._on_done(record.id, done))
        return task

    def _on_done(self, payment_id: str, task: asyncio.Task[Any]) -> None:
        if self._work.get(payment_id) is task:
            self._recovering.pop(payment_id, None)
            del self._work[payment_id]
            self.context.busy.discard(payment_id)
        if not task.cancelled() and task.exception() is not None:
            log.error("the journal could not be written for payment %s; it is taken up again", payment_id)

    async def _answer(self, record: PaymentRecord) -> PaymentRecord:
        """``record`` as it stands when its work is done, or when it is time to answer.

        It was born, so it is told as it was last known even where the journal cannot be read now: never as not sent.
        """
        task = self._work.get(record.id)
        if task is None:
            return record
        wait = self.context.timing.answer_within.total_seconds()
        await asyncio.wait({task}, timeout=wait)
        if task.done() and not task.cancelled() and task.exception() is None:
            return task.result()
        try:
            async with asyncio.timeout(self.context.timing.poll_interval.total_seconds()):
                return await self.context.journal.payment(record.id) or record
        except (TimeoutError, JournalUnavailable):
            return record

    def _may_look_up(self, record: PaymentRecord) -> bool:
        """Whether a look-up now could tell more than the last one, given how stale the rail's are."""
        rules, now = self.context.rails[record.rail].guarantees, self.context.now()
        last = self._looked_up_at.get(record.id)
        if rules.lookup == "no" or (
            last is not None and now < last + max(rules.lookup_lag, self.context.timing.poll_interval)
        ):
            return False
        self._looked_up_at[record.id] = now
        if len(self._looked_up_at) > 10_000:
            self._looked_up_at.pop(next(iter(self._looked_up_at)))
        return True

    async def _lookup(self, record: PaymentRecord) -> None:
        if record.state is State.SETTLED or record.next_at is None:
            self._recovering[record.id] = record.rail
            self._start(record, lookup_unleased)
            return
        await self.claim_one(record)

    async def _run_recovery(self) -> None:
        """Take up what is due, every ``recovery_interval``, until the engine is closed."""
        timing = self.context.timing
        every = timing.poll_interval if timing.recovery_interval is None else timing.recovery_interval
        while True:
            try:
                await self.run_once()
            except JournalUnavailable:
                log.warning("the journal cannot be read now; unresolved payments wait")
            except Exception as failure:
                log.error("a round failed (%s); unresolved payments wait", type(failure).__name__)  # noqa: TRY400
            await asyncio.sleep(every.total_seconds())

    async def run_once(self) -> None:
        """Take up what is due now, and seal the record when it is time."""
        now = self.context.now()
        for payment_id in [*islice(self._hinted, MAX_RECOVERING)]:
            record = await self.context.journal.payment(payment_id)
            if record is not None and payment_id in self._hinted:
                self._hinted[payment_id] = self._hinted.pop(payment_id)  # the last now, so that each has its turn
                await self._check_hinted(record)
        await self.claim_due(now)
        if self._anchored is None or now >= self._anchored + self.context.timing.anchor_interval:
            self._anchored = now  # also where it fails: who is at work on the table would be asked each second
            await self.context.journal.anchor(now)

    async def claim_due(self, due: datetime) -> list[RecoveryTask]:
        """Begin to resolve what is due by then and has no living owner; what was begun, each with its record before.

        Each rail is asked for by itself, so that one with much to do, or one that hangs, holds up no other.
        """
        begun: list[RecoveryTask] = []
        for name, rail in sorted(self.context.rails.items()):
            if (room := self._free_slots(name)) > 0:
                ours = [(name, rail.mode, rail.payer)]
                records = await self.context.journal.claim(due, self.context.busy, most=room, rails=ours)
                begun += [self._recover(record) for record in records if self._is_idle(record)]
        return begun

    async def claim_one(self, record: PaymentRecord) -> RecoveryTask | None:
        """Begin to resolve this one, due or not; ``None`` where somebody is at work on it, or it is another's."""
        if not self.context.can_ask(record):
            return None
        taken = await self.context.journal.claim_one(record.id, self.context.now(), self.context.busy)
        return self._recover(taken) if taken is not None and self._is_idle(taken) else None

    def _free_slots(self, rail: str) -> int:
        return MAX_RECOVERING - Counter(self._recovering.values())[rail]

    def _is_idle(self, record: PaymentRecord) -> bool:
        return record.id not in self._work

    def _recover(self, record: PaymentRecord) -> RecoveryTask:
        self._recovering[record.id] = record.rail
        return record, self._start(record, recover)
