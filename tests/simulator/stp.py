"""The pretend STP in a world: its clock is the world's, and what goes there is lost, delayed, repeated and overtaken.

The ledger is STP's own. On which operating day something is booked is worked out here once more, from closings that
are written out by hand: code that is wrong must not excuse itself.

One thing does not happen here: a copy that the network makes, and not we, arrives on the operating day of its order.
STP books one that comes a day later, and no client can prevent that.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

import httpx

from rail_spei.pretend.app import pretend_stp
from rail_spei.pretend.behaviour import Behaviour
from riel import Debit, Status

from .booking import Booking
from .loop import Killed, Process

if TYPE_CHECKING:
    from .world import World

DEADLINE = 20.0
LATE = 60.0
"""How much later than its request an order may arrive of which STP's own gateway says 504."""
AROUND_THE_ROLL = 300.0
STP_SKEW = 45.0
"""How wrong STP's clock may be, in seconds."""
WAY = AROUND_THE_ROLL - STP_SKEW - LATE - 25.0
"""How long an order may be under way: with the clocks' errors it stays within what the rail allows around the roll."""
WATCH = 600.0
BACK = 30.0
RETURNED = (4, 22)
NONSENSE = (b"<html>", b'{"resultado":{}}', b'{"resultado":{"id":0}}', b'{"resultado":{"id":null}}', b'{"resultado":')
STUMBLES = (500, 502, 503, 504)


@dataclass(frozen=True)
class Request:
    """What was sent, as STP gets it."""

    method: str
    path: str
    body: bytes

    @property
    def key(self) -> str:
        """The tracking key that it is about."""
        return str(json.loads(self.body)["claveRastreo"])


