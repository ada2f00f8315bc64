"""Banxico's form is asked rarely, once, over https, and never after it said no."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import httpx
import pytest

from rail_spei.cep import (
    CaptchaDemanded,
    CepSite,
    Found,
    Later,
    NotMatched,
    RateLimited,
    SiteTrouble,
)
from rail_spei.sandbox.banxico import Mood
from riel import Misconfigured

from .cep_support import EXPECTED, credit
from .cep_world import BACK_OFF, PAUSE, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_after_a_rate_limit_nothing_is_asked_for_a_long_time() -> None:
    world = World(most=0)
    assert await world.site.look_up(EXPECTED) == RateLimited(BACK_OFF)
    assert len(world.asked) == 1
    world.later(PAUSE * 2)
    assert await world.site.look_up(EXPECTED) == Later(BACK_OFF - PAUSE * 2)
    assert len(world.asked) == 1
    world.later(BACK_OFF)
    assert await world.site.look_up(EXPECTED) == RateLimited(BACK_OFF)
    assert len(world.asked) == 2


async def test_a_rate_limit_in_place_of_the_download_is_one_too() -> None:
    world = World(most=1)
    assert await world.site.look_up(EXPECTED) == RateLimited(BACK_OFF)
    assert world.paths == ["POST /cep/valida.do", "GET /cep/descarga.do"]


async def test_too_many_requests_is_a_rate_limit() -> None:
    world = World(mood=Mood(trouble=429))
    assert await world.site.look_up(EXPECTED) == RateLimited(BACK_OFF)
    assert len(world.asked) == 1


async def test_a_captcha_ends_it() -> None:
    world = World(mood=Mood(wants_captcha=True))
    assert await world.site.look_up(EXPECTED) == CaptchaDemanded()
    world.mood.wants_captcha = False
    world.later(timedelta(days=30))
    assert await world.site.look_up(EXPECTED) == CaptchaDemanded()
    assert len(world.asked) == 1


async def test_two_look_ups_have_a_pause_between_them() -> None:
    world = World()
    assert isinstance(await world.site.look_up(EXPECTED), Found)
    assert await world.site.look_up(EXPECTED) == Later(PAUSE)
    world.later(PAUSE - timedelta(seconds=1))
    assert await world.site.look_up(EXPECTED) == Later(timedelta(seconds=1))
    assert len(world.asked) == 2
    world.later(timedelta(seconds=1))
    assert isinstance(await world.site.look_up(EXPECTED), Found)
    assert len(world.asked) == 4


async def test_two_look_ups_never_go_on_at_once() -> None:
    world = World()
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            reached.set()
            await go_on.wait()
            yield b"No se encontr&oacute; ning&uacute;n pago con la informaci&oacute;n proporcionada"

    world.answer = lambda _: httpx.Response(200, stream=Slow())
    first = asyncio.create_task(world.site.look_up(EXPECTED))
    await reached.wait()
    assert await world.site.look_up(EXPECTED) == Later(PAUSE)
    assert len(world.asked) == 1
    go_on.set()
    assert await first == NotMatched()


async def test_each_visit_has_cookies_of_its_own() -> None:
    world = World([credit(listed_on=date(2024, 11, 8))])
    await world.site.look_up(EXPECTED)
    world.later()
    await world.site.look_up(EXPECTED)
    posts = [r for r in world.asked if r.method == "POST"]
    gets = [r for r in world.asked if r.method == "GET"]
    assert [r.headers.get("cookie") for r in posts] == [None] * 4
    assert len({r.headers["cookie"] for r in gets}) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 404, 403, 400])
async def test_an_http_error_is_the_sites_trouble_and_is_not_asked_again(status: int) -> None:
    world = World(mood=Mood(trouble=status))
    assert await world.site.look_up(EXPECTED) == SiteTrouble(f"HTTP {status}")
    assert len(world.asked) == 1
    assert world.waits == []
    assert isinstance(await world.site.look_up(EXPECTED), Later)


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ReadTimeout("no"), httpx.RemoteProtocolError("no")]
)
async def test_a_lost_answer_is_the_sites_trouble_and_is_not_asked_again(failure: httpx.HTTPError) -> None:
    world = World()

    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    world.answer = fail
    assert await world.site.look_up(EXPECTED) == SiteTrouble(type(failure).__name__)
    assert len(world.asked) == 1


async def test_a_redirect_is_not_followed() -> None:
    world = World()
    world.answer = lambda _: httpx.Response(307, headers={"location": "http://www.banxico.org.mx/cep/valida.do"})
    assert await world.site.look_up(EXPECTED) == SiteTrouble("HTTP 307")
    assert len(world.asked) == 1


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    world = World()
    given: list[int] = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                given.append(10_000)
                yield b" " * 10_000

    world.answer = lambda _: httpx.Response(200, stream=Endless())
    assert await world.site.look_up(EXPECTED) == SiteTrouble("the answer is too long")
    assert sum(given) < 300_000


async def test_a_compressed_answer_is_not_unpacked() -> None:
    world = World()
    world.answer = lambda _: httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b")
    )
    outcome = await world.site.look_up(EXPECTED)
    assert isinstance(outcome, SiteTrouble)
    assert "compressed" in outcome.why


async def test_an_answer_that_never_comes_is_given_up() -> None:
    world = World()

    class Silent(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            await asyncio.Event().wait()
            yield b""

    world.answer = lambda _: httpx.Response(200, stream=Silent())
    site = world.another(deadline=timedelta(milliseconds=50))
    assert await site.look_up(EXPECTED) == SiteTrouble("no whole answer came in time")
    assert len(world.asked) == 1


async def test_a_look_up_that_was_cancelled_leaves_the_site_askable_after_the_pause() -> None:
    world = World()
    reached = asyncio.Event()

    class Silent(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            reached.set()
            await asyncio.Event().wait()
            yield b""

    world.answer = lambda _: httpx.Response(200, stream=Silent())
    task = asyncio.create_task(world.site.look_up(EXPECTED))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.answer = None
    assert await world.site.look_up(EXPECTED) == Later(PAUSE)
    world.later()
    assert isinstance(await world.site.look_up(EXPECTED), Found)


@pytest.mark.parametrize(
    "address",
    [
        "http://www.banxico.org.mx/cep",
        "http://10.0.0.1/cep",
        "http://localhost.evil.example/cep",
        "ftp://127.0.0.1/cep",
        "https:///cep",
        "www.banxico.org.mx/cep",
        "",
        "http://[",
    ],
)
async def test_only_https_is_asked_except_on_this_machine(address: str) -> None:
    with pytest.raises(Misconfigured, match="CEP site"):
        CepSite(address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/cep", "http://localhost:9/cep", "http://[::1]:9/cep"])
async def test_a_pretend_site_on_this_machine_needs_no_certificate(address: str) -> None:
    world = World()
    assert isinstance(await world.another(address).look_up(EXPECTED), Found)
    assert world.asked[0].url.scheme == "http"
