"""Opening the database: the settings without which a commit may be lost, and the migrations."""

import logging
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from riel.errors import Misconfigured
from riel.journal.postgres.pool import ConnectionPool
from riel.journal.postgres.sessions import FAILURES
from riel.redaction import Redactor

T = TypeVar("T")

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
REQUIRED_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")
ISOLATION = "read committed"
"""A transaction that waited for a lock must see what was committed meanwhile, and no older snapshot."""
SESSION_SETTINGS = {
    "application_name": "riel",
    "statement_timeout": "0",  # a commit that is cancelled may or may not be kept
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "30s",  # a process that is stopped must not keep a lock for ever
    "default_transaction_isolation": ISOLATION,
    "jit": "off",  # it would compile for longer than any statement here runs
}
STRONGER_COMMITS = frozenset({"on", "remote_apply"})

HAS_SCHEMA_TABLE = "SELECT to_regclass(quote_ident(current_schema()) || '.riel_schema') IS NOT NULL"
COUNT_TABLES = (
    "SELECT count(*) FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
)
LOCK_MIGRATIONS = "SELECT pg_advisory_xact_lock(hashtextextended('riel migrations ' || current_schema(), 0))"
SELECT_STANDBYS = (
    "SELECT count(*) AS there, count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS waited_for "
    "FROM pg_stat_replication"
)


class Database:
    """Where the journal is: connects to it, and speaks of it without its password."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._place = f"postgresql://{parts.hostname or ''}{parts.path}"
        given = parse_qs(parts.query).get("password", [])
        self._redactor = Redactor([*given, parts.password or "", unquote(parts.password or "")])

    async def connect(self) -> Any:
        """One connection, as the server sets it up."""
        return await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT, server_settings=SESSION_SETTINGS)

    async def connect_heartbeat(self) -> Any:
        """Open the connection of the heartbeat. Its writes are repeated, so they need not wait for a disk."""
        connection = await self.connect()
        await connection.execute("SET synchronous_commit = off")
        return connection

    async def open_pool(self, most: int, commits: str) -> ConnectionPool:
        """Connections for the verbs, each with the settings that keep what was committed."""
        needed = {"synchronous_commit": commits, "default_transaction_isolation": ISOLATION}

        async def connect() -> Any:
            settings = {**SESSION_SETTINGS, **needed}
            connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT, server_settings=settings)
            for name, value in needed.items():
                in_force = await connection.fetchval(f"SHOW {name}")
                if in_force != value:
                    await connection.close()
                    raise Misconfigured(f"RIEL_JOURNAL: {self._place} runs with {name}={in_force}: {MAY_LOSE}")
            return connection

        pool = ConnectionPool(connect, most)
        async with pool.connection():  # a wrong setting is reported at the start
            return pool

    async def prepare(self, *, make: bool) -> str:
        """Refuse what loses payments, and bring the tables up to date; the ``synchronous_commit`` to use.

        :param make: whether the tables may be made where there are none.
        :raises Misconfigured: one sentence that names the setting.
        """
        connection = await self.connect()
        try:
            commits = await self._refuse_unsafe_settings(connection)
            await _warn_of_standbys(connection)
            await self._migrate(connection, make)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT)
        return commits

    async def refuse_unusable(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` returns.

        :raises Misconfigured: the database cannot be used.
        """
        try:
            return await work()
        except (*FAILURES, ValueError) as failure:  # asyncpg refuses a URL in its own way
            said = self._redactor.text(str(failure) or type(failure).__name__).splitlines()[0].rstrip(".")
            # Not `from failure`: what asyncpg tells of a connection may hold what must not be seen.
            raise Misconfigured(f"RIEL_JOURNAL: {self._place} cannot be used as a journal: {said}.") from None

    async def _refuse_unsafe_settings(self, connection: Any) -> str:
        for name in REQUIRED_SETTINGS:
            in_force = await connection.fetchval(f"SHOW {name}")
            if in_force == "off":
                raise Misconfigured(f"RIEL_JOURNAL: {self._place} runs with {name}=off: {MAY_LOSE}")
        commits: str = in_force
        return commits if commits in STRONGER_COMMITS else "on"

    async def _migrate(self, connection: Any, make: bool) -> None:
        scripts = migrations()
        async with connection.transaction():
            if await connection.fetchval("SELECT current_schema()") is None:
                raise Misconfigured(f"RIEL_JOURNAL: {self._place} has no schema to write to: set its search_path.")
            if make:
                await connection.execute(LOCK_MIGRATIONS)
            version = 0
            if await connection.fetchval(HAS_SCHEMA_TABLE):
                version = await connection.fetchval("SELECT coalesce(max(version), 0) FROM riel_schema")
            elif await connection.fetchval(COUNT_TABLES):
                raise Misconfigured(
                    f"RIEL_JOURNAL: {self._place} has the tables of another program; choose another database or schema."
                )
            elif not make:
                raise Misconfigured(f"RIEL_JOURNAL: there is no journal at {self._place}; riel serve makes one")
            else:
                await connection.execute("CREATE TABLE riel_schema (version BIGINT NOT NULL PRIMARY KEY)")
            if not make and version < len(scripts):
                older = f"was written by an older riel (schema {version}): start riel serve."
                raise Misconfigured(f"RIEL_JOURNAL: {self._place} {older}")
            if version > len(scripts):
                newer = f"was written by a newer riel (schema {version}); upgrade riel."
                raise Misconfigured(f"RIEL_JOURNAL: {self._place} {newer}")
            for number, script in enumerate(scripts[version:], version + 1):
                await connection.execute(script)
                await connection.execute("INSERT INTO riel_schema (version) VALUES ($1)", number)


MAY_LOSE = "it may lose payments."


@cache
def schema_version() -> int:
    """The newest schema that this riel knows."""
    return len(migrations())


def migrations() -> list[str]:
    """The numbered scripts, in order."""
    folder = resources.files("riel.journal.postgres") / "migrations"
    return [
        file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".sql")
    ]


async def _warn_of_standbys(connection: Any) -> None:
    """A standby that nobody waits for lacks the newest payments, and would send them again once it takes over."""
    row = await connection.fetchrow(SELECT_STANDBYS)
    named = await connection.fetchval("SHOW synchronous_standby_names")
    if row["there"] and not row["waited_for"] and not named:
        log.warning(
            "the journal's database has standbys, and no commit waits for any of them: what was paid last may be lost "
            "when one takes over. Set synchronous_standby_names"
        )
