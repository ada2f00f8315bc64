"""The command line: one module for each group of commands, imported only when it is asked for.

A module named in ``COMMANDS`` has a function of the command's name, or a ``typer.Typer`` with several commands
(``riel payments list``), and ``CONTEXT`` for typer's context settings. ``serve`` is apart: an agent's client
waits for it, and typer takes a tenth of a second, while argparse is there anyway.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from riel import __version__
from riel.errors import Misconfigured

if TYPE_CHECKING:
    import typer

COMMANDS = {
    "demo": ("riel.cli.demo", "Watch a pretend payment from beginning to end."),
    "serve": ("riel.cli.serve", "Serve the tools of every installed rail over MCP."),
    "rails": ("riel.cli.rails", "List the rails that are installed, and what is wrong with the others."),
    "payments": ("riel.cli.payments", "List payments, or show the whole life of one."),
    "recover": ("riel.cli.recover", "Find out what became of payments whose outcome is not known."),
    "reconcile": ("riel.cli.reconcile", "Compare the journal with a rail's own list of a day."),
    "limits": ("riel.cli.limits", "Show each limit, what is used of it and what is left."),
    "audit": ("riel.cli.audit", "Verify that no recorded event was altered, removed or reordered, or export them."),
    "notifications": ("riel.cli.notifications", "See which notifications wait, or send one to try the receiver."),
    "enroll": ("riel.cli.enroll", "Set up the app that shows a person's codes."),
    "sandbox": ("riel.cli.sandbox", "Run one rail's pretend bank alone."),
}
"""The module of each command, and what ``riel --help`` says of it."""

MISCONFIGURED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 where a setting or an argument is wrong, said on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        sys.stdout.write(f"riel {__version__}\n")
        return 0
    try:
        if given[:1] == ["serve"]:
            return _serve(given[1:])
        return _typed(given or ["--help"])
    except Misconfigured as failure:
        sys.stderr.writelines(f"riel: {sentence}\n" for sentence in str(failure).splitlines())
        return MISCONFIGURED
    except KeyboardInterrupt:
        return 130


def _serve(given: list[str]) -> int:
    options = argparse.ArgumentParser(prog="riel serve", description=COMMANDS["serve"][1], allow_abbrev=False)
    options.add_argument("--sandbox", action="store_true", help="pay pretend banks on this machine, and nobody else")
    options.add_argument("--read-only", action="store_true", help="offer no tool that changes anything")
    asked = options.parse_args(given)

    from riel.config import likely_secrets, read_settings
    from riel.redaction import Redactor, configure_log

    settings = read_settings()
    logs = Redactor(likely_secrets(settings))
    configure_log(logs, settings.log)
    import_module(COMMANDS["serve"][0]).run(settings, logs, sandbox=asked.sandbox, read_only=asked.read_only)
    return 0


def _typed(given: list[str]) -> int:
    """Run a command with typer. Only its own module is imported; the others lend their names to ``--help``."""
    import typer

    app = typer.Typer(
        name="riel",
        help="Any installed payment rail becomes three tools that an AI agent can call.",
        epilog="riel --version tells which riel this is.",
        add_completion=False,
        pretty_exceptions_enable=False,  # they print local variables, which may be secrets
    )
    if given[0] not in COMMANDS and not given[0].startswith("-"):
        from riel.cli.rail_tables import tables_of

        if (tables := tables_of(given[0])) is not None:
            app.add_typer(tables, name=given[0])
    for name, (module, promise) in COMMANDS.items():
        if given[0] == name:
            _add(app, name, import_module(module))
        else:
            app.command(name, help=promise)(lambda: None)
    try:
        app(given, prog_name="riel")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _add(app: "typer.Typer", name: str, module: ModuleType) -> None:
    import typer

    command = getattr(module, name)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name, context_settings=getattr(module, "CONTEXT", None))(command)
