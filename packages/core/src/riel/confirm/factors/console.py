"""The factor ``console``: it writes each code to stderr, for sandboxes. Stdout belongs to the protocol."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from riel.confirm.bound_code import BoundCodeFactor, code_for
from riel.confirm.factor import ConfirmationRequest, FactorContext
from riel.confirm.factors.file import code_line, write_whole

STDERR = 2


@dataclass(frozen=True, slots=True)
class ConsoleFactor(BoundCodeFactor):
    """Writes ``{"paymentId","code","text","createdAt"}`` to the server's stderr."""

    name: ClassVar[str] = "console"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    @classmethod
    def open(cls, context: FactorContext) -> "ConsoleFactor":
        """Open it; nothing can be missing."""
        return cls(context.key)

    async def ask(self, request: ConfirmationRequest) -> str:
        """Write the line.

        To the descriptor and not to ``sys.stderr``, which may be replaced; on a thread, because a pipe that nobody
        reads blocks.

        :raises NotConfirmed: the line could not be written, so nobody was asked.
        """
        await asyncio.to_thread(write_whole, STDERR, code_line(request, code_for(self.key, request)))
        return "A six-digit code for exactly this payment was written to the server's stderr."
