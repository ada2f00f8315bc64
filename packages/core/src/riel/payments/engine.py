"""The life of one payment, from start to end.

An agent's call opens a challenge (``challenge``). The person's code creates a payment in the journal (``confirm``). The
payment is sent to the rail once (``dispatch``). If the outcome is not known, it is looked up (``recovery``), by the
rules of ``rules``. Each call of a rail is made in ``rail_calls``. The work is a task of the engine and not of the call:
a call that is cut off changes nothing about it.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from riel.catalog import ActiveRail
from riel.errors import Code, JournalUnavailable, NotFound, NothingSent
from riel.journal import Challenge, PaymentRecord, State, Topic
from riel.payments import rail_calls
from riel.payments.challenge import open_challenge
from riel.payments.confirm import confirm, refuse_duplicate
from riel.payments.context import Context, PaymentRequest
from riel.payments.dispatch import dispatch
from riel.payments.manual_refund import open_refund_case
from riel.payments.other_payers import report_other_payers
from riel.payments.recovery import lookup_unleased, recover
from riel.payments.refundable import Refundable, refundable
from riel.rail import Payment, Refund, Tool, WireModel

log = logging.getLogger(__name__)

MAX_RECOVERING = 32
"""How many payments of one rail are recovered in the background at a time: a rail that hangs holds up no other."""

NOTICES_AN_HOUR = 10
"""How many messages the tools of a rail may leave for one principal within an hour of the clock, each tool."""

MAX_HINTS = 10_000
"""How many payments may have a webhook that no look-up has followed yet; the oldest hint is forgotten first."""

OpenedChallenge = tuple[Challenge, str]
"""A challenge, and a sentence on where the person finds its code."""

RecoveryTask = tuple[PaymentRecord, asyncio.Task[PaymentRecord]]
"""A payment as it was, and the task that finds out its outcome."""


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
        self._payers_checked: datetime | None = None

    def start(self) -> None:
        """Start the recovery of unresolved payments, beginning with those of dead processes."""
        self._recovery_loop = asyncio.create_task(self._run_recovery(), name="riel-recovery")

    async def ask(self, request: PaymentRequest) -> OpenedChallenge:
        """Ask the person; see :func:`riel.payments.challenge.open_challenge`."""
        async with self._lock(request):
            return await open_challenge(self.context, request)

    async def confirm(self, request: PaymentRequest, code: str) -> PaymentRecord:
        """Execute what ``code`` confirms, and answer within ``answer_within``, whether it is finished or not.

        :raises NothingSent: it was refused; nothing left this machine.
        """
        paying = asyncio.create_task(self._confirm(request, code))
        self._paying.add(paying)
        paying.add_done_callback(self._confirmed)
        record = await asyncio.shield(paying)
        return await self._answer(record)

    async def _confirm(self, request: PaymentRequest, code: str) -> PaymentRecord:
        """Create the payment and start its dispatch; a cancelled caller cannot separate the two."""
        async with self._lock(request):
            record, created = await confirm(self.context, request, code)
            if created:
                if self.context.newest_payment is not None:
                    await self.context.newest_payment.keep(record)
                self._start(record, dispatch)
            return record

    def _confirmed(self, task: asyncio.Task[PaymentRecord]) -> None:
        """Retrieve the exception of a task whose caller is gone, so that asyncio does not log it."""
        self._paying.discard(task)
        if not task.cancelled():
            task.exception()

    async def status(self, rail: str, reference: str, principal: str) -> PaymentRecord | Challenge:
        """Return the payment with that reference of the rail, or the challenge with that payment id; look it up if due.

        :raises NotFound: this principal has no such payment.
        """
        known = await self.find(rail, reference, principal)
        if isinstance(known, Challenge):
            return known
        if (
            known.next_at is not None
            and self.context.can_ask(known)
            and self._is_idle(known)
            and self._may_look_up(known)
        ):
            await self._lookup(known)
        return await self._answer(known)

    async def find(self, rail: str, reference: str, principal: str) -> PaymentRecord | Challenge:
        """Return the same from the journal alone; raises as :meth:`status` does."""
        journal, mode = self.context.journal, self.context.rails[rail].mode
        known: PaymentRecord | Challenge | None
        known = await journal.by_reference(rail, mode, reference)
        known = known or await journal.payment(reference)
        known = known or await journal.challenge(reference)
        if known is None or (known.principal, known.rail, known.mode) != (principal, rail, mode):
            raise NotFound()
        return known

    async def refundable(self, original: PaymentRecord) -> Refundable:
        """Return what is left of a payment to refund."""
        return await refundable(self.context, original)

    async def on_webhook(self, rail: str, reference: str) -> bool:
        """Look a payment up because its provider sent a webhook about it. Return whether there is such a payment.

        The look-up runs behind the call, now or in a later run of recovery: however many webhooks come, the rail is
        asked no more often than its answer can have changed. The content of a webhook is a hint and no evidence. A
        payment of another payer is none here: its own server looks it up.
        """
        active = self.context.rails[rail]
        known = await self.context.journal.by_reference(rail, active.mode, reference)
        if known is None or not self.context.can_ask(known):
            return False
        if active.guarantees.lookup != "no":
            self._hinted[known.id] = None
            if len(self._hinted) > MAX_HINTS:
                self._hinted.pop(next(iter(self._hinted)))
            await self._check_hinted(known)
        return True

    async def _check_hinted(self, record: PaymentRecord) -> None:
        """Look ``record`` up because of a webhook, unless it is too early for that."""
        if self._free_slots(record.rail) > 0 and self._is_idle(record) and self._may_look_up(record):
            self._hinted.pop(record.id, None)
            try:
                await self._lookup(record)
            except JournalUnavailable:
                self._hinted[record.id] = None
                raise

    async def open_refund_case(self, record: PaymentRecord, reason: str) -> str:
        """Return the number of the case of a payment whose money only a person can ask for."""
        return await open_refund_case(self.context, record, reason)

    async def build_return(self, rail: str, refund: Refund) -> Payment | None:
        """Build the payment that returns a received one; ``None`` if the rail received no such payment.

        :raises Rejected: the provider refused.
        :raises NothingSent: the rail refused, did not answer, or failed.
        """
        return await rail_calls.build_return(self.context, rail, refund)

    async def run_tool(self, rail: ActiveRail, tool: Tool, arguments: WireModel) -> dict[str, Any]:
        """Run a rail's own tool; see :func:`riel.payments.rail_calls.run_tool`."""
        return await rail_calls.run_tool(self.context, rail, tool, arguments)

    async def build_payment(self, rail: ActiveRail, tool: Tool, arguments: WireModel) -> Payment | None:
        """Build the payment of a rail's own tool; see :func:`riel.payments.rail_calls.build_payment`."""
        return await rail_calls.build_payment(self.context, rail, tool, arguments)

    async def notify(self, rail: ActiveRail, tool: Tool, body: Mapping[str, Any], principal: str) -> str:
        """Put the message of a rail's own tool into the outbox, and return its id.

        Each hour of a principal and tool has a fixed number of ids, so that no process can leave more.

        :raises NothingSent: this hour has no free id.
        """
        name, now = rail.declaration.name, self.context.now()
        facts = {"rail": name, "mode": rail.mode, "tool": tool.name, "principal": principal}
        hour = f"{now.astimezone(UTC):%y%m%d%H}{hashlib.sha256(principal.encode()).hexdigest()[:12]}"
        for number in range(NOTICES_AN_HOUR):
            message_id = f"{name}_{tool.name}_{hour}{number:02d}"
            if await self.context.journal.enqueue(message_id, Topic.TOOL_NOTICE, {**body, **facts}, now):
                return message_id
        raise NothingSent(Code.NOTICE_LIMIT, limit=NOTICES_AN_HOUR)

    async def refuse_duplicate(self, request: PaymentRequest) -> None:
        """Refuse a payment that the rail makes only once and has made, before a person is asked."""
        await refuse_duplicate(self.context, request)

    @property
    def rails(self) -> Mapping[str, ActiveRail]:
        """The active rails by name."""
        return self.context.rails

    @property
    def answer_within(self) -> timedelta:
        """By when a call is answered."""
        return self.context.timing.answer_within

    def now(self) -> datetime:
        """Return the time."""
        return self.context.now()

    def clean(self, text: str) -> str:
        """Return ``text`` without the secrets of the settings."""
        return self.context.clean(text)

    async def close(self, grace: timedelta) -> None:
        """Finish within ``grace`` what is being sent, then anchor the record and close everything.

        A later start recovers what is left.
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
            log.warning("the journal could not be anchored at the end")
        await self.context.clients.close(timedelta(seconds=max(1.0, until - asyncio.get_running_loop().time())))
        await self.context.journal.close()

    def _lock(self, request: PaymentRequest) -> asyncio.Lock:
        return self._locks.setdefault(request.digest, asyncio.Lock())

    def _start(
        self, record: PaymentRecord, work: Callable[[Context, PaymentRecord], Awaitable[PaymentRecord]]
    ) -> asyncio.Task[PaymentRecord]:
        """Start ``work`` on ``record`` in a task of the engine: neither a disconnect nor a cancelled caller ends it."""

        async def run() -> PaymentRecord:
            try:
                return await work(self.context, record)
            except JournalUnavailable:
                raise
            except Exception:
                log.exception("work on payment %s failed; it is recovered later", record.id)
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
            log.error("the journal could not be written for payment %s; it is recovered later", payment_id)

    async def _answer(self, record: PaymentRecord) -> PaymentRecord:
        """Return ``record`` as it stands when its work is finished, or when it is time to answer.

        The payment exists, so if the journal cannot be read now, the answer is its last known state and no refusal.
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
        """Return whether a look-up can tell more now than the last one, given the lag of the rail's look-ups."""
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
        """Call :meth:`run_once` every ``recovery_interval``, until the engine is closed."""
        timing = self.context.timing
        every = timing.poll_interval if timing.recovery_interval is None else timing.recovery_interval
        while True:
            try:
                await self.run_once()
            except JournalUnavailable:
                log.warning("the journal cannot be read now; unresolved payments wait")
            except Exception as failure:
                log.error("a run of recovery failed (%s); unresolved payments wait", type(failure).__name__)  # noqa: TRY400
            await asyncio.sleep(every.total_seconds())

    async def run_once(self) -> None:
        """Follow hints, claim what is due now, and anchor the record and report other payers when it is time."""
        now = self.context.now()
        for payment_id in [*islice(self._hinted, MAX_RECOVERING)]:
            record = await self.context.journal.payment(payment_id)
            if record is not None and payment_id in self._hinted:
                self._hinted[payment_id] = self._hinted.pop(payment_id)  # moved to the end, so that each has its turn
                with _contained_in(record.rail):
                    await self._check_hinted(record)
        await self.claim_due(now)
        if self._anchored is None or now >= self._anchored + self.context.timing.anchor_interval:
            self._anchored = now  # set before, so that a journal that fails is not asked each second
            await self.context.journal.anchor(now)
        interval = self.context.timing.payer_check_interval
        if self._payers_checked is None or now >= self._payers_checked + interval:
            self._payers_checked = now
            await report_other_payers(self.context)

    async def claim_due(self, due: datetime) -> list[RecoveryTask]:
        """Claim what is due and has no living owner, and start its recovery. Return each with its record before.

        Each rail is claimed for by itself, so that one with much to do, or one that hangs, holds up no other.
        """
        tasks: list[RecoveryTask] = []
        for name, rail in sorted(self.context.rails.items()):
            if (slots := self._free_slots(name)) > 0:
                ours = [(name, rail.mode, rail.payer)]
                with _contained_in(name):
                    records = await self.context.journal.claim(due, self.context.busy, most=slots, rails=ours)
                    tasks += [self._recover(record) for record in records if self._is_idle(record)]
        return tasks

    async def claim_one(self, record: PaymentRecord) -> RecoveryTask | None:
        """Claim this one, due or not, and start its recovery; ``None`` if another process or task is working on it."""
        if not self.context.can_ask(record):
            return None
        claimed = await self.context.journal.claim_one(record.id, self.context.now(), self.context.busy)
        return self._recover(claimed) if claimed is not None and self._is_idle(claimed) else None

    def _free_slots(self, rail: str) -> int:
        return MAX_RECOVERING - Counter(self._recovering.values())[rail]

    def _is_idle(self, record: PaymentRecord) -> bool:
        return record.id not in self._work

    def _recover(self, record: PaymentRecord) -> RecoveryTask:
        self._recovering[record.id] = record.rail
        return record, self._start(record, recover)


@contextmanager
def _contained_in(rail: str) -> Iterator[None]:
    """Do one rail's part of a run of recovery; if it fails, the other rails have their turn all the same."""
    try:
        yield
    except JournalUnavailable:
        raise
    except Exception as failure:
        log.error("recovery of the payments of %r failed (%s); they wait", rail, type(failure).__name__)  # noqa: TRY400
