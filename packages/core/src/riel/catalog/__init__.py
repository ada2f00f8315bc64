"""Turn installed packages into rails, and say plainly what is wrong with the others.

There are two steps. :func:`discover` imports each entry point of the group ``riel`` on its own and checks what it
declares; it needs no setting. :func:`activate` resolves each rail's settings and mode. A package's fault is a
:class:`RailProblem` of its own and stops no other package; only a package that the allow-list names stops the start.
A guard that must not be missing therefore belongs on the allow-list.
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

    declaration: Rail
    distribution: str
    version: str
    entry_point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRail(DeclaredRail):
    """A rail that can be used: its settings, its mode, and its guarantees with these settings."""

    settings: RailSettings = field(repr=False)
    mode: Mode
    guarantees: Guarantees

    @property
    def payer(self) -> str:
        """The account whose money leaves, by a name that stays when a key is rotated."""
        return self.settings.payer

    @property
    def payer_label(self) -> str:
        """The same as approvers read it."""
        return self.settings.payer_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Everything that the installed packages declare, sorted by name. ``allow_list`` is empty where there is none."""

    rails: tuple[DeclaredRail, ...]
    factors: "tuple[type[Factor], ...]"
    guards: "tuple[Guard, ...]"
    problems: tuple[RailProblem, ...]
    allow_list: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The rails, factors and guards that can be used, and the problems of the others, sorted by name."""

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
    """Import every entry point on its own, and collect what the packages declare.

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
                contributions = contributions_of(claim, riel_version)
        except RefusedClaim as refused:
            problems.append(refused.problem)
            continue
        rails += [
            DeclaredRail(declaration=rail, distribution=claim.distribution, version=claim.version, entry_point=name)
            for rail in contributions.rails
        ]
        factors += [(claim, factor) for factor in contributions.factors]
        guards += contributions.guards
    return Discovery(
        rails=tuple(rails),
        factors=tuple(_unique_factors(factors, problems)),
        guards=tuple(sorted(guards, key=lambda guard: guard.name)),
        problems=tuple(sorted(problems)),
        allow_list=frozenset(only or ()),
    )


def activate(
    discovery: Discovery, resolve: Callable[[Rail], tuple[RailSettings, Mode]], *, insist: bool = True
) -> Catalog:
    """Give each rail its settings, its mode and its guarantees.

    :param resolve: gives a rail's settings and mode; ``config.settings_resolver`` makes one.
    :param insist: whether a problem of a package on the allow-list stops the start.
    :raises Misconfigured: one line for each such problem.
    """
    rails: list[ActiveRail] = []
    problems = list(discovery.problems)
    for declared in discovery.rails:
        rail, distribution, version = declared.declaration, declared.distribution, declared.version
        try:
            with contained(EntryPointClaim(declared.entry_point, distribution, version)):
                settings, mode = resolve(rail)
                guarantees = rail.guarantees if isinstance(rail.guarantees, Guarantees) else rail.guarantees(settings)
                if not isinstance(guarantees, Guarantees):
                    raise BrokenRail("declares no guarantees")
                rails.append(
                    ActiveRail(
                        declaration=rail,
                        distribution=distribution,
                        version=version,
                        entry_point=declared.entry_point,
                        settings=settings,
                        mode=mode,
                        guarantees=guarantees,
                    )
                )
        except RefusedClaim as refused:
            problems.append(refused.problem)
    problems.sort()
    blocking = [
        f"{problem.sentence}. {problem.remedy}" for problem in problems if problem.entry_point in discovery.allow_list
    ]
    if insist and blocking:
        raise Misconfigured("\n".join(blocking))
    return Catalog(rails=tuple(rails), factors=discovery.factors, guards=discovery.guards, problems=tuple(problems))


def _not_installed(name: str) -> RailProblem:
    remedy = f"Install what brings it (rail-{name}, perhaps), or do not name it."
    return RefusedClaim(EntryPointClaim(name), f"{name!r} is not installed", remedy).problem


def _only_claim(claims: list[EntryPointClaim]) -> EntryPointClaim:
    """The only claim to a name. If two distributions claim it, neither is imported."""
    claim, *rivals = claims
    if not rivals:
        return claim
    together = EntryPointClaim(
        claim.name, ", ".join(c.distribution for c in claims), ", ".join(c.version for c in claims)
    )
    raise RefusedClaim(together, f"{claim.name!r} is offered by {_join(claims)}, so by nobody", _uninstall_one(claims))


def _unique_factors(
    factors: "list[tuple[EntryPointClaim, type[Factor]]]", problems: list[RailProblem]
) -> "Iterator[type[Factor]]":
    """The factors whose name is theirs alone; the others become problems."""
    by_name: dict[str, list[tuple[EntryPointClaim, type[Factor]]]] = defaultdict(list)
    for claim, factor in factors:
        by_name[factor.name].append((claim, factor))
    for name in sorted(by_name):
        claims = [claim for claim, _ in by_name[name]]
        if len(claims) == 1:
            yield by_name[name][0][1]
            continue
        sentence = f"the factor {name!r} is offered by {_join(claims)}, so by nobody"
        problems += [RefusedClaim(claim, sentence, _uninstall_one(claims)).problem for claim in claims]


def _join(claims: list[EntryPointClaim]) -> str:
    return " and ".join(map(str, claims))


def _uninstall_one(claims: list[EntryPointClaim]) -> str:
    return f"Uninstall one: {', or '.join(f'pip uninstall {claim.distribution}' for claim in claims)}."
