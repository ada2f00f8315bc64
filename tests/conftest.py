"""Real processes for the tests that cross packages: a zygote for the whole run, a bank and an installation for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.bank import Bank, open_bank
from .support.processes import Nursery
from .support.processes import nursery as opened
from .support.server import Home


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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes many minutes; runs only where it is asked for, with -m long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "long" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
