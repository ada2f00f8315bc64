"""How much is tried in each run, and one PostgreSQL for a whole run, started when the first test asks for it.

An ordinary run tries the same examples each time, so that a run says something about the code and about nothing else.
``nox -s long`` tries new ones, and many more of them. The profile ``few`` is for what one Python has tried in full:
ten examples of each property, and three parameters of each test.
"""

import logging
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.support.postgres import NoPostgres, Postgres, running

HOUR, MINUTE = 60 * 60, 60


@pytest.fixture
def within_an_hour() -> None:
    """No hour ends, and so no day, while a test runs that reads the real clock twice: near the end, wait for it."""
    left = HOUR - time.time() % HOUR
    if left < MINUTE:
        time.sleep(left + 1)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that runs in this process configures its log: no later test finds that, whichever comes before it."""
    root = logging.getLogger()
    handlers, level, raises = [*root.handlers], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    sys.excepthook, threading.excepthook = hooks


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        with running() as server:
            yield server
    except NoPostgres as none:
        pytest.skip(str(none))


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of a new and empty database."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)


def _end_by_signals() -> None:
    """Take the default of signals that whoever started this run ignores, as a shell does for a background job.

    A server that a test starts would ignore them too, and never end.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


_end_by_signals()

ALWAYS = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
"""Nothing that is measured with a clock fails a test."""

settings.register_profile("ordinary", ALWAYS, derandomize=True)
settings.register_profile("few", ALWAYS, derandomize=True, max_examples=10)
settings.register_profile("long", ALWAYS, max_examples=2_000, print_blob=True)
settings.load_profile("ordinary")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A pretend bank is a test instrument, so its own tests prove nothing about the language: one Python runs them."""
    if item.path.name.startswith("test_sandbox_") and not list(item.iter_markers("alone")):
        item.add_marker("once")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is ``long``, unless it is asked for; and under the profile ``few``, most parameters of a test."""
    left_out = set[pytest.Item]()
    if "long" not in config.option.markexpr.replace("not long", ""):
        left_out |= {item for item in items if item.get_closest_marker("long")}
    if config.getoption("--hypothesis-profile") == "few":
        left_out |= most_parameters([item for item in items if item not in left_out])
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def most_parameters(items: list[pytest.Item]) -> set[pytest.Item]:
    """All of each test but its first, its last, and the one in the middle."""
    by_test = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        by_test[item.nodeid.partition("[")[0]].append(item)
    kept = {item for each in by_test.values() for item in (each[0], each[len(each) // 2], each[-1])}
    return set(items) - kept
