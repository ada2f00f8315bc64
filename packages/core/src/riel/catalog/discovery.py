"""Load one entry point at a time, so that the fault of one package stays its own."""

import contextlib
import difflib
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from riel import hookspecs
from riel.catalog.validation import validate
from riel.catalog.versions import unmet_bounds
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Rail
from riel.text import clean_text

if TYPE_CHECKING:
    from riel.confirm.factor import Factor
    from riel.guards import Guard

NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
RESERVED = frozenset({"answer", "factor", "notifications"})
"""Names whose ``RIEL_<NAME>_*`` are settings of our own."""

HOOKS = ("riel_rails", "riel_factors", "riel_guards")
MAX_RESULTS = 100
"""The most that one hook may yield: a generator that never ends must not hold up the start."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RailProblem:
    """Why an installed package is not used: one sentence, and what to do."""

    entry_point: str
    distribution: str
    version: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EntryPointClaim:
    """One distribution's claim to the name of an entry point."""

    name: str
    distribution: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()
    load: Callable[[], object] = object

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip() or "an unknown distribution"


class RefusedClaim(Exception):
    """The claim of a distribution is refused; ``problem`` says why."""

    def __init__(self, claim: EntryPointClaim, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.problem = RailProblem(
            entry_point=claim.name,
            distribution=claim.distribution,
            version=claim.version,
            sentence=sentence,
            remedy=remedy,
        )


@dataclass(frozen=True, slots=True)
class Contributions:
    """The rails, factors and guards of one entry point, checked."""

    rails: "list[Rail]"
    factors: "list[type[Factor]]"
    guards: "list[Guard]"


def claim_of(entry_point: EntryPoint) -> EntryPointClaim:
    """The claim to an entry point, read from the metadata of its distribution without importing anything of it."""
    if entry_point.dist is None:
        return EntryPointClaim(entry_point.name, load=entry_point.load)
    try:
        metadata = entry_point.dist.metadata  # read and parsed at each access
        (distribution,), (version,) = metadata.get_all("Name", []), metadata.get_all("Version", [])
        requires = tuple(metadata.get_all("Requires-Dist", []))
        return EntryPointClaim(entry_point.name, distribution, version, requires, entry_point.load)
    except Exception as failure:
        log.debug("the metadata of %r cannot be read", entry_point.name, exc_info=failure)
        return EntryPointClaim(entry_point.name, load=_unreadable)


def _unreadable() -> object:
    raise BrokenRail("has metadata that cannot be read, so it may not fit this riel")


@contextlib.contextmanager
def contained(claim: EntryPointClaim) -> Iterator[None]:
    """Run a package's own code: what it prints goes to stderr, and any exception becomes a :class:`RefusedClaim`."""
    update = f"Update {claim.distribution or 'it'}, or uninstall it; RIEL_LOG=debug riel rails shows where it fails."
    try:
        with stdout_to_stderr():
            yield
    except (KeyboardInterrupt, RefusedClaim):
        raise
    except Misconfigured as failure:
        raise RefusedClaim(claim, str(failure), "Correct it in the environment or in riel.toml.") from failure
    except BrokenRail as failure:
        raise RefusedClaim(claim, f"{claim.name!r} of {claim} {failure}", update) from failure
    except BaseException as failure:
        log.debug("%r of %s failed", claim.name, claim, exc_info=failure)
        raise RefusedClaim(claim, f"{claim.name!r} of {claim} {_describe(failure)}", update) from failure


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything printed meanwhile to stderr, because stdout carries the protocol or ``--json``."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, AttributeError):  # a process may have been started without them
            sys.stdout.flush()
            saved = os.dup(1)
            stack.callback(os.close, saved)
            os.dup2(2, 1)
            stack.callback(os.dup2, saved, 1)
            if sys.__stdout__ is not None:
                stack.callback(sys.__stdout__.flush)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def _describe(failure: BaseException) -> str:
    """Describe a failure without risking a secret: most exceptions are named by class, file and line only."""
    if isinstance(failure, SystemExit):
        return "called sys.exit"
    if isinstance(failure, pluggy.PluginValidationError) and (hook := re.match(r"unknown hook '(\w+)'", str(failure))):
        near = difflib.get_close_matches(hook[1], HOOKS, n=1, cutoff=0)
        return f"has a hook {hook[1]!r}, which does not exist; did you mean {near[0]}?"
    kind = type(failure).__name__
    if isinstance(failure, ImportError | SyntaxError | AttributeError | pluggy.PluginValidationError):
        return f"failed with {kind}: {clean_text(str(failure))}"
    place = traceback.extract_tb(failure.__traceback__)[-1]
    return f"failed with {kind} in {Path(place.filename).name}, line {place.lineno}"


def contributions_of(claim: EntryPointClaim, riel_version: str) -> Contributions:
    """Load one entry point and check what it contributes.

    Each entry point has a plugin manager of its own: pluggy stops loading a group at the first broken entry point, and
    a hook of one package must not be able to answer for another's.

    :raises BrokenRail: the fault, as the end of a sentence about the package. The package may raise anything else.
    """
    if not NAME.fullmatch(claim.name) or claim.name in RESERVED:
        raise BrokenRail("is misnamed: a name is one word of a-z and 0-9, 20 characters at most, and not a setting's")
    if bounds := unmet_bounds(claim.requires, riel_version):
        raise BrokenRail(f"needs riel {bounds}, and this is riel {riel_version}: install versions that fit each other")
    host = pluggy.PluginManager(hookspecs.PROJECT)
    host.add_hookspecs(hookspecs)
    host.register(claim.load(), name=claim.name)
    host.check_pending()
    contributions = Contributions(
        rails=_results_of(host.hook.riel_rails),
        factors=_results_of(host.hook.riel_factors),
        guards=_results_of(host.hook.riel_guards),
    )
    if not (contributions.rails or contributions.factors or contributions.guards):
        raise BrokenRail("offers nothing: no function of it is marked with @riel.hookimpl, or it yields nothing")
    for rail in contributions.rails:
        if not isinstance(rail, Rail):
            raise BrokenRail(f"yields {type(rail).__name__} where a riel.Rail belongs")
        if rail.name != claim.name:
            raise BrokenRail(f"brings a rail of another name, {rail.name!r}: a rail is named like its entry point")
        if faults := validate(rail):
            raise BrokenRail("; ".join(faults))
    if len(contributions.rails) > 1:
        raise BrokenRail("brings its rail more than once")
    for factor in contributions.factors:
        _refuse_without(
            factor, "factor", ("name", "sandbox_only", "dynamic_linking", "open", "ask", "check", "is_replay")
        )
    for guard in contributions.guards:
        _refuse_without(guard, "guard", ("name", "check"))
    return contributions


def _results_of(hook: Any) -> list[Any]:
    results: list[Any] = []
    for result in hook():
        if not isinstance(result, Iterable):
            raise BrokenRail(f"returns {type(result).__name__} from {hook.name}: it must yield, or return a list")
        results += islice(result, MAX_RESULTS)
    return results


def _refuse_without(thing: object, what: str, attributes: tuple[str, ...]) -> None:
    for attribute in attributes:
        if not hasattr(thing, attribute):
            raise BrokenRail(f"brings a {what} without {attribute!r}")
