"""A pretend rail: a client, a network that loses, delays and repeats, and a strict bank with a ledger.

The bank keeps exactly what its traits declare. It never checks what the core must: it books whatever arrives, and every
booking is held against what the person confirmed.
"""

import json
from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Any

from riel import Answer, Draft, NotSent, Order, OutcomeUnknown, Prepared, ReferenceSource, Rejected, Status
from riel.errors import NothingLearned

from .bank_traits import DEADLINE, REFUSALS, RETURNS, SimTraits
from .bookings import SimBooking
from .loop import PROCESS, ProcessKilled, SimProcess

if TYPE_CHECKING:
    from .simulation import Simulation


class SimBank:
    """The ledger, and what is remembered of every reference."""

    def __init__(self, simulation: "Simulation", traits: SimTraits) -> None:
        self.simulation = simulation
        self.traits = traits
        self.process = simulation.process("bank")
        self.ledger: list[SimBooking] = []
        self.first_left: dict[str, float] = {}
        self.in_transit = 0
        self._first_seen: dict[tuple[str, str], float] = {}
        self._answers: dict[tuple[str, str], SimBooking | str] = {}
        self._refused: dict[tuple[str, str], tuple[float, str]] = {}

    # The network

    def arrive_by(self, reference: str, now: float) -> float:
        """The last moment at which what leaves now may arrive: the network keeps what the traits promise."""
        latest = now + self.traits.latest
        if self.traits.dedupe != "no" and self.traits.window is not None:
            latest = min(latest, self.first_left[reference] + self.traits.window - 0.2)
        return latest

    def travel(self, wait: float, do: Any, *what: Any) -> None:
        """``do`` it a while later, whatever becomes of who sent it."""
        self.in_transit += 1

        def arrive() -> None:
            self.in_transit -= 1
            do(*what)

        self.simulation.loop.call_later(wait, arrive, context=self.process.context)

    @property
    def quiet_until(self) -> float:
        """Until when nothing happens here: virtual seconds."""
        return 0.0 if self.in_transit else inf

    def harm_of_another(self, reference: str) -> str:
        """What one more copy that leaves now could do, if anything."""
        if self.traits.dedupe == "no":
            return "the bank would book it again"
        now = self.simulation.loop.time()
        if self.traits.window is not None and now > self.first_left.get(reference, now) + self.traits.window:
            return "the bank's window is over"
        return ""

    # The bank

    def take(self, body: bytes, payer: str) -> "SimBooking | str":
        """Take one order for the account of ``payer``: the booking, or the code of a refusal.

        Each account has references of its own.
        """
        order = json.loads(body)
        reference, now = order["reference"], self.simulation.loop.time()
        key = payer, reference
        first = self._first_seen.setdefault(key, now)
        known = self._answers.get(key)
        window = self.traits.window
        if window is not None and now > first + window:
            self._first_seen[key], known = now, None
        if known is not None and self.traits.dedupe != "no":
            if isinstance(known, SimBooking):
                return known if self.traits.dedupe == "by_key" else "DUPLICATE"
            if self.traits.refusals_stored:
                return known
        code = self.simulation.faults.refusal() or self._impossible(order, payer)
        if code:
            self.simulation.trace("bank", f"refuses {reference}: {code}")
            if code in REFUSALS:
                self._answers[key] = code
                self._refused[key] = now, code
            return code
        return self._book(order, payer)

    def _impossible(self, order: dict[str, Any], payer: str) -> str:
        if order["kind"] == "payment":
            return ""
        settled = [each for each in self.ledger if (each.payer, each.reference) == (payer, order["original"])]
        return "" if settled and settled[0].status is Status.SETTLED else "CLOSED"

    def _book(self, order: dict[str, Any], payer: str) -> SimBooking:
        now, later = self.simulation.loop.time(), self.traits.settles_later
        booking = SimBooking(
            reference=order["reference"],
            kind=order["kind"],
            amount=order["amount"],
            account=order["account"],
            original=order["original"],
            at=now,
            status=Status.PENDING if later else Status.SETTLED,
            settled_at=None if later else now,
            payer=payer,
        )
        self.ledger.append(booking)
        self._answers[payer, booking.reference] = booking
        self._refused.pop((payer, booking.reference), None)
        self.simulation.trace("bank", f"books {booking.kind} {booking.reference} of {booking.amount}")
        self.simulation.checks.booked(booking)
        if later:
            self.travel(1 + self.simulation.random.random() * 20, self._settle, booking)
        elif self.traits.returns:
            self._perhaps_return(booking)
        return booking

    def _settle(self, booking: SimBooking) -> None:
        now = self.simulation.loop.time()
        if self.simulation.faults.rejects_later():
            booking.status, booking.ended_at = Status.REJECTED, now
            if self.traits.refusals_stored:
                self._answers[booking.payer, booking.reference] = "CLOSED"
            else:
                self._answers.pop((booking.payer, booking.reference), None)
        else:
            booking.status, booking.settled_at = Status.SETTLED, now
            if self.traits.returns:
                self._perhaps_return(booking)
        self.simulation.trace("bank", f"{booking.status} {booking.reference}")

    def _perhaps_return(self, booking: SimBooking) -> None:
        if booking.kind == "payment" and self.simulation.faults.returns():
            self.travel(self.simulation.random.random() * (RETURNS - 15), self._return, booking)

    def _return(self, booking: SimBooking) -> None:
        paid_back = any(each.original == booking.reference and each.live for each in self.ledger)
        if not paid_back:
            booking.status, booking.ended_at = Status.RETURNED, self.simulation.loop.time()
            self.simulation.trace("bank", f"returns {booking.reference}")

    def find(self, reference: str, payer: str, at: float) -> "SimBooking | str | None":
        """What is known of a reference of this account as of ``at``."""
        found = [each for each in self.ledger if (each.payer, each.reference) == (payer, reference) and each.at <= at]
        if found:
            return next((each for each in found if each.live), found[-1])
        refused = self._refused.get((payer, reference))
        if refused and refused[0] <= at and self.traits.tells_refusals:
            return refused[1]
        return None

    def live(self, reference: str) -> list[SimBooking]:
        """The bookings of a reference that moved money."""
        return [each for each in self.ledger if each.reference == reference and each.live]


