"""Turn installed packages into rails, and say plainly what is wrong with the others.

There are two steps. :func:`discover` imports each entry point of the group ``riel`` on its own and checks what it
declares; it needs no setting. :func:`activate` resolves each rail's settings and mode. A package's fault is a
:class:`RailProblem` of its own and stops no other package; only a package that the allow-list names stops the start.
A guard that must not be missing therefore belongs on the allow-list.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Literal

from riel import __version__
from riel.catalog.discovery import (
    START_LIMIT,
    EntryPointClaim,
    RailProblem,
    RefusedClaim,
    claim_of,
    contained,
    contributions_of,
)
from riel.catalog.names import look_alike_names, look_alike_titles, tool_name_problems
from riel.catalog.validation import guarantee_faults, text_fault, validate
from riel.errors import BrokenRail, Misconfigured
from riel.installed_packages import Installed, installed_packages
from riel.rail import Mode, Rail, RailSettings
from riel.rail.guarantees import Guarantees
from riel.text import did_you_mean

if TYPE_CHECKING:
    from riel.confirm.factor import Factor
    from riel.guards import Guard

CALL_LIMIT = timedelta(seconds=2)
"""How long code of a rail that does not wait may take, such as a validator or ``prepare``. It takes milliseconds."""

MAX_PAYER = 200

__all__ = [
    "ActiveRail",
    "Catalog",
    "DeclaredRail",
    "Discovery",
    "Part",
    "RailProblem",
    "activate",
    "discover",
    "validate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRail:
    """A rail that keeps its contract, before any setting is known."""

    declaration: Rail
    distribution: str
    version: str
    entry_point: str


@dataclass(slots=True)
class Suspension:
    """Why the code of a rail that does not wait is no longer run in this process; no ``reason`` while it is."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRail(DeclaredRail):
    """A rail that can be used. Each value that its own code computes is read once, when the rail is activated.

    :param mode: where its money is.
    :param guarantees: what it promises with these settings.
    :param call_limit: how long its code that does not wait may take at a time.
    :param payer: the account whose money leaves, by a name that stays when a key is rotated.
    :param payer_label: the same as approvers read it.
    :param tool_prefix: what the names of its own tools begin with.
    :param suspension: why its code that does not wait is no longer run here.
    """

    settings: RailSettings = field(repr=False)
    mode: Mode
    guarantees: Guarantees
    call_limit: timedelta = CALL_LIMIT
    payer: str = field(init=False)
    payer_label: str = field(init=False)
    tool_prefix: str = field(init=False)
    suspension: Suspension = field(default_factory=Suspension, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        payer, label, prefix = self.settings.payer, self.settings.payer_label, self.settings.rail_tool_prefix
        for name, text in (("payer", payer), ("payer_label", label)):
            if not text or text_fault(text, MAX_PAYER):
                raise BrokenRail(f"has settings whose {name} is not one line of visible text")
        if not isinstance(prefix, str | None):
            raise BrokenRail("has settings whose rail_tool_prefix is no text")
        object.__setattr__(self, "payer", payer)
        object.__setattr__(self, "payer_label", label)
        object.__setattr__(self, "tool_prefix", f"{self.declaration.name}_" if prefix is None else prefix)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """A factor or a guard of an installed package, or a package (``kind=""``) that the allow-list leaves out."""

    kind: Literal["factor", "guard", ""]
    name: str
    distribution: str
    version: str
    entry_point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Everything that the installed packages declare, sorted by name. ``allow_list`` is empty where there is none.

    :param parts: the factors and guards with their packages.
    :param left_out: the packages that are installed and not on the allow-list. They were not imported, so nobody knows
        what they bring: a rail, or a guard that is missed.
    """

    rails: tuple[DeclaredRail, ...]
    factors: "tuple[type[Factor], ...]"
    guards: "tuple[Guard, ...]"
    problems: tuple[RailProblem, ...]
    allow_list: frozenset[str]
    parts: tuple[Part, ...] = ()
    left_out: tuple[Part, ...] = ()


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
    within: timedelta = START_LIMIT,
) -> Discovery:
    """Import every entry point on its own, and collect what the packages declare.

    It is called before an event loop runs, so that a package may use one of its own while it is imported.

    :param installed: entry points of the group ``riel``; those of the environment, unless given.
    :param only: the allow-list of entry points; what is not on it is never imported.
    :param within: how long each may take.
    """
    packages = installed_packages() if installed is None else Installed(tuple(installed))
    claims: dict[str, list[EntryPointClaim]] = defaultdict(list)
    left_out: list[Part] = []
    for entry_point in packages.entry_points:
        if only is None or entry_point.name in only:
            claims[entry_point.name].append(claim_of(entry_point))
        else:
            left_out.append(_part("", entry_point.name, claim_of(entry_point)))
    problems = [_not_installed(name, packages.names) for name in set(only or ()) - set(claims)]
    if only is None or problems:
        problems += map(_unreadable_package, packages.unreadable)
    alike = look_alike_names(claims)
    rails: list[DeclaredRail] = []
    factors: list[tuple[EntryPointClaim, str, type[Factor]]] = []
    guards: list[tuple[str, Guard]] = []
    parts: list[Part] = []
    for name in sorted(claims):
        try:
            claim = _only_claim(sorted(claims[name], key=str))
            if name in alike:
                raise _looks_like(claim, alike[name])
            with contained(claim, within):
                contributions = contributions_of(claim, riel_version)
        except RefusedClaim as refused:
            problems.append(refused.problem)
            continue
        rails += [
            DeclaredRail(declaration=rail, distribution=claim.distribution, version=claim.version, entry_point=name)
            for rail in contributions.rails
        ]
        factors += [(claim, *named) for named in contributions.factors]
        guards += contributions.guards
        parts += [_part("factor", factor, claim) for factor, _ in contributions.factors]
        parts += [_part("guard", guard, claim) for guard, _ in contributions.guards]
    return Discovery(
        rails=tuple(_uniquely_titled(rails, problems)),
        factors=tuple(_unique_factors(factors, problems)),
        guards=tuple(guard for _, guard in sorted(guards, key=lambda named: named[0])),
        problems=tuple(sorted(problems)),
        allow_list=frozenset(only or ()),
        parts=tuple(sorted(parts)),
        left_out=tuple(sorted(left_out)),
    )


def _part(kind: Literal["factor", "guard", ""], name: str, claim: EntryPointClaim) -> Part:
    return Part(kind=kind, name=name, distribution=claim.distribution, version=claim.version, entry_point=claim.name)


def activate(
    discovery: Discovery,
    resolve: Callable[[Rail], tuple[RailSettings, Mode]],
    *,
    insist: bool = True,
    within: timedelta = START_LIMIT,
) -> Catalog:
    """Give each rail its settings, its mode and its guarantees, and read once what its settings compute.

    :param resolve: gives a rail's settings and mode; ``config.settings_resolver`` makes one.
    :param insist: whether a problem of a package on the allow-list stops the start.
    :param within: how long each rail's code may take.
    :raises Misconfigured: one line for each such problem.
    """
    rails: list[ActiveRail] = []
    problems = list(discovery.problems)
    for declared in discovery.rails:
        rail, distribution, version = declared.declaration, declared.distribution, declared.version
        try:
            with contained(_claim_of(declared), within):
                settings, mode = resolve(rail)
                guarantees = rail.guarantees if isinstance(rail.guarantees, Guarantees) else rail.guarantees(settings)
                if faults := [*guarantee_faults(rail, guarantees)]:
                    raise BrokenRail("; ".join(faults))
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
    names = [declared.declaration.name for declared in discovery.rails]
    misnamed = dict(tool_name_problems([(rail.declaration, rail.tool_prefix) for rail in rails], names))
    for active in [active for active in rails if active.declaration.name in misnamed]:
        remedy = f"Set another prefix, or uninstall {active.distribution}."
        problems.append(_refused(_claim_of(active), misnamed[active.declaration.name], remedy))
        rails.remove(active)
    problems.sort()
    blocking = [
        f"{problem.sentence}. {problem.remedy}" for problem in problems if problem.entry_point in discovery.allow_list
    ]
    if insist and blocking:
        raise Misconfigured("\n".join(blocking))
    return Catalog(rails=tuple(rails), factors=discovery.factors, guards=discovery.guards, problems=tuple(problems))


def _not_installed(name: str, known: Iterable[str]) -> RailProblem:
    """A name that no package has. No package is proposed: a name that was misspelt may be anybody's on an index."""
    sentence = f"{name!r} is not installed{did_you_mean(name, known)}"
    return RefusedClaim(
        EntryPointClaim(name), sentence, "Correct the name, or install the package that brings it."
    ).problem


def _unreadable_package(folder: str) -> RailProblem:
    sentence = f"the entry points in {folder} cannot be read, so nobody can tell whether it brings a rail"
    return RailProblem(
        entry_point="", distribution=folder, version="", sentence=sentence, remedy="Reinstall or remove it."
    )


def _claim_of(declared: DeclaredRail) -> EntryPointClaim:
    return EntryPointClaim(declared.entry_point, declared.distribution, declared.version)


def _refused(claim: EntryPointClaim, sentence: str, remedy: str) -> RailProblem:
    return RefusedClaim(claim, f"{claim.name!r} of {claim} {sentence}", remedy).problem


def _looks_like(claim: EntryPointClaim, others: Collection[str]) -> RefusedClaim:
    named = " and ".join(map(repr, sorted(others)))
    sentence = f"{claim.name!r} of {claim} can be taken for {named}, so none of them is offered"
    return RefusedClaim(claim, sentence, "Uninstall the wrong one, or name the right one in RIEL_RAILS.")


def _uniquely_titled(rails: list[DeclaredRail], problems: list[RailProblem]) -> Iterator[DeclaredRail]:
    """The rails whose title cannot be taken for another rail's; the others become problems."""
    alike = look_alike_titles([rail.declaration for rail in rails])
    for declared in rails:
        name = declared.declaration.name
        if name not in alike:
            yield declared
            continue
        sentence = f"declares the title {declared.declaration.title!r}, which can be taken for the rail {alike[name]!r}"
        problems.append(
            _refused(_claim_of(declared), sentence, f"Uninstall {declared.distribution}, or the other one.")
        )


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
    factors: "list[tuple[EntryPointClaim, str, type[Factor]]]", problems: list[RailProblem]
) -> "Iterator[type[Factor]]":
    """The factors whose name is theirs alone; the others become problems, and riel's own keep their names."""
    from riel.confirm import FACTORS  # for nothing where no package brings a factor

    by_name: dict[str, list[tuple[EntryPointClaim, type[Factor]]]] = defaultdict(list)
    for claim, name, factor in factors:
        by_name[name].append((claim, factor))
    for name in sorted(by_name):
        claims = [claim for claim, _ in by_name[name]]
        if name in FACTORS:
            sentence = f"brings a factor {name!r}, which is the name of riel's own: it is not used"
            problems += [_refused(claim, sentence, _uninstall_one([claim])) for claim in claims]
        elif len(claims) == 1:
            yield by_name[name][0][1]
        else:
            sentence = f"the factor {name!r} is offered by {_join(claims)}, so by nobody"
            problems += [RefusedClaim(claim, sentence, _uninstall_one(claims)).problem for claim in claims]


def _join(claims: list[EntryPointClaim]) -> str:
    return " and ".join(map(str, claims))


def _uninstall_one(claims: list[EntryPointClaim]) -> str:
    commands = ", or ".join(f"pip uninstall {claim.distribution}" for claim in claims)
    return f"Uninstall {'one' if claims[1:] else 'it'}: {commands}."
