"""The organisation that the pretend Fintoc serves: two modes with books of their own, one clock, and what is still due.

Nothing here awaits, so one event loop makes each request whole. What happens later is ``due`` at a time and happens
when somebody looks: ``catch_up`` lets it happen in its order, each thing at its own time.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from rail_fintoc.sandbox.behaviour import Behaviour, Clock
from rail_fintoc.sandbox.errors import missing

Mode = Literal["test", "live"]
Json = dict[str, Any]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EPOCH = datetime(2014, 5, 13, 16, 53, 20, tzinfo=UTC)
"""Where the seconds of a KSUID begin, which Fintoc's ids look like."""


class Kept(Protocol):
    """Something with an id that a mode keeps."""

    @property
    def id(self) -> str:
        """Its id, with its prefix."""


T = TypeVar("T", bound=Kept)
Single = TypeVar("Single")


class Shelf(Generic[T]):
    """The objects of one kind in one mode, in the order in which they were made."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._rows: dict[str, T] = {}

    def __iter__(self) -> Iterator[T]:
        """Oldest first."""
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._rows

    def put(self, row: T) -> T:
        """Keep it, and give it back."""
        self._rows[row.id] = row
        return row

    def find(self, id_: str) -> T:
        """The object of that id.

        :raises Refused: 404 ``missing_resource``.
        """
        if id_ not in self._rows:
            raise missing(self._kind, id_)
        return self._rows[id_]

    def drop(self, id_: str) -> None:
        """Forget it."""
        self._rows.pop(id_, None)

    def newest(self) -> list[T]:
        """Newest first, as every list of Fintoc is."""
        return list(reversed(self._rows.values()))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as webhooks tell it. ``data`` is the whole resource at that time.

    ``only`` is the one endpoint that is told of it, whatever it asked for; otherwise all are that want to know.
    """

    id: str
    type: str
    data: Json
    created_at: datetime
    mode: Mode
    only: str = ""

    def told(self) -> Json:
        """The event as it is sent."""
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "mode": self.mode,
            "created_at": stamp(self.created_at),
            "data": self.data,
        }


class Books:
    """All that one mode holds; nothing of it is ever seen from the other."""

    def __init__(self, mode: Mode, world: "World") -> None:
        self.mode = mode
        self.world = world
        self.untold: list[Event] = []
        self._shelves: dict[type[Any], Shelf[Any]] = {}
        self._singles: dict[type[Any], Any] = {}

    def shelf(self, of: type[T]) -> Shelf[T]:
        """The shelf of one kind: ``books.shelf(Customer)``."""
        kind = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in of.__name__).strip("_")
        return cast("Shelf[T]", self._shelves.setdefault(of, Shelf[Any](kind)))

    def the(self, of: type[Single]) -> Single:
        """The one object of a class that this mode has, made when it is first asked for: ``books.the(Purse)``."""
        if of not in self._singles:
            self._singles[of] = of()
        return cast("Single", self._singles[of])

    def tell(self, event: str, data: Json, only: str = "") -> Event:
        """Something has happened: it is kept as an event and sent to the endpoints that asked for it, or to one."""
        told = Event(self.world.id("evt"), event, data, self.world.now, self.mode, only)
        self.untold.append(self.shelf(Event).put(told))
        return told


@dataclass(order=True, slots=True)
class Due:
    """Something that will happen."""

    at: datetime
    number: int
    act: Callable[[], None] = field(compare=False)


class World:
    """One organisation at Fintoc.

    ``now`` is the time until which everything has happened; while something that was due happens, it is its own time.
    """

    def __init__(self, behaviour: Behaviour, clock: Clock, randomness: random.Random | None = None) -> None:
        self.behaviour = behaviour
        self.clock = clock
        self.randomness = randomness or random.Random()  # noqa: S311  # it makes ids, no secrets
        self.now = clock()
        self.books: Mapping[Mode, Books] = {"test": Books("test", self), "live": Books("live", self)}
        self._due: list[Due] = []
        self._made = 0

    def id(self, prefix: str) -> str:
        """A new id: 27 characters that grow with the time."""
        self._made += 1
        seconds = max(0, int((self.now - EPOCH).total_seconds()))
        number = (seconds << 128) | (self._made << 88) | self.randomness.getrandbits(88)
        letters = ""
        while number:
            number, rest = divmod(number, 62)
            letters = BASE62[rest] + letters
        return f"{prefix}_{letters.rjust(27, '0')}"

    def due(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen that many seconds from now; at once where it is none."""
        if seconds <= 0:
            return act()
        self._made += 1
        heapq.heappush(self._due, Due(self.now + timedelta(seconds=seconds), self._made, act))
        return None

    def next_due(self) -> datetime | None:
        """When something will happen next."""
        return self._due[0].at if self._due else None

    def catch_up(self) -> datetime:
        """Let happen whatever is due by now, and tell the time."""
        until = max(self.now, self.clock())
        while self._due and self._due[0].at <= until:
            due = heapq.heappop(self._due)
            self.now = max(self.now, due.at)
            due.act()
        self.now = until
        return until


def stamp(at: datetime) -> str:
    """A time as v2 writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def stamp_v1(at: datetime) -> str:
    """A time as v1 writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
