"""A journal in a PostgreSQL of our own, as the suite of the promises and an intruder reach it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from tests.support.postgres import Postgres

from riel.journal import Journal
from riel.journal.postgres import PostgresJournal
from riel.journal.row_mac import RowMac
from riel.testing.keys import SERVER_KEYS

T = TypeVar("T")


STUCK = "FROM pg_stat_activity WHERE application_name = 'riel' AND wait_event_type = 'Lock'"
"""Statements of the journal's that wait for somebody's lock."""

PATIENCE = 120.0
"""Seconds after which a wait has failed."""


async def until(happened: Callable[[], Awaitable[T]]) -> T:
    """The first answer that is not empty: a database tells no event of ours."""
    async with asyncio.timeout(PATIENCE):
        while not (answer := await happened()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return answer


class PostgresSchema:
    """One journal in one schema (or database) of a server."""

    def __init__(self, server: Postgres, url: str) -> None:
        self.server = server
        self.url = url

    async def open(self) -> Journal:
        return await self.leased(timedelta(seconds=10))

    async def leased(self, lease: timedelta) -> PostgresJournal:
        """A handle whose owner is believed to live for so long."""
        return await PostgresJournal.open(self.url, RowMac(SERVER_KEYS), lease=lease)

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """The rows of the last statement, run beside the journal."""
        return [tuple(row) for row in self.server.run(self.url, *statements)]

    async def says(self, question: str) -> bool:
        """Whether the answer to a question of SQL is yes."""
        ((answer,),) = await asyncio.to_thread(self.run, question)
        return bool(answer)

    def tamper(self, *statements: str) -> None:
        in_postgres = [re.sub(r"\bx'([0-9a-f]*)'", r"'\\x\1'::bytea", statement) for statement in statements]
        self.run("SET session_replication_role = replica", *in_postgres)
