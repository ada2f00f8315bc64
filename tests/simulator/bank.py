"""A pretend rail: a client, a network that loses, delays and repeats, and a strict bank with a ledger.

The bank keeps exactly what its kind declares. It never checks what the core must: it books whatever arrives, and every
booking is held against what the person confirmed.
"""

import json
from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Any

from riel import Answer, Draft, NotSent, Order, OutcomeUnknown, Prepared, ReferenceSource, Rejected, Status
from riel.errors import NothingLearned

from .booking import Booking
from .kinds import DEADLINE, REFUSALS, RETURNS, Kind
from .loop import PROCESS, Killed, Process

if TYPE_CHECKING:
    from .world import World


class Bank:
    """The ledger, and what is remembered of every reference."""

    def __init__(self, world: "World", kind: Kind) -> None:
        self.world = world
        self.kind = kind
        self.process = world.process("bank")
        self.ledger: list[Booking] = []
        self.first_left: dict[str, float] = {}
        self.under_way = 0
        self._first_seen: dict[str, float] = {}
        self._answers: dict[str, Booking | str] = {}
        self._refused: dict[str, tuple[float, str]] = {}

    # The network

    def arrive_by(self, reference: str, now: float) -> float:
        """The last moment at which what leaves now may arrive: the promises of this kind are kept by its network."""
        latest = now + self.kind.latest
        if self.kind.dedupe != "no" and self.kind.window is not None:
            latest = min(latest, self.first_left[reference] + self.kind.window - 0.2)
        return latest

    def travel(self, wait: float, do: Any, *what: Any) -> None:
        """``do`` it a while later, whatever becomes of who sent it."""
        self.under_way += 1

        def arrive() -> None:
            self.under_way -= 1
            do(*what)

        self.world.loop.call_later(wait, arrive, context=self.process.context)

    @property
    def quiet_until(self) -> float:
        """Until when nothing happens here: virtual seconds."""
        return 0.0 if self.under_way else inf

    def harm_of_another(self, reference: str) -> str:
        """What one more copy that leaves now could do, if anything."""
        if self.kind.dedupe == "no":
            return "the bank would book it again"
        now = self.world.loop.time()
        if self.kind.window is not None and now > self.first_left.get(reference, now) + self.kind.window:
            return "the bank's window is over"
        return ""

    # The bank

    def take(self, body: bytes) -> "Booking | str":
        """Process one order: the booking, or the code of a refusal."""
        order = json.loads(body)
        reference, now = order["reference"], self.world.loop.time()
        first = self._first_seen.setdefault(reference, now)
        known = self._answers.get(reference)
        window = self.kind.window
        if window is not None and now > first + window:
            self._first_seen[reference], known = now, None
        if known is not None and self.kind.dedupe != "no":
            if isinstance(known, Booking):
                return known if self.kind.dedupe == "by_key" else "DUPLICATE"
            if self.kind.refusals_stored:
                return known
        code = self.world.faults.refusal() or self._impossible(order)
        if code:
            self.world.trace("bank", f"refuses {reference}: {code}")
            if code in REFUSALS:
                self._answers[reference] = code
                self._refused[reference] = now, code
            return code
        return self._book(order)

    def _impossible(self, order: dict[str, Any]) -> str:
        if order["kind"] == "payment":
            return ""
        settled = [each for each in self.ledger if each.reference == order["original"]]
        return "" if settled and settled[0].status is Status.SETTLED else "CLOSED"

    def _book(self, order: dict[str, Any]) -> Booking:
        now, later = self.world.loop.time(), self.kind.settles_later
        booking = Booking(
            reference=order["reference"],
            kind=order["kind"],
            amount=order["amount"],
            account=order["account"],
            original=order["original"],
            at=now,
            status=Status.PENDING if later else Status.SETTLED,
            settled_at=None if later else now,
        )
        self.ledger.append(booking)
        self._answers[booking.reference] = booking
        self._refused.pop(booking.reference, None)
        self.world.trace("bank", f"books {booking.kind} {booking.reference} of {booking.amount}")
        self.world.checks.booked(booking)
        if later:
            self.travel(1 + self.world.random.random() * 20, self._settle, booking)
        elif self.kind.returns:
            self._perhaps_return(booking)
        return booking

    def _settle(self, booking: Booking) -> None:
        now = self.world.loop.time()
        if self.world.faults.rejects_later():
            booking.status, booking.ended_at = Status.REJECTED, now
            if self.kind.refusals_stored:
                self._answers[booking.reference] = "CLOSED"
            else:
                self._answers.pop(booking.reference, None)
        else:
            booking.status, booking.settled_at = Status.SETTLED, now
            if self.kind.returns:
                self._perhaps_return(booking)
        self.world.trace("bank", f"{booking.status} {booking.reference}")

    def _perhaps_return(self, booking: Booking) -> None:
        if booking.kind == "payment" and self.world.faults.returns():
            self.travel(self.world.random.random() * (RETURNS - 15), self._return, booking)

    def _return(self, booking: Booking) -> None:
        paid_back = any(each.original == booking.reference and each.live for each in self.ledger)
        if not paid_back:
            booking.status, booking.ended_at = Status.RETURNED, self.world.loop.time()
            self.world.trace("bank", f"returns {booking.reference}")

    def find(self, reference: str, at: float) -> "Booking | str | None":
        """What is known of a reference as of ``at``."""
        found = [each for each in self.ledger if each.reference == reference and each.at <= at]
        if found:
            return next((each for each in found if each.live), found[-1])
        refused = self._refused.get(reference)
        if refused and refused[0] <= at and self.kind.tells_refusals:
            return refused[1]
        return None

    def live(self, reference: str) -> list[Booking]:
        """The bookings of a reference that moved money."""
        return [each for each in self.ledger if each.reference == reference and each.live]


