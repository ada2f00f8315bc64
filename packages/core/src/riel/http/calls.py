"""What a failed request means for the money, and which requests may be made again.

A rail wraps each request: :func:`paying` where it can move money, :func:`reading` where it cannot. A rail never
retries by itself: a send is made again here only while nothing of the rail's call has reached the wire, a look-up as
often as it is useful.

httpx has no limit on a whole request (its time-outs are per read), so the core bounds every send by the rail's
``send_deadline``.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from riel.errors import NothingLearned, NotSent, OutcomeUnknown
from riel.http.causes import cause_of
from riel.http.wire import counted, counted_together

Request = Callable[[], Awaitable[httpx.Response]]

SEND_ATTEMPTS = 3
LOOKUP_ATTEMPTS = 3


class _NoConnection(Exception):
    """The request failed before anything reached the wire."""


async def paying(
    request: Request, *, tries: int = SEND_ATTEMPTS, longest_wait: timedelta = timedelta(seconds=1)
) -> httpx.Response:
    """The answer to a request that can move money, made with the client that ``connect`` was handed.

    :raises NotSent: no request of this call of the rail has reached the wire, however often it was tried.
    :raises OutcomeUnknown: one has, at least in part, and no whole answer came back; or it was made with another
        client, whose requests nobody counts.
    """
    with counted_together() as wire:

        async def attempt() -> httpx.Response:
            before = wire.attempts
            try:
                return await request()
            except (httpx.HTTPError, httpx.StreamError) as failure:
                if wire.requests or wire.attempts == before:
                    raise
                raise _NoConnection from failure

        try:
            async for trial in AsyncRetrying(
                retry=retry_if_exception_type(_NoConnection),
                stop=stop_after_attempt(tries),
                wait=wait_random_exponential(multiplier=0.05, max=longest_wait.total_seconds()),
                reraise=True,
            ):
                with trial:
                    return await attempt()
        except _NoConnection as failure:
            raise NotSent(wire.cause, cause=wire.cause) from failure.__cause__
        except (httpx.HTTPError, httpx.StreamError) as failure:
            raise OutcomeUnknown(cause_of(failure)) from failure
    raise AssertionError("a retry loop either returns or raises")


class _NoAnswer(Exception):
    """The provider answered that it cannot answer now."""


async def reading(
    request: Request, *, tries: int = LOOKUP_ATTEMPTS, longest_wait: timedelta = timedelta(seconds=1)
) -> httpx.Response:
    """The answer to a request that moves nothing, tried again where it failed or the provider was overloaded.

    Its requests do not count for a payment of the same call.

    :raises NothingLearned: no useful answer came, so nothing about any payment changes.
    """
    try:
        with counted() as wire:
            async for trial in AsyncRetrying(
                retry=retry_if_exception_type((httpx.HTTPError, httpx.StreamError, _NoAnswer)),
                stop=stop_after_attempt(tries),
                wait=wait_random_exponential(multiplier=0.05, max=longest_wait.total_seconds()),
                reraise=True,
            ):
                with trial:
                    response = await request()
                    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500:
                        raise _NoAnswer(f"HTTP {response.status_code}")
                    return response
    except _NoAnswer as failure:
        raise NothingLearned(str(failure)) from failure
    except (httpx.HTTPError, httpx.StreamError) as failure:
        cause = wire.cause or cause_of(failure)
        raise NothingLearned(cause, cause=cause) from failure
    raise AssertionError("a retry loop either returns or raises")
