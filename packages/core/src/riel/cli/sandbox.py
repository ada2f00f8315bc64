"""``riel sandbox RAIL``: one rail's pretend bank alone, which outlives the servers that pay through it."""

import asyncio
import contextlib
import signal
import sys
from typing import Annotated

import typer

from riel.catalog import discover
from riel.config import configured_settings, likely_secrets, read_settings
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Sandbox
from riel.redaction import Redactor, configure_log

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For typer: options it does not know are settings of the bank."""


def sandbox(
    context: typer.Context,
    rail: Annotated[str, typer.Argument(help="The rail whose pretend bank it is.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The loopback port; 0 for one that is free.")] = 0,
) -> None:
    """Run one rail's pretend bank alone, until it is interrupted.

    The first line it prints is its address. Other options are settings of the bank: --dedupe no
    """
    from riel.sandbox import bank_of

    settings = read_settings()
    configure_log(Redactor(likely_secrets(settings)), settings.log)
    discovery = discover(only=[rail])
    for problem in discovery.problems:
        raise Misconfigured(f"{problem.sentence}. {problem.remedy}")
    for declared in discovery.rails:
        chosen = _settings(context.args)
        try:
            bank = bank_of(declared.declaration, {**configured_settings(declared.declaration, settings), **chosen})
        except BrokenRail as failure:
            raise Misconfigured(f"{rail!r} {failure}") from failure
        known = {
            **chosen,
            **{name: value for name, value in bank.settings.items() if value in chosen.values()},
        }
        rail_settings = {
            name: value for name, value in known.items() if name in declared.declaration.settings.model_fields
        }
        asyncio.run(_run(bank, rail, port, rail_settings))
        return
    raise Misconfigured(f"{rail!r} brings no rail")


def _settings(options: list[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value``, as they were given."""
    chosen: dict[str, str] = {}
    rest = iter(options)
    for option in rest:
        name, given, value = option.partition("=")
        field = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--") or not field.isidentifier() or field in chosen:
            raise Misconfigured(
                f"{name!r} cannot be understood here: settings of the bank are written --name value, once"
            )
        try:
            chosen[field] = value if given else next(rest)
        except StopIteration:
            raise Misconfigured(f"{name} needs a value") from None
    return chosen


async def _run(bank: Sandbox, rail: str, port: int, rail_settings: dict[str, str]) -> None:
    """Serve it until interrupted. ``rail_settings`` are the options that the rail's client is told too."""
    from riel.sandbox import serve_http, wrap

    async with serve_http(wrap(bank), port) as url:
        variables = {"BASE_URL": url, **{name.upper(): value for name, value in rail_settings.items()}}
        sys.stdout.write(f"{url}\n")
        sys.stdout.write(f"what it booked:   GET {url}/_sandbox/debits\n")
        sys.stdout.write(f'order a fault:    POST {url}/_sandbox/faults {{"kind": "lost"}}\n')
        sys.stdout.write("pay through it:  ")
        sys.stdout.writelines(f" RIEL_{rail.upper()}_{name}={value}" for name, value in variables.items())
        sys.stdout.write(" riel serve\n")
        sys.stdout.flush()
        await _interrupted()


async def _interrupted() -> None:
    interrupted = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # on Windows, Ctrl+C ends asyncio.run
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, interrupted.set)
    await interrupted.wait()
