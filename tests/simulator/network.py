"""The network between one process and the pretend bank of a real rail: it loses, delays, repeats and reorders requests.

The rail's real client uses a :class:`NetworkTransport`; at its other end is the bank's app, on the simulation's clock.
The ledger is the bank's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

import httpx

from riel import Debit, Sandbox
from riel.http.wire import MAX_ANSWER

from .bookings import SimBooking
from .loop import ProcessKilled, SimProcess

if TYPE_CHECKING:
    from .simulation import Simulation

DEADLINE = 20.0
NOWHERE = "http://127.0.0.1:10/"
"""Where a redirect points to."""
STUMBLES = (500, 502, 503, 504)


@dataclass(frozen=True)
class NetworkRequest:
    """What was sent, as the bank gets it. ``reference``: of the order that it is or asks after, where that is told."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    reference: str


@dataclass(frozen=True)
class NetworkResponse:
    """What the bank answers; ``whole`` where the connection holds until its end."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    def response(self) -> httpx.Response:
        """The same as the client sees it."""
        if not self.whole:
            raise httpx.RemoteProtocolError("the connection broke")
        return httpx.Response(self.status, headers=self.headers, content=self.body)


class PretendBank:
    """A bank and the network in front of it. What only one of them knows is for its own class."""

    nonsense: tuple[bytes, ...]
    stumbles: tuple[int, ...] = STUMBLES
    sandbox: Sandbox

    def __init__(self, simulation: "Simulation", skew: float) -> None:
        self.process = simulation.process("bank")
        self.in_transit = 0
        self._simulation = simulation
        self._skew = skew * (2 * simulation.random.random() - 1)
        self._first_left: dict[str, datetime] = {}
        self._arriving: list[float] = []
        self._seen = 0

    # What is its own

    def reference(self, request: httpx.Request) -> str:
        """The reference that a request is about, as far as it says so."""
        raise NotImplementedError

    def moves_money(self, request: NetworkRequest) -> bool:
        """Whether it is an order."""
        raise NotImplementedError

    def latest(self) -> float:
        """In how many seconds, at most, an order arrives that leaves now."""
        raise NotImplementedError

    def may_repeat(self, request: NetworkRequest) -> bool:
        """Whether the network may deliver the request twice."""
        return True

    def latest_copy(self) -> float:
        """In how many seconds, at most, a copy arrives that the network makes of it."""
        return self.latest()

    def found(self, response: NetworkResponse) -> str:
        """What a look-up brought, for the history."""
        raise NotImplementedError

    def booking(self, debit: Debit) -> SimBooking:
        """What a debit is to the checks, as of now."""
        raise NotImplementedError

    # The network

    @property
    def quiet_until(self) -> float:
        """Until when nothing happens here: virtual seconds."""
        return min(self._arriving, default=inf) if self.in_transit == len(self._arriving) else 0.0

    def clock(self) -> datetime:
        """The time as the bank sees it."""
        return self._simulation.begins + timedelta(seconds=self._simulation.loop.time() + self._skew)

    def leaves(self, request: NetworkRequest, process: SimProcess) -> None:
        """An order leaves now."""
        self._first_left.setdefault(request.reference, self.clock())
        self._simulation.checks.leaves(request.reference, request.body, process)

    def deliver(
        self, wait: float, request: NetworkRequest, then: Callable[[NetworkResponse], None] | None = None
    ) -> None:
        """Bring a request there a while later, whatever becomes of who sent it, and ``then`` its answer on its way."""
        self.in_transit += 1
        at = self._simulation.loop.time() + wait
        self._arriving.append(at)
        self._simulation.loop.call_at(at, self._arrives, at, request, then, context=self.process.context)

    def tell(self, wait: float, what: Callable[[], None]) -> None:
        """Bring an answer back."""
        self._simulation.loop.call_later(wait, what, context=self.process.context)

    def _arrives(self, at: float, request: NetworkRequest, then: Callable[[NetworkResponse], None] | None) -> None:
        self._arriving.remove(at)
        self._simulation.loop.create_task(self._serves(request, then))

    async def _serves(self, request: NetworkRequest, then: Callable[[NetworkResponse], None] | None) -> None:
        try:
            response = await self._answered(request)
        finally:
            self.in_transit -= 1
        self._look_at_the_book()
        if then is not None:
            then(response)

    async def _answered(self, request: NetworkRequest) -> NetworkResponse:
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method,
            "scheme": "http", "path": request.path, "raw_path": request.path.encode(), "query_string": request.query,
            "root_path": "", "headers": request.headers, "server": ("127.0.0.1", 9), "client": ("127.0.0.1", 9),
        }  # fmt: skip
        await self.sandbox.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return NetworkResponse(messages[0]["status"], messages[0]["headers"], body, whole=len(messages) > 1)

    # The ledger

    def _look_at_the_book(self) -> None:
        """Every debit that is new is held against what was confirmed."""
        debits = list(self.sandbox.debits())
        for debit in debits[self._seen :]:
            self._seen += 1
            self._simulation.trace("bank", f"books {debit.reference} of {debit.amount}{self.when(debit.at)}")
            self._simulation.checks.booked(self.booking(debit))

    def when(self, at: datetime) -> str:
        """What the history says of the time of a debit."""
        return ""

    @property
    def ledger(self) -> list[SimBooking]:
        """Its debits."""
        self._look_at_the_book()
        return [self.booking(debit) for debit in self.sandbox.debits()]

    def live(self, reference: str) -> list[SimBooking]:
        """The bookings of a reference that moved money."""
        return [each for each in self.ledger if each.reference == reference]


class NetworkTransport(httpx.AsyncBaseTransport):
    """The way from one process to the bank, under the rail's real client."""

    def __init__(self, simulation: "Simulation", bank: PretendBank, process: SimProcess) -> None:
        self._simulation = simulation
        self._bank = bank
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, in which whatever can go wrong may go wrong."""
        if self._process.dead:
            raise ProcessKilled
        if str(request.url) == NOWHERE:
            raise httpx.ConnectError("no connection")
        body, headers = await request.aread(), [(name.lower(), value) for name, value in request.headers.raw]
        reference = self._bank.reference(request)
        sent = NetworkRequest(request.method, request.url.path, request.url.query, headers, body, reference)
        return await (self._pays(sent) if self._bank.moves_money(sent) else self._looks(sent))

    async def _pays(self, sent: NetworkRequest) -> httpx.Response:
        simulation, bank, fault = self._simulation, self._bank, self._simulation.faults.send_fault()
        simulation.trace(self._process.name, f"sends {sent.reference}: {fault}")
        if fault == "never left":
            raise httpx.ConnectError("no connection")
        bank.leaves(sent, self._process)
        answer: Any = simulation.loop.create_future()
        quick = simulation.random.random() * 0.3
        if fault not in {"lost", "late"}:
            bank.deliver(quick, sent, lambda response: self._comes_back(answer, response, fault))
        if fault == "late":
            bank.deliver(max(quick, bank.latest() * simulation.random.random()), sent)
        if fault == "twice" and bank.may_repeat(sent) and (left := bank.latest_copy()) > quick:
            bank.deliver(max(quick, left * simulation.random.random()), sent)
        if fault in {"lost", "late", "answer lost"} and simulation.random.random() < 0.5:
            await simulation.pause(simulation.random.random() * 2)
            raise httpx.ReadError("the connection broke")
        response: NetworkResponse = await answer
        return response.response()

    def _comes_back(self, answer: Any, response: NetworkResponse, fault: str) -> None:
        draws = self._simulation.random
        if fault == "answer lost":
            return
        if fault == "garbled":
            response = draws.choice((self._nonsense, self._redirect, self._flood))(response)
        elif fault == "server error":
            response = NetworkResponse(draws.choice(self._bank.stumbles), [], b"<html>", whole=True)
        late = fault == "answer late"
        self._bank.tell(
            DEADLINE * 2 * draws.random() if late else draws.random() * 0.3, lambda: resolve(answer, response)
        )

    def _nonsense(self, response: NetworkResponse) -> NetworkResponse:
        return NetworkResponse(200, [], self._simulation.random.choice(self._bank.nonsense), whole=True)

    def _redirect(self, response: NetworkResponse) -> NetworkResponse:
        """The bank took the order, and sends its client elsewhere, where nobody answers."""
        self._simulation.faults.counted["redirected"] += 1
        status = self._simulation.random.choice((307, 308))
        return NetworkResponse(status, [(b"location", NOWHERE.encode())], b"", whole=True)

    def _flood(self, response: NetworkResponse) -> NetworkResponse:
        """An answer that is longer than anybody should read, the right one first; or one that breaks off."""
        self._simulation.faults.counted["too long, or cut off"] += 1
        whole = self._simulation.random.random() < 0.5
        return replace(response, body=response.body + b" " * MAX_ANSWER, whole=whole)

    async def _looks(self, sent: NetworkRequest) -> httpx.Response:
        simulation, fault = self._simulation, self._simulation.faults.lookup_fault()
        if fault == "nothing":
            if simulation.random.random() < 0.5:
                raise httpx.ReadTimeout("no answer")
            return httpx.Response(simulation.random.choice(self._bank.stumbles))
        answer: Any = simulation.loop.create_future()
        if fault != "hangs":
            slow = 2.0 if fault == "slow" else 0.2
            self._bank.deliver(
                simulation.random.random() * 0.1,
                sent,
                lambda response: self._bank.tell(simulation.random.random() * slow, lambda: resolve(answer, response)),
            )
        response: NetworkResponse = await answer
        simulation.trace(self._process.name, f"looks up {sent.reference}: {self._bank.found(response)}")
        return response.response()


def resolve(answer: Any, response: NetworkResponse) -> None:
    """Give the response to the caller that still waits."""
    if not answer.done():
        answer.set_result(response)
