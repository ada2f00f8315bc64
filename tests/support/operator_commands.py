"""Who runs commands at an installation."""

import asyncio
import json
import os
from dataclasses import dataclass

from .bank_process import BankProcess
from .processes import ForkServer
from .server import Installation


@dataclass
class Operator:
    """Who runs commands at an installation."""

    fork_server: ForkServer
    home: Installation
    bank: BankProcess

    async def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of ``riel`` with ``arguments``."""
        process = self.fork_server.start(*arguments, env=self.home.env(self.bank) | env, folder=self.home.folder)
        process.hang_up()
        with os.fdopen(process.stdout, "rb", closefd=False) as out:
            printed = await asyncio.to_thread(out.read)
        code = await process.ended(within=300)
        said = process.errors.read_text("utf-8")
        assert "Traceback" not in said, said
        return code, printed.decode(), said

    async def recover(self, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
        """Exit code, and what each payment that was looked at was and is."""
        code, out, _ = await self.run("recover", "--json", *arguments)
        return code, [(one["before"], one["state"]) for one in json.loads(out)["looked"]]
