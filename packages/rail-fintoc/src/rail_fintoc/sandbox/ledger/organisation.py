"""The organisation that the pretend Fintoc serves: a store for each of its two modes, one clock, and scheduled actions.

Nothing here awaits, so no other request runs in the middle of one. A later change is scheduled, and takes place when
somebody looks: ``run_due`` runs the scheduled actions in their order, each at its own time.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from rail_fintoc.sandbox.behaviour import FintocBehaviour
from rail_fintoc.sandbox.errors import missing_resource
from riel.sandbox.kit import Clock

Mode = Literal["test", "live"]
Json = dict[str, Any]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EPOCH = datetime(2014, 5, 13, 16, 53, 20, tzinfo=UTC)
"""Where the seconds of a KSUID begin, which Fintoc's ids look like."""


class Identified(Protocol):
    """A resource that a store keeps by its id."""

    @property
    def id(self) -> str:
        """Its id, with its prefix."""


T = TypeVar("T", bound=Identified)
Single = TypeVar("Single")


class ResourceTable(Generic[T]):
    """The resources of one kind in one mode, oldest first."""

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

    def add(self, row: T) -> T:
        """Store a resource, and return it."""
        self._rows[row.id] = row
        return row

    def get(self, id_: str) -> T:
        """The resource with that id.

        :raises ApiError: 404 ``missing_resource``.
        """
        if id_ not in self._rows:
            raise missing_resource(self._kind, id_)
        return self._rows[id_]

    def remove(self, id_: str) -> None:
        """Remove a resource; an unknown id is ignored."""
        self._rows.pop(id_, None)

    def newest_first(self) -> list[T]:
        """Newest first, as every list of Fintoc is."""
        return list(reversed(self._rows.values()))


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event as webhooks carry it. ``data`` is the whole resource at that time.

    ``only_endpoint`` is the id of the one endpoint that gets it, whatever that one subscribed to; where it is empty,
    every endpoint gets it that subscribed to its type.
    """

    id: str
    type: str
    data: Json
    created_at: datetime
    mode: Mode
    only_endpoint: str = ""

    def to_json(self) -> Json:
        """The event as it is sent."""
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "mode": self.mode,
            "created_at": timestamp(self.created_at),
            "data": self.data,
        }


class ModeStore:
    """The resources of one mode; the other mode never sees them."""

    def __init__(self, mode: Mode, organisation: "Organisation") -> None:
        self.mode = mode
        self.organisation = organisation
        self.unsent_events: list[WebhookEvent] = []
        self._tables: dict[type[Any], ResourceTable[Any]] = {}
        self._single_objects: dict[type[Any], Any] = {}

    def table(self, of: type[T]) -> ResourceTable[T]:
        """The table of one kind: ``store.table(Customer)``."""
        kind = getattr(of, "kind", "") or "".join(
            f"_{letter.lower()}" if letter.isupper() else letter for letter in of.__name__
        ).strip("_")
        return cast("ResourceTable[T]", self._tables.setdefault(of, ResourceTable[Any](kind)))

    def single(self, of: type[Single]) -> Single:
        """The only object of a class in this mode, created at its first use: ``store.single(MerchantBalance)``."""
        if of not in self._single_objects:
            self._single_objects[of] = of()
        return cast("Single", self._single_objects[of])

    def emit(self, event_type: str, data: Json, only_endpoint: str = "") -> WebhookEvent:
        """Store an event and queue it for the endpoints that subscribed to its type, or for one endpoint."""
        organisation = self.organisation
        event = WebhookEvent(organisation.id("evt"), event_type, data, organisation.now, self.mode, only_endpoint)
        self.unsent_events.append(self.table(WebhookEvent).add(event))
        return event


@dataclass(order=True, slots=True)
class ScheduledAction:
    """A change that takes place at a time; ``number`` orders those of one time."""

    at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)


class Organisation:
    """One organisation at Fintoc.

    ``now`` is the time up to which every scheduled action was run; while one runs, it is the time of that one.
    """

    def __init__(self, behaviour: FintocBehaviour, clock: Clock, randomness: random.Random | None = None) -> None:
        self.behaviour = behaviour
        self.clock = clock
        self.randomness = randomness or random.Random()  # noqa: S311  # it makes ids, no secrets
        self.now = clock()
        self.stores: Mapping[Mode, ModeStore] = {"test": ModeStore("test", self), "live": ModeStore("live", self)}
        self._scheduled: list[ScheduledAction] = []
        self._sequence = 0

    def id(self, prefix: str) -> str:
        """A new id: 27 characters that grow with the time."""
        self._sequence += 1
        seconds = max(0, int((self.now - EPOCH).total_seconds()))
        number = (seconds << 128) | (self._sequence << 88) | self.randomness.getrandbits(88)
        digits = ""
        while number:
            number, rest = divmod(number, 62)
            digits = BASE62[rest] + digits
        return f"{prefix}_{digits.rjust(27, '0')}"

    def schedule(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action in that many seconds; at once where it is none."""
        if seconds <= 0:
            return action()
        self._sequence += 1
        heapq.heappush(self._scheduled, ScheduledAction(self.now + timedelta(seconds=seconds), self._sequence, action))
        return None

    def next_action_at(self) -> datetime | None:
        """The time of the next scheduled action, if there is one."""
        return self._scheduled[0].at if self._scheduled else None

    def run_due(self) -> datetime:
        """Run the actions that are due by now, and return the time."""
        until = max(self.now, self.clock())
        while self._scheduled and self._scheduled[0].at <= until:
            scheduled = heapq.heappop(self._scheduled)
            self.now = max(self.now, scheduled.at)
            scheduled.action()
        self.now = until
        return until


def timestamp(at: datetime) -> str:
    """A time in the format of v2."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def timestamp_v1(at: datetime) -> str:
    """A time in the format of v1, with milliseconds."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
