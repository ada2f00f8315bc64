"""Installed packages become rails, and what is wrong with the others is said plainly.

Two steps. :func:`discover` imports each entry point of the group ``riel`` on its own and checks what it declares; no
setting is needed for that. :func:`offer` resolves each rail's settings and mode. Whatever a package does wrong is a
:class:`Trouble` of its own and stops no other; only one that the allow-list names stops the start. (So a guard that
must not be missing belongs on the allow-list.)
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from riel import __version__
from riel.catalog.discovery import EntryPointClaim, RailProblem, RefusedClaim, claim_of, contained, contributions_of
from riel.catalog.validation import validate
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Mode, Rail, RailSettings
from riel.rail.guarantees import Guarantees

if TYPE_CHECKING:
    from riel.confirm.factor import Factor
    from riel.guards import Guard

GROUP = "riel"

__all__ = ["ActiveRail", "Catalog", "DeclaredRail", "Discovery", "RailProblem", "activate", "discover", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRail:
    """A rail that keeps its contract, before any setting is known."""

    rail: Rail
    distribution: str
    version: str
    entry_point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRail(DeclaredRail):
    """A rail that can be used: its settings, where its money is, and what it promises with these settings."""

    settings: RailSettings = field(repr=False)
    mode: Mode
    guarantees: Guarantees

    @property
    def payer(self) -> str:
        """Whose money leaves."""
        return self.settings.payer


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What the installed packages declare, sorted by name. ``named`` is the allow-list, where there is one."""

    rails: tuple[DeclaredRail, ...]
    factors: "tuple[type[Factor], ...]"
    guards: "tuple[Guard, ...]"
    problems: tuple[RailProblem, ...]
    named: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What is offered, and what is not, sorted by name."""

    rails: tuple[ActiveRail, ...]
    factors: "tuple[type[Factor], ...]"
    guards: "tuple[Guard, ...]"
    problems: tuple[RailProblem, ...]


def discover(
    installed: Iterable[EntryPoint] | None = None,
    *,
    only: Collection[str] | None = None,
    riel_version: str = __version__,
) -> Discovery:
    """What the installed packages declare.

    :param installed: entry points of the group ``riel``; those of the environment, unless given.
    :param only: the allow-list of entry points; what is not on it is never imported.
    """
    claims: dict[str, list[EntryPointClaim]] = defaultdict(list)
    for entry_point in entry_points(group=GROUP) if installed is None else installed:
        if only is None or entry_point.name in only:
            claims[entry_point.name].append(claim_of(entry_point))
    problems = [_not_installed(name) for name in set(only or ()) - set(claims)]
    rails: list[DeclaredRail] = []
    factors: list[tuple[EntryPointClaim, type[Factor]]] = []
    guards: list[Guard] = []
    for name in sorted(claims):
        try:
            claim = _only_claim(sorted(claims[name], key=str))
            with contained(claim):
                brought = contributions_of(claim, riel_version)
        except RefusedClaim as refused:
            problems.append(refused.trouble)
            continue
        rails += [
            DeclaredRail(rail=rail, distribution=claim.distribution, version=claim.version, entry_point=name)
            for rail in brought.rails
        ]
        factors += [(claim, factor) for factor in brought.factors]
        guards += brought.guards
    return Discovery(
        rails=tuple(rails),
        factors=tuple(_unrivalled(factors, problems)),
        guards=tuple(sorted(guards, key=lambda guard: guard.name)),
        problems=tuple(sorted(problems)),
        named=frozenset(only or ()),
    )


def activate(found: Discovery, resolve: Callable[[Rail], tuple[RailSettings, Mode]], *, insist: bool = True) -> Catalog:
    """What can be used, each rail with its settings.

    :param resolve: a rail's settings and mode, as ``config.resolving`` finds them.
    :param insist: whether a problem of something on the allow-list stops the start.
    :raises Misconfigured: one sentence a line, for each of those.
    """
    rails: list[ActiveRail] = []
    problems = list(found.problems)
    for declared in found.rails:
        rail, distribution, version = declared.rail, declared.distribution, declared.version
        try:
            with contained(EntryPointClaim(declared.entry_point, distribution, version)):
                settings, mode = resolve(rail)
                guarantees = rail.guarantees if isinstance(rail.guarantees, Guarantees) else rail.guarantees(settings)
                if not isinstance(guarantees, Guarantees):
                    raise BrokenRail("declares no guarantees")
                rails.append(
                    ActiveRail(
                        rail=rail,
                        distribution=distribution,
                        version=version,
                        entry_point=declared.entry_point,
                        settings=settings,
                        mode=mode,
                        guarantees=guarantees,
                    )
                )
        except RefusedClaim as refused:
            problems.append(refused.trouble)
    problems.sort()
    stopping = [f"{trouble.sentence}. {trouble.remedy}" for trouble in problems if trouble.entry_point in found.named]
    if insist and stopping:
        raise Misconfigured("\n".join(stopping))
    return Catalog(rails=tuple(rails), factors=found.factors, guards=found.guards, problems=tuple(problems))


def _not_installed(name: str) -> RailProblem:
    remedy = f"Install what brings it (rail-{name}, perhaps), or do not name it."
    return RefusedClaim(EntryPointClaim(name), f"{name!r} is not installed", remedy).trouble


def _only_claim(claims: list[EntryPointClaim]) -> EntryPointClaim:
    """The one claim to a name: where two distributions claim it, neither is imported."""
    claim, *rivals = claims
    if not rivals:
        return claim
    together = EntryPointClaim(
        claim.name, ", ".join(c.distribution for c in claims), ", ".join(c.version for c in claims)
    )
    raise RefusedClaim(together, f"{claim.name!r} is offered by {_and(claims)}, so by nobody", _uninstall_one(claims))


def _unrivalled(
    factors: "list[tuple[EntryPointClaim, type[Factor]]]", problems: list[RailProblem]
) -> "Iterator[type[Factor]]":
    """The factors whose name only one of them has; the others become problems."""
    named: dict[str, list[tuple[EntryPointClaim, type[Factor]]]] = defaultdict(list)
    for claim, factor in factors:
        named[factor.name].append((claim, factor))
    for name in sorted(named):
        claims = [claim for claim, _ in named[name]]
        if len(claims) == 1:
            yield named[name][0][1]
            continue
        sentence = f"the factor {name!r} is offered by {_and(claims)}, so by nobody"
        problems += [RefusedClaim(claim, sentence, _uninstall_one(claims)).trouble for claim in claims]


def _and(claims: list[EntryPointClaim]) -> str:
    return " and ".join(map(str, claims))


def _uninstall_one(claims: list[EntryPointClaim]) -> str:
    return f"Uninstall one: {', or '.join(f'pip uninstall {claim.distribution}' for claim in claims)}."
