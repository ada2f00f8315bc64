"""Real processes for tests that cross packages: one fork server for the run, a bank and an installation for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.bank_process import PATIENT, BankProcess, open_bank
from .support.processes import ForkServer
from .support.processes import fork_server as opened
from .support.server import Installation


def pytest_itemcollected(item: pytest.Item) -> None:
    """What crosses packages is about payments and not about the language, unless a test says otherwise."""
    if item.get_closest_marker("every_python") is None:
        item.add_marker("once")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with opened(tmp_path_factory.mktemp("fork_server")) as born:
        yield born


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    """An installation of its own: a journal, a file of codes."""
    (folder := tmp_path / "home").mkdir()
    return Installation(folder)


@pytest.fixture
def bank(fork_server: ForkServer, tmp_path: Path) -> Iterator[BankProcess]:
    """A pretend bank with empty books and the usual guarantees; a send may take as long as a test waits."""
    with open_bank(fork_server, tmp_path / "bank", **PATIENT) as bank:
        yield bank