def _said(booking: Booking, at: float) -> Answer:
    return Answer(
        status=booking.as_of(at),
        provider_id=f"B{booking.reference}",
        amount=booking.amount,
        currency="MXN",
        account=booking.account,
        provider_code="BACK" if booking.status is Status.RETURNED else "",
    )


class Wire:
    """The rail's client in one process."""

    def __init__(self, world: "World", bank: Bank, process: Process) -> None:
        self._world = world
        self._bank = bank
        self._process = process

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        reference = f"R{references.below(self._world.references)}"
        payee = draft.payment.payee() if draft.payment else None
        order = {
            "reference": reference,
            "kind": draft.kind,
            "amount": draft.payment.amount if draft.payment else draft.money.amount,
            "account": payee.account if payee else draft.original.payee.account if draft.original else "",
            "original": draft.original.reference if draft.original else "",
        }
        return Prepared(reference=reference, body=json.dumps(order).encode())

    def send(self, order: Order) -> Awaitable[Any]:
        return self._deliver(order)

    def refund(self, order: Order) -> Awaitable[Any]:
        return self._deliver(order)

    async def _deliver(self, order: Order) -> Any:
        if self._process.dead:
            raise Killed
        world, bank, now = self._world, self._bank, self._world.loop.time()
        fate = world.faults.fate()
        world.trace(self._process.name, f"sends {order.reference}: {fate}")
        if fate == "never left":
            raise NotSent("no connection")
        world.checks.leaves(order.reference, order.body, self._process)
        bank.first_left.setdefault(order.reference, now)
        answer = world.loop.create_future()
        quick = world.random.random() * 0.3
        if fate not in {"lost", "late"}:
            bank.travel(quick, self._arrive, order, answer, fate)
        if fate in {"late", "twice"} and (fate == "late" or bank.kind.duplicates):
            until = bank.arrive_by(order.reference, now)
            bank.travel(max(quick, (until - now) * world.random.random()), self._arrive, order, answer, "answer lost")
        if fate in {"lost", "late", "answer lost"} and world.random.random() < 0.5:
            await world.pause(world.random.random() * 2)
            raise OutcomeUnknown("the connection broke")
        return await answer

    def _arrive(self, order: Order, answer: Any, fate: str) -> None:
        world = self._world
        taken = self._bank.take(order.body)
        if fate == "answer lost":
            return
        wait = DEADLINE * 2 * world.random.random() if fate == "answer late" else world.random.random() * 0.3
        self._bank.travel(wait, self._tell, answer, taken, fate)

    def _tell(self, answer: Any, taken: "Booking | str", fate: str) -> None:
        if answer.done() or self._process.dead:
            return
        if fate == "garbled":
            answer.set_result({"status": "settled"})
        elif fate == "server error":
            answer.set_exception(OutcomeUnknown("HTTP 503"))
        elif isinstance(taken, str):
            answer.set_exception(Rejected(taken))
        else:
            answer.set_result(_said(taken, self._world.loop.time()))

    async def status(self, order: Order) -> Answer | None:
        if self._process.dead:
            raise Killed
        world = self._world
        fate = world.faults.look()
        if fate == "nothing":
            raise NothingLearned("no answer")
        if fate == "hangs":
            await world.loop.create_future()
        await world.pause(world.random.random() * 0.2)
        as_of = world.loop.time() - self._bank.kind.lag * world.random.random()
        found = self._bank.find(order.reference, as_of)
        await world.pause(world.random.random() * (2 if fate == "slow" else 0.2))
        told = "nothing" if found is None else found if isinstance(found, str) else found.as_of(as_of).value
        world.trace(self._process.name, f"looks up {order.reference}: {told}")
        if found is None:
            return None
        if isinstance(found, str):
            return Answer(status=Status.REJECTED, provider_code=found)
        return _said(found, as_of)


class Connection:
    """What ``connect`` gives to one process, as an asynchronous context."""

    def __init__(self, world: "World", bank: Bank) -> None:
        self._world = world
        self._bank = bank

    async def __aenter__(self) -> Wire:
        return Wire(self._world, self._bank, PROCESS.get())

    async def __aexit__(self, *failure: object) -> None:
        return None
