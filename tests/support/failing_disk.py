"""A disk that fails when it is told to: the n-th call that SQLite makes of it, or every call from there on."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import apsw

UNIX = ""

_names = count()


@dataclass
class FailingDisk:
    """``calls`` are those that were made. From ``fails_at`` on (or only there, ``once``) each one fails."""

    fails_at: int | None = None
    once: bool = False
    full: bool = False
    failed: int = 0
    calls: list[str] = field(default_factory=list)
    _still: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def met(self, call: str) -> Iterator[None]:
        """Around each call, one at a time."""
        with self._still:
            self._meet(call)
            yield

    def copied(self, path: Path, to: Path) -> Path:
        """The file and its journal as they are at this instant: what would be left if the process were killed."""
        to.mkdir()
        with self._still:
            for file in (path, path.with_name(path.name + "-journal")):
                if file.exists():
                    shutil.copy(file, to)
        return to / path.name

    def _meet(self, call: str) -> None:
        """A call is about to be made. A full disk refuses what takes room; a broken one refuses everything."""
        number = len(self.calls)
        self.calls.append(call)
        if self.fails_at is None or number < self.fails_at or (self.full and call.split()[0] not in {"write", "open"}):
            return
        self.failed += 1
        if self.once:
            self.fails_at = None
        if call.startswith("open"):
            raise apsw.CantOpenError("no file can be opened")
        raise apsw.FullError("the disk is full") if self.full else apsw.IOError("input/output error")

    def recover(self) -> None:
        """From here on it works."""
        self.fails_at = None


class _FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._kind = "journal" if str(name if isinstance(name, str) else name.filename()).endswith("-journal") else "db"
        with disk.met(f"open {self._kind}"):
            super().__init__(UNIX, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # SQLite's names
        with self._disk.met(f"write {self._kind}"):
            super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        with self._disk.met(f"truncate {self._kind}"):
            super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        with self._disk.met(f"sync {self._kind}"):
            super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        with self._disk.met(f"read {self._kind}"):
            return super().xRead(amount, offset)


class _FailingVfs(apsw.VFS):
    def __init__(self, name: str, disk: FailingDisk) -> None:
        self._disk = disk
        super().__init__(name, UNIX)

    def xOpen(self, name: Any, flags: list[int]) -> _FailingFile:  # noqa: N802
        return _FailingFile(self._disk, name, flags)


@contextmanager
def failing_vfs(disk: FailingDisk) -> Iterator[str]:
    """The name of a VFS whose files are on ``disk``."""
    vfs = _FailingVfs(name := f"disk-{next(_names)}", disk)
    try:
        yield name
    finally:
        vfs.unregister()
