"""A failure of a rail's own code: logged once, with the place in the rail, and turned into one exception."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from riel.catalog import ActiveRail
from riel.rail import Rail
from riel.time_limit import TimeLimitExceeded, time_limit

log = logging.getLogger(__name__)


class RailFailure(Exception):
    """A rail raised what it may not raise, or returned what it may not return. It is already logged.

    Its text ends a sentence about the rail: ``KeyError in rail_zap/client.py, line 42``. It holds no data.
    """


@contextmanager
def contained(rail: ActiveRail, call: str, *allowed: type[Exception]) -> Iterator[None]:
    """Run code of ``rail``.

    :param call: the name of the function, for the log.
    :param allowed: the exceptions that the function may raise by its contract.
    :raises RailFailure: it raised another exception.
    """
    try:
        yield
    except (Exception, SystemExit) as failure:
        if isinstance(failure, (*allowed, RailFailure)):
            raise
        place = place_of(failure, rail.declaration)
        raise rail_failure(rail, call, f"{type(failure).__name__}{place and f' in {place}'}") from failure


@contextmanager
def limited(rail: ActiveRail, call: str, *allowed: type[Exception]) -> Iterator[None]:
    """Run code of ``rail`` that does not wait, within its ``call_limit``: nothing else happens meanwhile.

    Code that takes longer sets its rail aside: it would stop the process again at each call. The code that waits for
    the provider is still run, so that payments under way are looked up.

    :raises RailFailure: it raised an exception that is not ``allowed``, or took too long, or was set aside before.
    """
    if rail.suspension.reason:
        raise RailFailure(f"it is set aside, since {rail.suspension.reason}")
    try:
        with contained(rail, call, TimeLimitExceeded, *allowed), time_limit(rail.call_limit):
            yield
    except TimeLimitExceeded as late:
        place = place_of(late.__cause__ or late, rail.declaration)
        problem = f"{call} took longer than {rail.call_limit.total_seconds():g} s{place and f' in {place}'}"
        _set_aside(rail, problem)
        raise RailFailure(problem) from late


def _set_aside(rail: ActiveRail, problem: str) -> None:
    rail.suspension.reason = problem
    name, distribution, version = rail.declaration.name, rail.distribution, rail.version
    log.error(
        "the rail %r (%s %s) is set aside until the server starts again: %s. Its payments are still looked up",
        *(name, distribution, version, problem),
    )


def rail_failure(rail: ActiveRail, call: str, problem: str) -> RailFailure:
    """Log at ``error`` that ``call`` failed, and return the exception to raise."""
    name, distribution, version = rail.declaration.name, rail.distribution, rail.version
    log.error("the rail %r (%s %s) failed in %s: %s", name, distribution, version, call, problem)
    return RailFailure(problem)


def place_of(failure: BaseException, declaration: Rail) -> str:
    """Return the innermost frame in the rail's own package, as ``rail_zap/client.py, line 42``; empty if there is none.

    The message of an exception may quote an account number or a key, so the place is all that is logged of it.
    """
    models = (declaration.payment, declaration.lookup, declaration.refund, declaration.receipt, declaration.settings)
    packages = {model.__module__.partition(".")[0] for model in models} - {"riel"}
    place = ""
    for frame, line in walk_tb(failure.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in packages:
            place = f"{_relative(frame.f_code.co_filename, package)}, line {line}"
    return place


def _relative(filename: str, package: str) -> str:
    """Return the path from the package on."""
    *folders, name = Path(filename).parts
    if package not in folders:
        return name
    start = len(folders) - 1 - folders[::-1].index(package)
    return "/".join((*folders[start:], name))