def _said(booking: SimBooking, at: float) -> Answer:
    return Answer(
        status=booking.as_of(at),
        provider_id=f"B{booking.reference}",
        amount=booking.amount,
        currency="MXN",
        account=booking.account,
        provider_code="BACK" if booking.status is Status.RETURNED else "",
    )


class SimClient:
    """The rail's client in one process."""

    def __init__(self, simulation: "Simulation", bank: SimBank, process: SimProcess, payer: str) -> None:
        self._simulation = simulation
        self._bank = bank
        self._process = process
        self._payer = payer

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        reference = f"R{references.below(self._simulation.references)}"
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
            raise ProcessKilled
        simulation, bank, now = self._simulation, self._bank, self._simulation.loop.time()
        fault = simulation.faults.send_fault()
        simulation.trace(self._process.name, f"sends {order.reference}: {fault}")
        if fault == "never left":
            raise NotSent("no connection")
        simulation.checks.leaves(order.reference, order.body, self._process)
        bank.first_left.setdefault(order.reference, now)
        answer = simulation.loop.create_future()
        quick = simulation.random.random() * 0.3
        if fault not in {"lost", "late"}:
            bank.travel(quick, self._arrive, order, answer, fault)
        if fault in {"late", "twice"} and (fault == "late" or bank.traits.duplicates):
            until = bank.arrive_by(order.reference, now)
            bank.travel(
                max(quick, (until - now) * simulation.random.random()), self._arrive, order, answer, "answer lost"
            )
        if fault in {"lost", "late", "answer lost"} and simulation.random.random() < 0.5:
            await simulation.pause(simulation.random.random() * 2)
            raise OutcomeUnknown("the connection broke")
        return await answer

    def _arrive(self, order: Order, answer: Any, fault: str) -> None:
        simulation = self._simulation
        taken = self._bank.take(order.body, self._payer)
        if fault == "answer lost":
            return
        wait = DEADLINE * 2 * simulation.random.random() if fault == "answer late" else simulation.random.random() * 0.3
        self._bank.travel(wait, self._tell, answer, taken, fault)

    def _tell(self, answer: Any, taken: "SimBooking | str", fault: str) -> None:
        if answer.done() or self._process.dead:
            return
        if fault == "garbled":
            answer.set_result({"status": "settled"})
        elif fault == "server error":
            answer.set_exception(OutcomeUnknown("HTTP 503"))
        elif isinstance(taken, str):
            answer.set_exception(Rejected(taken))
        else:
            answer.set_result(_said(taken, self._simulation.loop.time()))

    async def status(self, order: Order) -> Answer | None:
        if self._process.dead:
            raise ProcessKilled
        simulation = self._simulation
        fault = simulation.faults.lookup_fault()
        if fault == "nothing":
            raise NothingLearned("no answer")
        if fault == "hangs":
            await simulation.loop.create_future()
        await simulation.pause(simulation.random.random() * 0.2)
        as_of = simulation.loop.time() - self._bank.traits.lag * simulation.random.random()
        found = self._bank.find(order.reference, self._payer, as_of)
        await simulation.pause(simulation.random.random() * (2 if fault == "slow" else 0.2))
        told = "nothing" if found is None else found if isinstance(found, str) else found.as_of(as_of).value
        simulation.trace(self._process.name, f"looks up {order.reference}: {told}")
        if found is None:
            return None
        if isinstance(found, str):
            return Answer(status=Status.REJECTED, provider_code=found)
        return _said(found, as_of)


class SimConnection:
    """What ``connect`` gives to one process, as an asynchronous context."""

    def __init__(self, simulation: "Simulation", bank: SimBank, payer: str) -> None:
        self._simulation = simulation
        self._bank = bank
        self._payer = payer

    async def __aenter__(self) -> SimClient:
        return SimClient(self._simulation, self._bank, PROCESS.get(), self._payer)

    async def __aexit__(self, *failure: object) -> None:
        return None
