"""Load one entry point at a time, so that the fault of one package stays its own."""

import contextlib
import difflib
import logging
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
import pydantic

from riel import hookspecs
from riel.catalog.validation import validate
from riel.catalog.versions import unmet_bounds
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Rail
from riel.text import clean_text
from riel.time_limit import TimeLimitExceeded, time_limit

if TYPE_CHECKING:
    from riel.confirm.factor import Factor
    from riel.guards import Guard

NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
RESERVED = frozenset({"answer", "factor", "notifications"})
"""Names whose ``RIEL_<NAME>_*`` are settings of our own."""

HOOKS = ("riel_rails", "riel_factors", "riel_guards")
FACTOR_ATTRIBUTES = ("name", "sandbox_only", "dynamic_linking", "open", "ask", "check", "is_replay")
GUARD_ATTRIBUTES = ("name", "check")
MAX_RESULTS = 100
"""The most that one hook may yield: a generator that never ends must not hold up the start."""

START_LIMIT = timedelta(seconds=10)
"""How long the code of one package may take at the start, for its import and again with its settings."""

_CALLERS = tuple(Path(module.__file__ or "").parent for module in (hookspecs, pluggy, pydantic))

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
    module: str = ""
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
    """The rails of one entry point, and its factors and guards by name, checked."""

    rails: "list[Rail]"
    factors: "list[tuple[str, type[Factor]]]"
    guards: "list[tuple[str, Guard]]"


def claim_of(entry_point: EntryPoint) -> EntryPointClaim:
    """The claim to an entry point, read from the metadata of its distribution without importing anything of it."""
    if entry_point.dist is None:
        return EntryPointClaim(entry_point.name, module=entry_point.module, load=entry_point.load)
    try:
        metadata = entry_point.dist.metadata  # read and parsed at each access
        (distribution,), (version,) = metadata.get_all("Name", []), metadata.get_all("Version", [])
        requires = tuple(metadata.get_all("Requires-Dist", []))
        return EntryPointClaim(entry_point.name, distribution, version, requires, entry_point.module, entry_point.load)
    except Exception as failure:
        log.debug("the metadata of %r cannot be read", entry_point.name, exc_info=failure)
        return EntryPointClaim(entry_point.name, load=_unreadable)


def _unreadable() -> object:
    raise BrokenRail("has metadata that cannot be read, so it may not fit this riel")


@contextlib.contextmanager
def contained(claim: EntryPointClaim, within: timedelta = START_LIMIT) -> Iterator[None]:
    """Run a package's own code for ``within`` at most.

    What it prints goes to stderr.

    :raises RefusedClaim: it raised any exception, or took too long.
    """
    update = (
        f"Correct it, if it is yours; update {claim.distribution or 'it'}, or uninstall it, if it is not. "
        "RIEL_LOG=debug riel rails shows where it fails."
    )
    try:
        with stdout_to_stderr(), time_limit(within):
            yield
    except (KeyboardInterrupt, RefusedClaim):
        raise
    except Misconfigured as failure:
        raise RefusedClaim(claim, str(failure), "Correct it in the environment or in riel.toml.") from failure
    except BrokenRail as failure:
        raise RefusedClaim(claim, f"{claim.name!r} of {claim} {failure}", update) from failure
    except TimeLimitExceeded as failure:
        place = _place(failure.__cause__ or failure)
        sentence = f"{claim.name!r} of {claim} took longer than {within.total_seconds():g} s at the start, in {place}"
        raise RefusedClaim(claim, sentence, update) from failure
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
    return f"failed with {kind} in {_place(failure)}"


def _place(failure: BaseException) -> str:
    """The innermost line of the package's own code in a traceback, or else the innermost of all."""
    frames = traceback.extract_tb(failure.__traceback__)
    own = [frame for frame in frames if _is_a_packages(frame.filename)] or frames
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}"


def _is_a_packages(filename: str) -> bool:
    """Whether a frame is of a package that contributes: not of Python, of riel, or of what calls its functions."""
    path = Path(filename)
    libraries = {"site-packages", "dist-packages"} & set(path.parts)
    standard = path.is_relative_to(sysconfig.get_path("stdlib")) and not libraries
    return path.is_absolute() and not standard and not any(map(path.is_relative_to, _CALLERS))


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
    rails = _results_of(host.hook.riel_rails)
    factors = _results_of(host.hook.riel_factors)
    guards = _results_of(host.hook.riel_guards)
    if not (rails or factors or guards):
        raise BrokenRail("offers nothing: no function of it is marked with @riel.hookimpl, or it yields nothing")
    for rail in rails:
        if not isinstance(rail, Rail):
            raise BrokenRail(f"yields {type(rail).__name__} where a riel.Rail belongs")
        if rail.name != claim.name:
            raise BrokenRail(f"brings a rail of another name, {rail.name!r}: a rail is named like its entry point")
        if faults := [*validate(rail), *_docs_faults(rail, claim.module)]:
            raise BrokenRail("; ".join(faults))
    if len(rails) > 1:
        raise BrokenRail("brings its rail more than once")
    return Contributions(
        rails=rails,
        factors=[(_name_of(factor, "factor", FACTOR_ATTRIBUTES), factor) for factor in factors],
        guards=[(_name_of(guard, "guard", GUARD_ATTRIBUTES), guard) for guard in guards],
    )


def _results_of(hook: Any) -> list[Any]:
    results: list[Any] = []
    for result in hook():
        if not isinstance(result, Iterable):
            raise BrokenRail(f"returns {type(result).__name__} from {hook.name}: it must yield, or return a list")
        results += islice(result, MAX_RESULTS)
    return results


def _name_of(thing: object, what: str, attributes: tuple[str, ...]) -> str:
    """The name of a factor or guard that has all of ``attributes``. It is read once: it may be a property."""
    for attribute in attributes:
        if not hasattr(thing, attribute):
            raise BrokenRail(f"brings a {what} without {attribute!r}")
    name = getattr(thing, "name")  # noqa: B009 (nothing is known of its type)
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise BrokenRail(f"brings a {what} whose name is not one word of a-z and 0-9, 20 characters at most")
    return name


def _docs_faults(rail: Rail, module: str) -> Iterator[str]:
    """Pages that are not part of the package: an agent would read whatever folder is named."""
    if not rail.docs:
        return
    package = _package_folder(sys.modules.get(module.partition(".")[0]))
    folder = Path(rail.docs).resolve()
    pages = (page.resolve() for page in folder.rglob("*.md"))
    if package is None or not all(path.is_relative_to(package) for path in (folder, *pages)):
        yield "declares docs outside of its own package: an agent can read every page there"


def _package_folder(package: ModuleType | None) -> Path | None:
    """The folder of a package; ``None`` for a single module, whose folder is everybody's."""
    paths = list(getattr(package, "__path__", ()))
    return Path(paths[0]).resolve() if paths else None
