"""Real processes for the tests that cross packages: a zygote for the whole run, a bank and an installation for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.bank import Bank, open_bank
from .support.processes import Nursery
from .support.processes import nursery as opened
from .support.server import Home


def pytest_itemcollected(item: pytest.Item) -> None:
    """What crosses packages is about payments and not about the language, unless a test says otherwise."""
    if item.get_closest_marker("every_python") is None:
        item.add_marker("once")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with opened(tmp_path_factory.mktemp("nursery")) as born:
        yield born


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An installation of its own: a journal, a file of codes."""
    (folder := tmp_path / "home").mkdir()
    return Home(folder)


@pytest.fixture
def bank(nursery: Nursery, tmp_path: Path) -> Iterator[Bank]:
    """A pretend bank with empty books and the usual guarantees."""
    with open_bank(nursery, tmp_path / "bank") as bank:
        yield bank
