"""An order to STP on a line that is torn anywhere is booked once at most, and what became of it is found out.

Between the rail's real client and the pretend STP stands a proxy that cuts after byte k.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from riel.journal import PaymentRecord, State
from riel.sandbox import serve_http

from .support.memory_folder import memory_folder
from .support.proxy import Proxy, Tear, between
from .support.stp_harness import OPEN, ObservedStp, SpeiHarness, run_spei_harness

pytestmark = pytest.mark.anyio

FEW, ALL = 37, 1
How = Literal["reset", "closed"]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as folder:
        yield folder


@asynccontextmanager
async def wired(folder: Path) -> AsyncIterator[tuple[SpeiHarness, Proxy]]:
    """An engine, STP over real connections at noon, and the proxy between them."""
    stp = ObservedStp()
    async with (
        serve_http(stp.sandbox.app) as url,
        between(urlsplit(url).port or 0) as proxy,
        run_spei_harness(stp, folder, url=proxy.url) as harness,
    ):
        yield harness, proxy


async def paid(harness: SpeiHarness, proxy: Proxy, nth: int, tear: Tear) -> None:
    """One payment, each of its own amount, over a line that is torn so."""
    proxy.tears = [tear]
    assert (await harness.pay(100 * nth)).get("status") == "pending"
    assert proxy.tears == []


async def until_over(harness: SpeiHarness) -> list[PaymentRecord]:
    """Every payment, once nothing of any is open: settled, and with a debit, each of them."""
    for _ in range(20):
        await harness.pass_time(harness.stp.now + timedelta(minutes=5), step=timedelta(minutes=5))
        found = list(await harness.journal.payments(most=10_000))
        if not any(one.state in OPEN for one in found):
            break
    assert {one.state for one in found} == {State.SETTLED}
    assert sorted(harness.stp.debits) == sorted(one.reference for one in found)
    return found


async def lengths(folder: Path) -> tuple[int, int]:
    """How many bytes one order and its answer have."""
    (aside := folder / "aside").mkdir()
    async with wired(aside) as (harness, proxy):
        await paid(harness, proxy, 1, Tear())
        return len(proxy.request), len(proxy.response)


@pytest.mark.parametrize("every", [FEW, pytest.param(ALL, marks=pytest.mark.long)])
@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_an_order_that_is_cut_after_any_byte_is_booked_once(memory: Path, how: How, every: int) -> None:
    length, _ = await lengths(memory)
    async with wired(memory) as (harness, proxy):
        for k in range(0, length, every):
            await paid(harness, proxy, 1 + k, Tear("request", k, how))
        await proxy.quiet()
        assert harness.stp.debits == []
        assert {one.sends for one in await until_over(harness)} == {2}


@pytest.mark.parametrize("every", [FEW, pytest.param(ALL, marks=pytest.mark.long)])
@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_an_answer_that_is_cut_after_any_byte_is_found_out(memory: Path, how: How, every: int) -> None:
    _, length = await lengths(memory)
    async with wired(memory) as (harness, proxy):
        for k in range(0, length, every):
            await paid(harness, proxy, 1 + k, Tear("response", k, how))
        assert len(harness.stp.debits) == len(range(0, length, every))
        assert {one.sends for one in await until_over(harness)} == {1}


@pytest.mark.parametrize("tear", [Tear(doubled=True), Tear(late=True), Tear(trickle=True)], ids=["2", "late", "bytes"])
async def test_an_order_that_is_doubled_or_late_or_comes_byte_by_byte_is_booked_once(memory: Path, tear: Tear) -> None:
    async with wired(memory) as (harness, proxy):
        for nth in range(1, 4):
            await paid(harness, proxy, nth, tear)
        if tear.late:
            await proxy.quiet()
        assert len(await until_over(harness)) == 3
