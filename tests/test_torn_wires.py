"""A line that is torn anywhere debits once at most, and what became of the payment is found out.

Between the rail's real client and its pretend bank stands a proxy that cuts after byte k: for every k of the request,
and for every k of the response.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from rail_mock.settings import BankBehaviour
from riel.journal import PaymentRecord, State
from riel.sandbox import serve_http
from riel.testing.harness import Harness

from .support.loop_clock import pass_loop_time
from .support.memory_folder import memory_folder
from .support.mock_harness import ObservedMockBank, open_challenge, payment_request, run_mock_harness
from .support.proxy import Proxy, Tear, between

pytestmark = pytest.mark.anyio

FEWER, FEW, ALL = 20, 7, 1
"""After every how many bytes the line is cut."""

BANKS = {
    "by key": BankBehaviour(absence_seconds=30, watch_seconds=60),
    "by reference": BankBehaviour(dedupe="by_reference", absence_seconds=30, watch_seconds=60),
    "no dedupe": BankBehaviour(dedupe="no", absence_seconds=5, watch_seconds=60),
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as folder:
        yield folder


@asynccontextmanager
async def wired(folder: Path, behaviour: BankBehaviour) -> AsyncIterator[tuple[Harness, ObservedMockBank, Proxy]]:
    """An engine, its bank over real connections, and the proxy between them."""
    mock = ObservedMockBank(behaviour)
    async with (
        serve_http(mock.app) as url,
        between(urlsplit(url).port or 0) as proxy,
        run_mock_harness(mock, folder, url=proxy.url) as harness,
    ):
        yield harness, mock, proxy


async def paid(harness: Harness, proxy: Proxy, amount: int, tear: Tear) -> PaymentRecord:
    """One payment over a line that is torn so."""
    request = payment_request(harness, amount)
    _, code = await open_challenge(harness, request)
    proxy.tears = [tear]
    record = await harness.engine.confirm(request, code)
    await harness.idle()
    assert proxy.tears == []
    return record


async def paid_over_each(harness: Harness, proxy: Proxy, tears: Iterable[Tear]) -> list[PaymentRecord]:
    """A payment over each of these lines, each of its own amount; how they all end."""
    for amount, tear in enumerate(tears, 1_000):
        await paid(harness, proxy, amount, tear)
    return await harness.settle_all()


def assert_debits(mock: ObservedMockBank, found: list[PaymentRecord]) -> None:
    """A debit for each settled payment, and for no other."""
    assert sorted(mock.debits) == sorted(one.reference for one in found if one.state is State.SETTLED)
    assert {one.state for one in found} <= {State.SETTLED, State.REJECTED}


async def lengths(folder: Path, behaviour: BankBehaviour) -> tuple[int, int]:
    """How many bytes one order and its answer have."""
    (aside := folder / "aside").mkdir()
    async with wired(aside, behaviour) as (harness, _, proxy):
        await paid(harness, proxy, 1_000, Tear())
        return len(proxy.request), len(proxy.response)


@pytest.mark.parametrize(
    ("bank", "how", "every"),
    [
        ("by key", "reset", FEW),
        ("no dedupe", "closed", FEWER),
        pytest.param("by key", "reset", ALL, marks=pytest.mark.long),
        pytest.param("no dedupe", "closed", ALL, marks=pytest.mark.long),
    ],
)
async def test_a_request_that_is_cut_after_any_byte_is_paid_once_at_most(
    memory: Path, bank: str, how: Literal["reset", "closed"], every: int
) -> None:
    length, _ = await lengths(memory, BANKS[bank])
    async with wired(memory, BANKS[bank]) as (harness, mock, proxy):
        for k in range(0, length, every):
            await paid(harness, proxy, 1_000 + k, Tear("request", k, how))
        await proxy.quiet()
        assert mock.debits == []
        found = await harness.settle_all()
        assert_debits(mock, found)
        # Where the bank knows a copy again it was sent once more; where it does not, it never arrived.
        assert {one.state for one in found} == {State.REJECTED if bank == "no dedupe" else State.SETTLED}


@pytest.mark.parametrize(
    ("bank", "how", "every"),
    [
        ("no dedupe", "reset", FEW),
        ("by reference", "closed", FEWER),
        pytest.param("no dedupe", "reset", ALL, marks=pytest.mark.long),
        pytest.param("by reference", "closed", ALL, marks=pytest.mark.long),
    ],
)
async def test_an_answer_that_is_cut_after_any_byte_is_found_out(
    memory: Path, bank: str, how: Literal["reset", "closed"], every: int
) -> None:
    _, length = await lengths(memory, BANKS[bank])
    async with wired(memory, BANKS[bank]) as (harness, mock, proxy):
        found = await paid_over_each(harness, proxy, [Tear("response", k, how) for k in range(0, length, every)])
        assert_debits(mock, found)
        assert len(mock.debits) == len(range(0, length, every))
        assert {one.sends for one in found} == {1}


@pytest.mark.parametrize("bank", ["by key", "by reference"])
async def test_an_order_that_is_delivered_twice_is_booked_once(memory: Path, bank: str) -> None:
    async with wired(memory, BANKS[bank]) as (harness, mock, proxy):
        found = await paid_over_each(harness, proxy, [Tear(doubled=True)] * 5)
        assert_debits(mock, found)
        assert len(mock.debits) == 5
        assert mock.orders == 10


@pytest.mark.parametrize("bank", BANKS)
async def test_an_order_that_arrives_when_its_sender_has_gone_is_found(memory: Path, bank: str) -> None:
    async with wired(memory, BANKS[bank]) as (harness, mock, proxy):
        for amount in range(1_000, 1_005):
            await paid(harness, proxy, amount, Tear(late=True))
        await proxy.quiet()
        assert_debits(mock, await harness.settle_all())
        assert len(mock.debits) == 5


async def test_a_line_on_which_each_byte_comes_alone_pays_as_any_other(memory: Path) -> None:
    async with wired(memory, BANKS["by key"]) as (harness, mock, proxy):
        found = await paid_over_each(harness, proxy, [Tear(trickle=True)])
        assert [(one.state, one.sends) for one in found] == [(State.SETTLED, 1)]
        assert_debits(mock, found)


@pytest.mark.parametrize("bank", BANKS)
async def test_an_answer_that_stops_coming_is_given_up_at_the_deadline_and_found(memory: Path, bank: str) -> None:
    async with wired(memory, BANKS[bank]) as (harness, mock, proxy):
        proxy.on_stall = lambda: pass_loop_time(BANKS[bank].send_deadline_seconds)
        found = await paid_over_each(harness, proxy, [Tear("response", k, "stalled") for k in (0, 1, 100)])
        assert_debits(mock, found)
        assert [one.sends for one in found] == [1, 1, 1]
