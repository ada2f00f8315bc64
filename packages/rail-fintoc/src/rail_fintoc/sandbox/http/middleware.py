"""What a request must pass before a resource sees it: the key, the pace, the version, the signature, its own past."""

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from rail_fintoc.sandbox.behaviour import Version
from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.jws import HEADER, Seals
from rail_fintoc.sandbox.http.request import Reply, Way
from rail_fintoc.sandbox.ledger.organisation import Books, Mode, World

REMEMBERED = timedelta(hours=24)
"""For how long an idempotency key is kept: Fintoc may purge it once it is so old, and this one does."""

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """The first answer to an idempotency key, and what was asked."""

    said: str
    reply: Reply
    at: datetime


class Doors:
    """Keys, paces and memories of one organisation."""

    def __init__(self, world: World, keys: Mapping[str, Mode], seals: Mapping[Mode, Seals]) -> None:
        self._world = world
        self._keys = keys
        self._seals = seals
        self._stored: dict[tuple[Mode, str, str], Stored] = {}
        self._paces = {
            "organisation": Pace(world.behaviour.requests_per_second),
            "transfers": Pace(world.behaviour.transfers_per_second),
        }

    def books_of(self, headers: Mapping[str, str]) -> Books:
        """The books that the request's key opens; ``Authorization`` holds it bare, or after ``Bearer``.

        :raises Refused: 401. A live key is none here: nobody may mistake this for the real one.
        """
        scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else scheme
        if not key:
            raise Refused(401, "authentication", "No API key was given")
        if key.startswith(("sk_live_", "pk_live_")):
            raise Refused(401, "invalid_api_key_mode", "This is a pretend Fintoc: live keys are refused")
        if key not in self._keys:
            raise Refused(401, "invalid_api_key", "Invalid API key")
        return self._world.books[self._keys[key]]

    def pace(self, way: Way) -> None:
        """Refuse what comes too fast; nothing of it was looked at, or is remembered.

        :raises Refused: 429.
        """
        now = self._world.now
        fast = not self._paces["organisation"].takes(now)
        if fast or (way.paced and not self._paces["transfers"].takes(now)):
            raise Refused(429, "rate_limit_exceeded", "Too many requests")

    def version(self, headers: Mapping[str, str]) -> str:
        """The API version of the request, or the one that the organisation is pinned to.

        :raises Refused: 403 ``invalid_api_version``.
        """
        version = headers.get("fintoc-version", self._world.behaviour.pinned_version)
        if version not in get_args(Version):
            raise Refused(403, "invalid_api_version", "There is no such API version", "Fintoc-Version")
        return version

    def seal(self, way: Way, books: Books, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature of an order that needs one; elsewhere it is harmless.

        :raises Refused: 401.
        """
        if way.signed:
            self._seals[books.mode].check(headers.get(HEADER), body, self._world.now)

    def key_of(self, way: Way, headers: Mapping[str, str]) -> str:
        """The idempotency key, where the method has one."""
        key = headers.get("idempotency-key", "") if way.method in {"POST", "PATCH"} else ""
        if len(key) > LONGEST_KEY:
            raise Refused(400, "invalid_string_size", "An Idempotency-Key has at most 255 characters")
        return key

    def answered(self, books: Books, path: str, key: str, said: str) -> Reply | None:
        """The first answer to this key, whatever it was.

        :raises Refused: 400: other parameters came with the same key.
        """
        now = self._world.now
        self._stored = {of: stored for of, stored in self._stored.items() if now - stored.at < REMEMBERED}
        stored = self._stored.get((books.mode, path, key)) if key else None
        if stored is None:
            return None
        if stored.said != said:
            raise Refused(400, "invalid_request", "This Idempotency-Key was used with other parameters")
        return stored.reply

    def remember(self, books: Books, path: str, key: str, said: str, reply: Reply) -> None:
        """Keep the first answer to a key; what befell it on its way is not repeated."""
        if key:
            whole = Reply(reply.body, reply.status, reply.headers)
            self._stored[books.mode, path, key] = Stored(said, whole, self._world.now)


def fingerprint(method: str, query: str, body: bytes) -> str:
    """What was asked: the same parameters in other spaces or another order are the same."""
    with contextlib.suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    return hashlib.sha256(b"\n".join([method.encode(), query.encode(), body])).hexdigest()


class Pace:
    """So many in any one second, and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: deque[datetime] = deque()

    def takes(self, now: datetime) -> bool:
        """Whether one more may come; it counts if it may."""
        while self._taken and now - self._taken[0] >= timedelta(seconds=1):
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return False
        self._taken.append(now)
        return True
