"""``riel <rail> <table>``: what an installed rail shows, such as its list of banks."""

import sys
from collections.abc import Callable, Mapping

import typer

from riel.catalog import discover
from riel.cli.json_output import AsJson, print_json
from riel.config import configured_settings, likely_secrets, read_settings
from riel.errors import Misconfigured
from riel.installed_packages import installed_packages
from riel.rail import CliTable, Rail
from riel.redaction import Redactor, configure_log
from riel.text import clean_text

MAX_CELL = 1000


def tables_of(name: str) -> typer.Typer | None:
    """The commands of the installed rail of that name, which alone is imported; ``None`` where there is none.

    :raises Misconfigured: it may not be used here, it is broken, or it shows nothing.
    """
    if name not in installed_packages().names:
        return None
    settings = read_settings()
    configure_log(Redactor(likely_secrets(settings)), settings.log)
    if settings.rails is not None and name not in settings.rails:
        raise Misconfigured(f"{name!r} is not on RIEL_RAILS, so it is not imported.")
    discovery = discover(only=[name])
    for problem in discovery.problems:
        raise Misconfigured(f"{problem.sentence}. {problem.remedy}")
    rail = next((declared.declaration for declared in discovery.rails), None)
    if rail is None or not rail.tables:
        raise Misconfigured(f"{name!r} shows no tables. What it is: riel rails")
    app = typer.Typer(name=name, help=f"What {clean_text(rail.title)} shows.", no_args_is_help=True)
    app.callback()(lambda: None)  # so that one command is a command of its own, too
    for table in sorted(rail.tables):
        app.command(table, help=f"Show the {table} of {clean_text(rail.title)}.")(_command(rail, table))
    return app


def _command(rail: Rail, name: str) -> Callable[..., None]:
    def show(as_json: AsJson = False) -> None:
        told = _build(rail, name, configured_settings(rail, read_settings()))
        if as_json:
            print_json([dict(zip(told.columns, row, strict=True)) for row in told.rows])
        else:
            _print(told)

    return show


def _build(rail: Rail, name: str, known: Mapping[str, str]) -> CliTable:
    """The table, each text in it cleaned.

    :raises Misconfigured: a setting is wrong, or the rail is: what its exception says may hold a secret.
    """
    try:
        table = rail.tables[name](known)
    except Misconfigured:
        raise
    except (Exception, SystemExit) as failure:
        raise Misconfigured(f"the rail {rail.name!r} failed to make {name!r} ({type(failure).__name__}).") from failure
    if not _is_table(table):
        raise Misconfigured(f"the rail {rail.name!r} makes a table {name!r} whose rows do not fit its columns.")
    return CliTable(
        title=clean_text(table.title),
        columns=tuple(map(clean_text, table.columns)),
        rows=tuple(tuple(clean_text(cell, MAX_CELL) for cell in row) for row in table.rows),
    )


def _is_table(table: object) -> bool:
    """Whether it is a table of texts, each column of another name and each row as long as they are."""
    if not (isinstance(table, CliTable) and isinstance(table.columns, tuple) and isinstance(table.rows, tuple)):
        return False
    lines = (table.columns, *table.rows)
    texts = all(isinstance(line, tuple) and all(isinstance(cell, str) for cell in line) for line in lines)
    return (
        texts
        and isinstance(table.title, str)
        and len(set(map(clean_text, table.columns))) == len(table.columns)
        and all(len(row) == len(table.columns) for row in table.rows)
    )


def _print(table: CliTable) -> None:
    from riel.cli.tables import bare_table, print_parts

    sys.stdout.write(f"{table.title}\n")
    shown = bare_table()
    for column in table.columns:
        shown.add_column(column, overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    print_parts(shown)
