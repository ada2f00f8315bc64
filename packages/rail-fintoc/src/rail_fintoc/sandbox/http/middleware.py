"""The checks of a request before its route sees it: API key, rate, version, signature and idempotency key."""

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from rail_fintoc.sandbox.behaviour import Version
from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.jws import HEADER, JwsVerifier
from rail_fintoc.sandbox.http.request import ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.organisation import Mode, ModeStore, Organisation

KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key is kept: Fintoc may purge an older one, and this one does."""

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The first response to an idempotency key, and the digest of its request."""

    digest: str
    response: ApiResponse
    at: datetime


class RequestChecks:
    """The API keys, rates and stored responses of one organisation."""

    def __init__(
        self, organisation: Organisation, keys: Mapping[str, Mode], jws_verifiers: Mapping[Mode, JwsVerifier]
    ) -> None:
        self._organisation = organisation
        self._keys = keys
        self._jws_verifiers = jws_verifiers
        self._stored: dict[tuple[Mode, str, str], StoredResponse] = {}
        self._windows = {
            "organisation": SlidingWindow(organisation.behaviour.requests_per_second),
            "transfers": SlidingWindow(organisation.behaviour.transfers_per_second),
        }

    def authenticate(self, headers: Mapping[str, str]) -> ModeStore:
        """The store of the request's API key; ``Authorization`` holds it bare, or after ``Bearer``.

        :raises ApiError: 401. A live key is refused: nobody may mistake this for the real Fintoc.
        """
        scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else scheme
        if not key:
            raise ApiError(401, "authentication", "No API key was given")
        if key.startswith(("sk_live_", "pk_live_")):
            raise ApiError(401, "invalid_api_key_mode", "This is a pretend Fintoc: live keys are refused")
        if key not in self._keys:
            raise ApiError(401, "invalid_api_key", "Invalid API key")
        return self._organisation.stores[self._keys[key]]

    def limit_rate(self, route: ApiRoute) -> None:
        """Refuse a request that comes too fast, before anything of it is read or stored.

        :raises ApiError: 429.
        """
        now = self._organisation.now
        fast = not self._windows["organisation"].accepts(now)
        if fast or (route.transfer_limited and not self._windows["transfers"].accepts(now)):
            raise ApiError(429, "rate_limit_exceeded", "Too many requests")

    def api_version(self, headers: Mapping[str, str]) -> str:
        """The API version of the request, or the one that the organisation is pinned to.

        :raises ApiError: 403 ``invalid_api_version``.
        """
        version = headers.get("fintoc-version", self._organisation.behaviour.pinned_version)
        if version not in get_args(Version):
            raise ApiError(403, "invalid_api_version", "There is no such API version", "Fintoc-Version")
        return version

    def verify_signature(self, route: ApiRoute, store: ModeStore, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature where the route needs one; elsewhere it is ignored.

        :raises ApiError: 401.
        """
        if route.signed:
            self._jws_verifiers[store.mode].verify(headers.get(HEADER), body, self._organisation.now)

    def idempotency_key(self, route: ApiRoute, headers: Mapping[str, str]) -> str:
        """The idempotency key; empty where the method has none."""
        key = headers.get("idempotency-key", "") if route.method in {"POST", "PATCH"} else ""
        if len(key) > LONGEST_KEY:
            raise ApiError(400, "invalid_string_size", "An Idempotency-Key has at most 255 characters")
        return key

    def stored_response(self, store: ModeStore, path: str, key: str, digest: str) -> ApiResponse | None:
        """The first response to this key, whatever it was.

        :raises ApiError: 400: other parameters came with the same key.
        """
        now = self._organisation.now
        self._stored = {of: stored for of, stored in self._stored.items() if now - stored.at < KEY_LIFETIME}
        stored = self._stored.get((store.mode, path, key)) if key else None
        if stored is None:
            return None
        if stored.digest != digest:
            raise ApiError(400, "invalid_request", "This Idempotency-Key was used with other parameters")
        return stored.response

    def store_response(self, store: ModeStore, path: str, key: str, digest: str, response: ApiResponse) -> None:
        """Store the first response to a key; damage on its way is not repeated."""
        if key:
            whole = ApiResponse(response.body, response.status, response.headers)
            self._stored[store.mode, path, key] = StoredResponse(digest, whole, self._organisation.now)


def request_digest(method: str, query: str, body: bytes) -> str:
    """A digest of what was requested: other spaces and another order of the parameters make no difference."""
    with contextlib.suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    return hashlib.sha256(b"\n".join([method.encode(), query.encode(), body])).hexdigest()


class SlidingWindow:
    """At most so many requests within any one second."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: deque[datetime] = deque()

    def accepts(self, now: datetime) -> bool:
        """Whether one more is allowed; it is counted if it is."""
        while self._times and now - self._times[0] >= timedelta(seconds=1):
            self._times.popleft()
        if len(self._times) >= self._limit:
            return False
        self._times.append(now)
        return True
