"""``riel <rail> <table>``: what an installed rail shows, such as its list of banks."""

import sys
from collections.abc import Callable, Mapping

import typer

from riel.catalog import discover
from riel.cli.for_machines import AsJson, print_json
from riel.config import known_settings, read_settings
from riel.errors import Misconfigured
from riel.rail import Rail, Table
from riel.text import said


def tables_of(name: str) -> typer.Typer | None:
    """The commands of the installed rail of that name, or ``None`` where there is none that shows anything."""
    rail = next((declared.rail for declared in discover().rails if declared.rail.name == name), None)
    if rail is None or not rail.tables:
        return None
    app = typer.Typer(name=name, help=f"What {said(rail.title)} shows.", no_args_is_help=True)
    app.callback()(lambda: None)  # so that one command is a command of its own, too
    for table in rail.tables:
        app.command(table, help=f"Show the {table} of {said(rail.title)}.")(_showing(rail, table))
    return app


def _showing(rail: Rail, name: str) -> Callable[..., None]:
    def show(as_json: AsJson = False) -> None:
        told = _made(rail, name, known_settings(rail, read_settings()))
        if as_json:
            print_json([dict(zip(told.columns, row, strict=True)) for row in told.rows])
        else:
            _print(told)

    return show


def _made(rail: Rail, name: str, known: Mapping[str, str]) -> Table:
    table = rail.tables[name](known)
    if any(len(row) != len(table.columns) for row in table.rows):
        raise Misconfigured(f"the rail {rail.name!r} makes a table {name!r} whose rows do not fit its columns.")
    return table


def _print(table: Table) -> None:
    from riel.cli.tables import bare_table, printed

    sys.stdout.write(f"{said(table.title)}\n")
    shown = bare_table()
    for column in table.columns:
        shown.add_column(said(column))
    for row in table.rows:
        shown.add_row(*map(said, row))
    printed(shown)
