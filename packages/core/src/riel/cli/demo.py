"""``riel demo``: the main job in a few seconds, with pretend money, told step by step and checked."""

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riel.cli.json_output import print_json

if TYPE_CHECKING:
    from riel.demo import DemoStep


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the story.")] = False,
) -> None:
    """Watch a pretend payment from beginning to end.

    Nothing of yours is used or touched. The exit code is 1 where something was not as told.
    """
    if not (_document() if as_json else _story()):
        raise typer.Exit(1)


def _document() -> bool:
    """All that was asked and answered, as JSON on stdout; whether it was as told."""
    from riel import __version__
    from riel.demo import UnexpectedResult, play

    steps: list[DemoStep] = []
    problem = None
    try:
        asyncio.run(play(steps.append))
    except UnexpectedResult as failure:
        problem = str(failure)
    document: dict[str, Any] = {
        "riel": __version__,
        "asTold": problem is None,
        "problem": problem,
        "steps": [{"n": n, **asdict(step)} for n, step in enumerate(steps, 1)],
        "ledger": steps[-1].response if problem is None else None,
    }
    print_json(document)
    return problem is None


def _story() -> bool:
    """The story while it happens; whether it was as told."""
    from riel.cli.demo_output import DemoOutput
    from riel.demo import UnexpectedResult, play

    telling = DemoOutput(sys.stdout)
    try:
        asyncio.run(play(telling.step))
    except UnexpectedResult as failure:
        telling.failed(str(failure))
        return False
    telling.end()
    return True
