"""The command line: one module for each group of commands, imported only when it is asked for.

A module named in ``COMMANDS`` has a function of the command's name, or a ``typer.Typer`` with several commands
(``riel payments list``), and ``CONTEXT`` for typer's context settings. ``serve`` parses
its own arguments, because importing typer would delay each start.
"""

import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from riel import __version__
from riel.errors import Misconfigured
from riel.text import escape_controls

if TYPE_CHECKING:
    import typer

COMMANDS = {
    "demo": ("riel.cli.demo", "Watch a pretend payment from beginning to end."),
    "serve": ("riel.cli.serve", "Serve the tools of every installed rail over MCP."),
    "rails": ("riel.cli.rails", "List the rails that are installed, and what is wrong with the others."),
    "payments": ("riel.cli.payments", "List payments, or show the whole life of one."),
    "freeze": ("riel.cli.freeze", "Stop all payments at once."),
    "thaw": ("riel.cli.freeze", "Let payments go on after riel freeze."),
    "recover": ("riel.cli.recover", "Find out what became of payments whose outcome is not known."),
    "restore": ("riel.cli.restore", "Declare that the journal was put back from a copy."),
    "key": ("riel.cli.key", "Replace the server's key, where it is lost or was seen."),
    "reconcile": ("riel.cli.reconcile", "Compare the journal with a rail's own list of a day."),
    "limits": ("riel.cli.limits", "Show each limit, what is used of it and what is left."),
    "audit": ("riel.cli.audit", "Verify that no recorded event was altered, removed or reordered, or export them."),
    "notifications": ("riel.cli.notifications", "See which notifications wait, or send one to try the receiver."),
    "enroll": ("riel.cli.enroll", "Set up the app that shows a person's codes."),
    "sandbox": ("riel.cli.sandbox", "Run one rail's pretend bank alone."),
}
"""The module of each command, and what ``riel --help`` says of it."""

MISCONFIGURED = 2


END_LIMIT = 2.0
"""The seconds that threads and exit handlers of installed packages may take after a command has ended."""


def run() -> NoReturn:
    """Run the command of this process, and end the process: no thread and no exit handler of a package keeps it."""
    code = 1
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        Thread(target=_end, args=(code,), name="riel-end", daemon=True).start()
    sys.exit(code)


def _end(code: int) -> None:
    time.sleep(END_LIMIT)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 where a setting or an argument is wrong, said on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _write_anything()
    if given == ["--version"]:
        sys.stdout.write(f"riel {__version__}\n")
        return 0
    try:
        if given[:1] == ["serve"]:
            from riel.cli.serve import serve

            return serve(given[1:])
        return _typed(given or ["--help"])
    except Misconfigured as failure:
        sys.stderr.writelines(f"riel: {escape_controls(sentence)}\n" for sentence in str(failure).split("\n"))
        return MISCONFIGURED
    except KeyboardInterrupt:
        return 130


def _write_anything() -> None:
    """Write what the terminal or pipe has no letter for as an escape: others' words must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # another file may have its descriptor by now, which cannot be asked for a position
                stream.reconfigure(errors="backslashreplace")


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
