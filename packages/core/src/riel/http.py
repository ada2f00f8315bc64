"""What a failed request means for the money, and which requests may be made again.

A rail wraps each request: :func:`paying` where it can move money, :func:`reading` where it cannot. A rail never
retries by itself: a send is made again here only while no byte of it has left, a look-up as often as it is useful.

httpx has no limit on a whole request (its time-outs are per read), so the core bounds every send by the rail's
``send_deadline``.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from riel.errors import NothingLearned, NotSent, OutcomeUnknown

Request = Callable[[], Awaitable[httpx.Response]]

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
SEND_ATTEMPTS = 3
LOOKUP_ATTEMPTS = 3


async def paying(
    request: Request, *, tries: int = SEND_ATTEMPTS, longest_wait: timedelta = timedelta(seconds=1)
) -> httpx.Response:
    """The answer to a request that can move money.

    :raises NotSent: no connection was made, however often it was tried: no byte left.
    :raises OutcomeUnknown: the request left, at least in part, and no whole answer came back.
    """
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(NEVER_LEFT),
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.05, max=longest_wait.total_seconds()),
            reraise=True,
        ):
            with attempt:
                return await request()
    except NEVER_LEFT as failure:
        raise NotSent(type(failure).__name__) from failure
    except (httpx.HTTPError, httpx.StreamError) as failure:
        raise OutcomeUnknown(type(failure).__name__) from failure
    raise AssertionError("a retry loop either returns or raises")


class _NoAnswer(Exception):
    """The provider answered that it cannot answer now."""


async def reading(
    request: Request, *, tries: int = LOOKUP_ATTEMPTS, longest_wait: timedelta = timedelta(seconds=1)
) -> httpx.Response:
    """The answer to a request that moves nothing, tried again where it failed or the provider was overloaded.

    :raises NothingLearned: no useful answer came, so nothing about any payment changes.
    """
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((httpx.HTTPError, httpx.StreamError, _NoAnswer)),
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.05, max=longest_wait.total_seconds()),
            reraise=True,
        ):
            with attempt:
                response = await request()
                if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500:
                    raise _NoAnswer(f"HTTP {response.status_code}")
                return response
    except (httpx.HTTPError, httpx.StreamError, _NoAnswer) as failure:
        raise NothingLearned(str(failure) if isinstance(failure, _NoAnswer) else type(failure).__name__) from failure
    raise AssertionError("a retry loop either returns or raises")
