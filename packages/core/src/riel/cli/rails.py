"""``riel rails``: what is installed, what of it is offered, and what to do about the rest."""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from riel.catalog import Catalog, DeclaredRail, Discovery, Part, RailProblem, activate, discover
from riel.cli.json_output import AsJson, print_json
from riel.config import (
    Settings,
    likely_secrets,
    read_settings,
    settings_resolver,
    unlisted_packages_problem,
    unread_file,
)
from riel.rail import Mode, Rail
from riel.rail.guarantees import Capability
from riel.redaction import Redactor, configure_log
from riel.text import clean_text

WIDE = 160
"""Columns of a table that goes into a file or a pipe."""

HINT = "A rail that is off may still run against its pretend bank: riel serve --sandbox"


def rails(as_json: AsJson = False) -> None:
    """List the rails that are installed, and what is wrong with the others.

    The exit code is 2 where a rail that the configuration names cannot be offered.
    """
    settings = read_settings()
    configure_log(Redactor(likely_secrets(settings)), settings.log)
    discovery = discover(only=settings.rails)
    catalog = activate(discovery, settings_resolver(settings), insist=False)
    unlisted = unlisted_packages_problem(settings)
    if as_json:
        print_json(_listing(discovery, catalog, settings) | ({"notLive": unlisted} if unlisted else {}))
    else:
        _show(discovery, catalog, settings)
        if unlisted:
            sys.stdout.write(f"problem: {unlisted}\n")
    if unlisted or any(problem.entry_point in discovery.allow_list for problem in catalog.problems):
        raise typer.Exit(2)


def tools_of(rail: Rail) -> list[str]:
    """The names of a rail's tools, as an agent sees them where no setting gives its own another prefix."""
    names = [*Rail.tool_suffixes, *[Rail.search_tool] * bool(rail.docs), *(tool.name for tool in rail.tools)]
    return [f"{rail.name}_{name}" for name in names]


def _listing(discovery: Discovery, catalog: Catalog, settings: Settings) -> dict[str, Any]:
    modes = _modes(catalog)
    return {
        "settings": None if settings.file is None else str(settings.file),
        "rails": [_rail(declared, modes.get(declared.declaration.name)) for declared in discovery.rails],
        "problems": [_problem(problem) for problem in catalog.problems],
        "parts": [_part(part, why) for part, why in _parts(discovery, settings.factor)],
    }


def _parts(discovery: Discovery, factor: str | None) -> Iterator[tuple[Part, str]]:
    """Each factor, guard and package that is left out, and why it is not in force; empty where it is."""
    for part in discovery.parts:
        is_idle = part.kind == "factor" and part.name != factor
        yield part, f"RIEL_FACTOR={part.name} would choose it" if is_idle else ""
    yield from ((part, "RIEL_RAILS does not name it") for part in discovery.left_out)


def _part(part: Part, why: str) -> dict[str, Any]:
    return {
        "kind": part.kind or "unknown",
        "name": part.name,
        "distribution": part.distribution,
        "version": part.version,
        "entryPoint": part.entry_point,
        "inForce": not why,
        "reason": why,
    }


def _rail(declared: DeclaredRail, mode: Mode | None) -> dict[str, Any]:
    rail = declared.declaration
    return {
        "name": rail.name,
        "title": rail.title,
        "currencies": list(rail.currencies),
        "mode": mode,
        "offered": mode is not None,
        "distribution": declared.distribution,
        "version": declared.version,
        "entryPoint": declared.entry_point,
        "tools": tools_of(rail),
        "capabilities": {
            "status": _capability(rail.capabilities.status),
            "refund": _capability(rail.capabilities.refund),
            "partialRefund": _capability(rail.capabilities.partial_refund),
            "statement": _capability(rail.capabilities.statement),
        },
    }


def _capability(capability: Capability) -> dict[str, Any]:
    return {"able": capability.available, "reason": capability.reason, "forGood": capability.permanent}


def _problem(problem: RailProblem) -> dict[str, str]:
    return {
        "entryPoint": problem.entry_point,
        "distribution": problem.distribution,
        "version": problem.version,
        "sentence": problem.sentence,
        "remedy": problem.remedy,
    }


def _modes(catalog: Catalog) -> dict[str, Mode]:
    return {rail.declaration.name: rail.mode for rail in catalog.rails}


def _show(discovery: Discovery, catalog: Catalog, settings: Settings) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    modes = _modes(catalog)
    if not discovery.rails and not catalog.problems:
        console.print("No rail is installed.")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="dim")
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("title")
    table.add_column("currency")
    table.add_column("mode", no_wrap=True)
    table.add_column("distribution", overflow="fold")
    table.add_column("version", no_wrap=True)
    table.add_column("tools", no_wrap=True)
    for declared in discovery.rails:
        rail, mode = declared.declaration, modes.get(declared.declaration.name)
        table.add_row(
            rail.name,
            Text(clean_text(rail.title)),
            "\n".join(rail.currencies),
            Text(mode or "off", style={"live": "bold red", None: "dim"}.get(mode, "green")),
            Text(declared.distribution),
            Text(declared.version),
            "\n".join(tools_of(rail)),
        )
    if discovery.rails:
        console.print(table)
    for part, why in _parts(discovery, settings.factor):
        brought = f"{part.kind or 'package'} {part.name} of {part.distribution} {part.version}:"
        state = ("not in force", "bold") if why else ("in force", "green")
        console.print(Text.assemble(clean_text(brought), " ", state, f" ({why})" if why else ""), soft_wrap=True)
    for problem in catalog.problems:
        parts = (("problem: ", "bold red"), (f"{problem.sentence}.", "bold"), f" {problem.remedy}")
        console.print(Text.assemble(*parts), soft_wrap=True)
    if any(declared.declaration.sandbox and declared.declaration.name not in modes for declared in discovery.rails):
        console.print(HINT, style="dim")
    console.print(Text(f"The settings come from {settings.source}.", style="dim"), soft_wrap=True)
    if (unread := unread_file(settings)) is not None:
        console.print(Text(f"{unread} is not read: name it in RIEL_CONFIG if it should be.", style="bold"))
