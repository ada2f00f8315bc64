"""The demo: payments with a pretend bank, by a real client and a real server, each step checked.

:func:`play` starts a pretend bank and ``riel serve --sandbox`` as child processes, in a temporary folder of their own
and with no setting of the user's, and hands over each step when it has happened. An unexpected result ends the demo.
"""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from riel.demo.environment import RAIL, DemoEnvironment
from riel.demo.script import play_audit, play_payments
from riel.demo.steps import DemoStep, UnexpectedResult
from riel.errors import Misconfigured
from riel.installed_packages import installed_packages

__all__ = ["DemoStep", "UnexpectedResult", "play"]

PATIENCE = timedelta(minutes=1)
"""How long all of it may take. It takes a few seconds."""


async def play(tell: Callable[[DemoStep], None], patience: timedelta = PATIENCE) -> None:
    """Play the whole story, giving each step to ``tell``.

    :raises UnexpectedResult: with the sentence that was not true.
    :raises Misconfigured: there is no pretend bank to play with.
    """
    if RAIL not in installed_packages().names:
        raise Misconfigured(f"riel demo plays with rail-{RAIL}, which is not installed")
    with tempfile.TemporaryDirectory(prefix="riel-demo-", ignore_cleanup_errors=True) as folder:
        stage = DemoEnvironment(Path(folder))
        try:
            async with asyncio.timeout(patience.total_seconds()), stage.bank():
                async with stage.server():
                    await play_payments(stage, tell)
                await play_audit(stage, tell)
        except BaseException as failure:
            reason = _innermost(failure)
            if isinstance(reason, UnexpectedResult) or not isinstance(reason, Exception):
                raise reason from None
            why = f"took longer than {patience}" if isinstance(reason, TimeoutError) else f"broke off ({reason!r:.200})"
            raise UnexpectedResult(f"the story {why}. {stage.server_log()}".strip()) from failure


def _innermost(failure: BaseException) -> BaseException:
    """What went wrong, out of the groups that the client's tasks put around it."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