@dataclass(frozen=True)
class Heard:
    """What STP answers; ``whole`` where the connection holds until its end."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    def response(self) -> httpx.Response:
        """The same as the client sees it."""
        if not self.whole:
            raise httpx.RemoteProtocolError("the connection broke")
        return httpx.Response(self.status, headers=self.headers, content=self.body)


class PretendStp:
    """STP and the network in front of it."""

    def __init__(self, world: "World", closings: Sequence[datetime], punctual: bool, **contract: Any) -> None:
        draws = world.random
        self.process = world.process("bank")
        self.under_way = 0
        self._world = world
        self._closings = closings
        self._punctual = punctual
        self._skew = STP_SKEW * (2 * draws.random() - 1)
        self._first_left: dict[str, datetime] = {}
        self._arriving: list[float] = []
        self._seen = 0
        self._behaviour = Behaviour(
            settled_seconds=draws.choice((0.0, 1.0, 20.0)),
            returned_seconds=BACK,
            slow_seconds=DEADLINE * 3,
            late_seconds=LATE,
            lookup_lag_seconds=draws.choice((0.0, 50.0)),
        )
        self._sandbox = pretend_stp(behaviour=self._behaviour, clock=self.clock, sleep=world.pause, **contract)

    @property
    def lags(self) -> bool:
        """Whether its queries lie behind."""
        return bool(self._behaviour.lookup_lag_seconds)

    @property
    def quiet_until(self) -> float:
        """Until when nothing happens here: virtual seconds."""
        return min(self._arriving, default=inf) if self.under_way == len(self._arriving) else 0.0

    def clock(self) -> datetime:
        """The time as STP sees it."""
        return self._world.begins + timedelta(seconds=self._world.loop.time() + self._skew)

    # The network

    def leaves(self, request: Request, process: Process) -> None:
        """An order leaves now."""
        self._first_left.setdefault(request.key, self.clock())
        self._world.checks.leaves(request.key, request.body, process)

    def latest(self) -> float:
        """In how many seconds, at most, an order arrives that leaves now.

        Where the network is not punctual it takes hours, and yet no order that may be sent again crosses the roll.
        """
        if self._punctual:
            return WAY
        if self.until_the_roll() > AROUND_THE_ROLL:
            return max(WAY, self.until_the_roll() - LATE - 10.0)
        following = self._closings[bisect_right(self._closings, self.clock()) + 1]
        return (following - self.clock()).total_seconds() + WATCH / 2

    def until_the_roll(self) -> float:
        """How many seconds of the operating day are left."""
        now = self.clock()
        return (self._closings[bisect_right(self._closings, now)] - now).total_seconds()

    def deliver(self, wait: float, request: Request, then: Callable[[Heard], None] | None = None) -> None:
        """Bring a request to STP a while later, whatever becomes of who sent it, and ``then`` its answer on its way."""
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
            "scheme": "http", "path": request.path, "raw_path": request.path.encode(), "query_string": b"",
            "root_path": "", "headers": [(b"content-type", b"application/json")], "server": ("127.0.0.1", 9),
            "client": ("127.0.0.1", 9),
        }  # fmt: skip
        await self._sandbox.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in told[1:])
        return Heard(told[0]["status"], told[0]["headers"], body, whole=len(told) > 1)

    # The ledger

    def _look_at_the_book(self) -> None:
        """Every debit that is new is held against what was confirmed."""
        debits = list(self._sandbox.debits())
        for debit in debits[self._seen :]:
            self._seen += 1
            self._world.trace("bank", f"books {debit.reference} of {debit.amount} on day {self._day(debit.at)}")
            self._world.checks.booked(self._booking(debit))

    @property
    def ledger(self) -> list[Booking]:
        """Its debits."""
        self._look_at_the_book()
        return [self._booking(debit) for debit in self._sandbox.debits()]

    def live(self, reference: str) -> list[Booking]:
        """The bookings of a reference that moved money."""
        return [each for each in self.ledger if each.reference == reference]

    def harm_of_another(self, reference: str) -> str:
        """What one more copy that leaves now could do, if anything."""
        first, now = self._day(self._first_left[reference]), self._day(self.clock())
        return "" if first == now else f"it first left on day {first}: on day {now} STP would book it again"

    def _day(self, at: datetime) -> int:
        """Which operating day it is, counted from the one in which the world begins."""
        return bisect_right(self._closings, at)

    def _booking(self, debit: Debit) -> Booking:
        now = self.clock()
        settles = debit.at + timedelta(seconds=self._behaviour.settled_seconds)
        back = settles + timedelta(seconds=BACK)
        settled, returned = settles <= now, debit.amount % 100 in RETURNED and back <= now
        return Booking(
            reference=debit.reference,
            kind="payment",
            amount=debit.amount,
            account=debit.beneficiary,
            original="",
            at=(debit.at - self._world.begins).total_seconds(),
            status=Status.RETURNED if returned else Status.SETTLED if settled else Status.PENDING,
            settled_at=(settles - self._world.begins).total_seconds() if settled else None,
        )


class Line(httpx.AsyncBaseTransport):
    """The way from one process to STP, under the rail's real client."""

    def __init__(self, world: "World", stp: PretendStp, process: Process) -> None:
        self._world = world
        self._stp = stp
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, in which whatever can go wrong may go wrong."""
        if self._process.dead:
            raise Killed
        sent = Request(request.method, request.url.path, await request.aread())
        return await (self._pays(sent) if sent.method == "PUT" else self._looks(sent))

    async def _pays(self, sent: Request) -> httpx.Response:
        world, stp, fate = self._world, self._stp, self._world.faults.fate()
        world.trace(self._process.name, f"sends {sent.key}: {fate}")
        if fate == "never left":
            raise httpx.ConnectError("no connection")
        stp.leaves(sent, self._process)
        answer: Any = world.loop.create_future()
        quick = world.random.random() * 0.3
        if fate not in {"lost", "late"}:
            stp.deliver(quick, sent, lambda heard: self._comes_back(answer, heard, fate))
        if fate == "late":
            stp.deliver(max(quick, stp.latest() * world.random.random()), sent)
        if fate == "twice" and (left := min(stp.latest(), stp.until_the_roll() - LATE - 1.0)) > quick:
            stp.deliver(max(quick, left * world.random.random()), sent)
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
            heard = Heard(200, [], draws.choice(NONSENSE), whole=True)
        elif fate == "server error":
            heard = Heard(draws.choice(STUMBLES), [], b"<html>", whole=True)
        late = fate == "answer late"
        self._stp.tell(DEADLINE * 2 * draws.random() if late else draws.random() * 0.3, lambda: told(answer, heard))

    async def _looks(self, sent: Request) -> httpx.Response:
        world, fate = self._world, self._world.faults.look()
        if fate == "nothing":
            if world.random.random() < 0.5:
                raise httpx.ReadTimeout("no answer")
            return httpx.Response(world.random.choice(STUMBLES))
        answer: Any = world.loop.create_future()
        if fate != "hangs":
            slow = 2.0 if fate == "slow" else 0.2
            self._stp.deliver(
                world.random.random() * 0.1,
                sent,
                lambda heard: self._stp.tell(world.random.random() * slow, lambda: told(answer, heard)),
            )
        heard: Heard = await answer
        state = json.loads(heard.body).get("respuesta", {}).get("estado", "nothing")
        world.trace(self._process.name, f"looks up {sent.key}: {state}")
        return heard.response()


def told(answer: Any, heard: Heard) -> None:
    """Whoever still waits hears it."""
    if not answer.done():
        answer.set_result(heard)
