"""The code as one line of JSON on stderr, for sandboxes: stdout belongs to the protocol."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from riel.confirm.bound_code import OwnCodes, code_for
from riel.confirm.factor import ConfirmationRequest, FactorContext
from riel.confirm.factors.file import deliver, line

STDERR = 2


@dataclass(frozen=True, slots=True)
class Console(OwnCodes):
    """Writes ``{"paymentId","code","text","createdAt"}`` to the server's stderr."""

    name: ClassVar[str] = "console"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    @classmethod
    def open(cls, setup: FactorContext) -> "Console":
        """It is always ready."""
        return cls(setup.key)

    async def ask(self, asked: ConfirmationRequest) -> str:
        """Write the line.

        To the descriptor and not to ``sys.stderr``, which may be replaced; on a thread, because a pipe that nobody
        reads blocks.

        :raises NotConfirmed: it could not be written, so nobody was asked.
        """
        await asyncio.to_thread(deliver, STDERR, line(asked, code_for(self.key, asked)))
        return "A six-digit code for exactly this payment was written to the server's stderr."
