"""The way from one process to a pretend bank of a real rail: what goes there is lost, delayed, repeated and overtaken.

Under the rail's real client is a :class:`Line`; at its other end is the bank's app, whose clock is the world's. The
ledger is the bank's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

import httpx

from riel import Debit, Sandbox

from .booking import Booking
from .loop import Killed, Process

if TYPE_CHECKING:
    from .world import World

DEADLINE = 20.0
STUMBLES = (500, 502, 503, 504)


@dataclass(frozen=True)
class Request:
    """What was sent, as the bank gets it. ``reference``: of the order that it is or asks after, where that is told."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    reference: str


@dataclass(frozen=True)
class Heard:
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

    def __init__(self, world: "World", skew: float) -> None:
        self.process = world.process("bank")
        self.under_way = 0
        self._world = world
        self._skew = skew * (2 * world.random.random() - 1)
        self._first_left: dict[str, datetime] = {}
        self._arriving: list[float] = []
        self._seen = 0

    # What is its own

    def reference(self, request: httpx.Request) -> str:
        """The reference that a request is about, as far as it says so."""
        raise NotImplementedError

    def moves_money(self, request: Request) -> bool:
        """Whether it is an order."""
        raise NotImplementedError

    def latest(self) -> float:
        """In how many seconds, at most, an order arrives that leaves now."""
        raise NotImplementedError

    def latest_copy(self) -> float:
        """In how many seconds, at most, a copy arrives that the network makes of it."""
        return self.latest()

    def found(self, heard: Heard) -> str:
        """What a look-up brought, for the history."""
        raise NotImplementedError

    def booking(self, debit: Debit) -> Booking:
        """What a debit is to the checks, as of now."""
        raise NotImplementedError

    # The network

    @property
    def quiet_until(self) -> float:
        """Until when nothing happens here: virtual seconds."""
        return min(self._arriving, default=inf) if self.under_way == len(self._arriving) else 0.0

    def clock(self) -> datetime:
        """The time as the bank sees it."""
        return self._world.begins + timedelta(seconds=self._world.loop.time() + self._skew)

    def leaves(self, request: Request, process: Process) -> None:
        """An order leaves now."""
        self._first_left.setdefault(request.reference, self.clock())
        self._world.checks.leaves(request.reference, request.body, process)

    def deliver(self, wait: float, request: Request, then: Callable[[Heard], None] | None = None) -> None:
        """Bring a request there a while later, whatever becomes of who sent it, and ``then`` its answer on its way."""
        self.under_way += 1
        at = self._world.loop.time() + wait
        self._arriving.append(at)
        self._world.loop.call_at(at, self._arrives, at, request, then, context=self.process.context)

    def tell(self, wait: float, what: Callable[[], None]) -> None:
        """Bring an answer back."""
        self._world.loop.call_later(wait, what, context=self.process.context)

    def _arrives(self, at: float, request: Request, then: Callable[[Heard], None] | None) -> None:
        self._arriving.remove(at)
        self._world.loop.create_task(self._serves(request, then))

    async def _serves(self, request: Request, then: Callable[[Heard], None] | None) -> None:
        try:
            heard = await self._answered(request)
        finally:
            self.under_way -= 1
        self._look_at_the_book()
        if then is not None:
            then(heard)

    async def _answered(self, request: Request) -> Heard:
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method,
            "scheme": "http", "path": request.path, "raw_path": request.path.encode(), "query_string": request.query,
            "root_path": "", "headers": request.headers, "server": ("127.0.0.1", 9), "client": ("127.0.0.1", 9),
        }  # fmt: skip
        await self.sandbox.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in told[1:])
        return Heard(told[0]["status"], told[0]["headers"], body, whole=len(told) > 1)

    # The ledger

    def _look_at_the_book(self) -> None:
        """Every debit that is new is held against what was confirmed."""
        debits = list(self.sandbox.debits())
        for debit in debits[self._seen :]:
            self._seen += 1
            self._world.trace("bank", f"books {debit.reference} of {debit.amount}{self.when(debit.at)}")
            self._world.checks.booked(self.booking(debit))

    def when(self, at: datetime) -> str:
        """What the history says of the time of a debit."""
        return ""

    @property
    def ledger(self) -> list[Booking]:
        """Its debits."""
        self._look_at_the_book()
        return [self.booking(debit) for debit in self.sandbox.debits()]

    def live(self, reference: str) -> list[Booking]:
        """The bookings of a reference that moved money."""
        return [each for each in self.ledger if each.reference == reference]


class Line(httpx.AsyncBaseTransport):
    """The way from one process to the bank, under the rail's real client."""

    def __init__(self, world: "World", bank: PretendBank, process: Process) -> None:
        self._world = world
        self._bank = bank
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, in which whatever can go wrong may go wrong."""
        if self._process.dead:
            raise Killed
        body, headers = await request.aread(), [(name.lower(), value) for name, value in request.headers.raw]
        reference = self._bank.reference(request)
        sent = Request(request.method, request.url.path, request.url.query, headers, body, reference)
        return await (self._pays(sent) if self._bank.moves_money(sent) else self._looks(sent))

    async def _pays(self, sent: Request) -> httpx.Response:
        world, bank, fate = self._world, self._bank, self._world.faults.fate()
        world.trace(self._process.name, f"sends {sent.reference}: {fate}")
        if fate == "never left":
            raise httpx.ConnectError("no connection")
        bank.leaves(sent, self._process)
        answer: Any = world.loop.create_future()
        quick = world.random.random() * 0.3
        if fate not in {"lost", "late"}:
            bank.deliver(quick, sent, lambda heard: self._comes_back(answer, heard, fate))
        if fate == "late":
            bank.deliver(max(quick, bank.latest() * world.random.random()), sent)
        if fate == "twice" and (left := bank.latest_copy()) > quick:
            bank.deliver(max(quick, left * world.random.random()), sent)
        if fate in {"lost", "late", "answer lost"} and world.random.random() < 0.5:
            await world.pause(world.random.random() * 2)
            raise httpx.ReadError("the connection broke")
        heard: Heard = await answer
        return heard.response()

    def _comes_back(self, answer: Any, heard: Heard, fate: str) -> None:
        draws = self._world.random
        if fate == "answer lost":
            return
        if fate == "garbled":
            heard = Heard(200, [], draws.choice(self._bank.nonsense), whole=True)
        elif fate == "server error":
            heard = Heard(draws.choice(self._bank.stumbles), [], b"<html>", whole=True)
        late = fate == "answer late"
        self._bank.tell(DEADLINE * 2 * draws.random() if late else draws.random() * 0.3, lambda: told(answer, heard))

    async def _looks(self, sent: Request) -> httpx.Response:
        world, fate = self._world, self._world.faults.look()
        if fate == "nothing":
            if world.random.random() < 0.5:
                raise httpx.ReadTimeout("no answer")
            return httpx.Response(world.random.choice(self._bank.stumbles))
        answer: Any = world.loop.create_future()
        if fate != "hangs":
            slow = 2.0 if fate == "slow" else 0.2
            self._bank.deliver(
                world.random.random() * 0.1,
                sent,
                lambda heard: self._bank.tell(world.random.random() * slow, lambda: told(answer, heard)),
            )
        heard: Heard = await answer
        world.trace(self._process.name, f"looks up {sent.reference}: {self._bank.found(heard)}")
        return heard.response()


def told(answer: Any, heard: Heard) -> None:
    """Whoever still waits hears it."""
    if not answer.done():
        answer.set_result(heard)
