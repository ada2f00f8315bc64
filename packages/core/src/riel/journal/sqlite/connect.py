"""Opening the file: the pragmas that make a commit survive a power cut, and the migrations."""

import errno
import os
import sqlite3
from datetime import timedelta
from functools import cache
from importlib import resources
from pathlib import Path

from riel.errors import Misconfigured
from riel.file_permissions import writable_file_problem
from riel.journal.errors import schema_changed

NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
BUSY_TIMEOUT = timedelta(seconds=30)

# TRUNCATE and EXTRA: Python's default (DELETE, FULL) loses an acknowledged commit in a power cut, because the directory
# is not synced after the journal is unlinked; WAL can be corrupted by two connections up to SQLite 3.51.2.
PRAGMAS = {
    "journal_mode": "truncate",
    "synchronous": "3",
    "foreign_keys": "1",
    "trusted_schema": "0",
    "fullfsync": "1",
    "temp_store": "2",
    "cache_size": "-16000",
}


def migrations() -> list[str]:
    """The numbered scripts, in order."""
    folder = resources.files("riel.journal.sqlite") / "migrations"
    return [
        file.read_text("utf-8") for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".sql")
    ]


@cache
def schema_version() -> int:
    """The newest schema that this riel knows."""
    return len(migrations())


def connect(path: Path, *, make: bool = True) -> sqlite3.Connection:
    """The file, 0600, with the pragmas in force and the newest schema.

    :param make: whether it may be made or brought up to date. Without it, a file that cannot be written is only read.
    :raises Misconfigured: it is not a journal, others can write it, it is newer than this riel, or a pragma is not in
        force.
    """
    try:
        if make:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)
        except OSError as failure:
            if make or failure.errno not in NOT_WRITABLE:
                raise
            return _connect_to_read(path)
        problem = writable_file_problem(os.fstat(descriptor), any_owner=True)
        os.close(descriptor)
        if problem is not None:
            raise Misconfigured(f"RIEL_JOURNAL: {path} {problem}")
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT.total_seconds(), isolation_level=None, cached_statements=256)
        try:
            db.row_factory = sqlite3.Row
            _apply_pragmas(db, path)
            _migrate(db, path, make=make)
        except BaseException:
            db.close()
            raise
    except (OSError, sqlite3.Error, UnicodeDecodeError) as failure:  # a damaged file's complaint may be no text
        raise Misconfigured(f"RIEL_JOURNAL: {path} cannot be used as a journal: {failure}.") from failure
    return db


def check_schema(db: sqlite3.Connection) -> None:
    """Refuse to write a row where a newer riel has brought the file up to date meanwhile.

    :raises JournalUnavailable: it has.
    """
    if db.execute("PRAGMA user_version").fetchone()[0] != schema_version():
        raise schema_changed()


def connect_reader(path: Path, timeout: timedelta = timedelta(0)) -> sqlite3.Connection:
    """Open the same file for reading. A read waits that long for a commit, and then fails."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=timeout.total_seconds(), isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def _apply_pragmas(db: sqlite3.Connection, path: Path) -> None:
    for name, value in PRAGMAS.items():
        db.execute(f"PRAGMA {name} = {value}")
        in_force = str(db.execute(f"PRAGMA {name}").fetchone()[0])
        if in_force != value:
            raise Misconfigured(f"RIEL_JOURNAL: {path.name} runs with {name}={in_force}, which may lose payments.")


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """A file on a file system, or with permissions, that let nobody write: a snapshot, a backup, a disk with errors."""
    db = connect_reader(path, timeout=BUSY_TIMEOUT)
    try:
        _migrate(db, path, make=False)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path, *, make: bool = True) -> None:
    scripts = migrations()
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version == len(scripts):
        return
    if not make and version < len(scripts):
        raise Misconfigured(
            f"RIEL_JOURNAL: {path.name} was written by an older riel (schema {version}): start riel serve."
        )
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(scripts):
        db.execute("ROLLBACK")
        raise Misconfigured(f"RIEL_JOURNAL: {path.name} was written by a newer riel (schema {version}); upgrade riel.")
    if not version and db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        db.execute("ROLLBACK")
        raise Misconfigured(f"RIEL_JOURNAL: {path.name} is the database of another program; choose another file.")
    for number, script in enumerate(scripts[version:], version + 1):
        for statement in statements(script):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")
    db.execute("COMMIT")


def statements(script: str) -> list[str]:
    """The statements of a script one by one, since ``executescript`` would commit between them."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
