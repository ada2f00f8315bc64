"""A disk that loses unsynced data when the power is cut.

A :class:`DiskLog` lists what SQLite wrote, synced, truncated, created and removed, and what was acknowledged between.
A :class:`DiskReplay` plays it back up to any instant and makes an image of what may be found there after a power cut.
Of what was not synced each sector of 512 bytes, each truncation and each directory entry survives or does not.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
UNIX = ""
JOURNAL_KINDS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL

_names = count()

Key = tuple[str, str]
"""What was acknowledged: of which kind of rows, and whose."""


@dataclass(frozen=True, slots=True)
class FileOpen:
    """A file was opened. SQLite syncs the folder with the first sync of a journal that it may have made."""

    file: str
    with_folder: bool


@dataclass(frozen=True, slots=True)
class FileWrite:
    file: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FileTruncation:
    file: str
    size: int


@dataclass(frozen=True, slots=True)
class FileSync:
    file: str


@dataclass(frozen=True, slots=True)
class FileRemoval:
    """Unlinked, and the folder synced where SQLite asked for that."""

    file: str
    with_folder: bool


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody was told that there are at least so many rows of this kind."""

    key: Key
    rows: int


@dataclass
class DiskLog:
    """Everything that happened, in order."""

    played: list[Any] = field(default_factory=list)

    def told(self, kind: str, whose: str, rows: int) -> None:
        """An acknowledgement: after this, a power cut may not take it back."""
        self.played.append(Acknowledgement((kind, whose), rows))


class _RecordedFile(apsw.VFSFile):
    """A real file, whose calls are put on the log once they have returned."""

    def __init__(self, log: DiskLog, name: Any, flags: list[int]) -> None:
        super().__init__(UNIX, name, flags)
        self._log, self._name = log.played, _base(name)
        self._log.append(FileOpen(self._name, bool(flags[0] & JOURNAL_KINDS)))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # SQLite's name
        super().xWrite(data, offset)
        self._log.append(FileWrite(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._log.append(FileTruncation(self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._log.append(FileSync(self._name))


class _RecordedVfs(apsw.VFS):
    def __init__(self, name: str, log: DiskLog) -> None:
        self._log = log
        super().__init__(name, UNIX)

    def xOpen(self, name: Any, flags: list[int]) -> _RecordedFile:  # noqa: N802
        return _RecordedFile(self._log, name, flags)

    def xDelete(self, name: str, with_folder: bool) -> None:  # noqa: N802
        super().xDelete(name, with_folder)
        self._log.played.append(FileRemoval(_base(name), bool(with_folder)))


def _base(name: Any) -> str:
    return Path(name if isinstance(name, str) else name.filename()).name


@contextmanager
def recorded_vfs(log: DiskLog) -> Iterator[str]:
    """The name of a VFS that puts on ``log`` what goes through it."""
    name = f"power-{next(_names)}"
    vfs = _RecordedVfs(name, log)
    try:
        yield name
    finally:
        vfs.unregister()


@dataclass
class _Inode:
    safe: bytearray = field(default_factory=bytearray)
    pending: list[FileWrite | FileTruncation] = field(default_factory=list)


class DiskReplay:
    """What is safe, and what is not yet, at one instant of a log."""

    def __init__(self) -> None:
        self.facts: dict[Key, int] = {}
        self._safe: dict[str, _Inode] = {}
        self._pending: dict[str, list[_Inode | None]] = {}
        self._syncs_folder: set[str] = set()

    def play(self, step: Any) -> None:
        """Go one step on."""
        match step:
            case FileOpen(name, with_folder):
                if self._now(name) is None:
                    self._pending.setdefault(name, []).append(_Inode())
                if with_folder:
                    self._syncs_folder.add(name)
            case FileWrite(name) | FileTruncation(name):
                inode = self._now(name)
                assert inode is not None
                inode.pending.append(step)
            case FileSync(name):
                inode = self._now(name)
                assert inode is not None
                for each in inode.pending:
                    _do(inode.safe, each)
                inode.pending.clear()
                if name in self._syncs_folder:
                    self._syncs_folder.discard(name)
                    self._sync_folder()
            case FileRemoval(name, with_folder):
                self._pending.setdefault(name, []).append(None)
                if with_folder:
                    self._sync_folder()
            case Acknowledgement(key, rows):
                self.facts[key] = max(rows, self.facts.get(key, 0))

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files that are there once the power is back."""
        survives = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        image = {}
        for name in sorted({*self._safe, *self._pending}):
            entries = [self._safe.get(name), *self._pending.get(name, ())]
            inode = chance.choice(entries)
            if inode is not None:
                image[name] = _survivor(inode, survives, chance)
        return image

    def _now(self, name: str) -> _Inode | None:
        entries = self._pending.get(name)
        return entries[-1] if entries else self._safe.get(name)

    def _sync_folder(self) -> None:
        for name, entries in self._pending.items():
            inode = entries[-1]
            if inode is None:
                self._safe.pop(name, None)
            else:
                self._safe[name] = inode
        self._pending.clear()


def _do(content: bytearray, change: FileWrite | FileTruncation) -> None:
    match change:
        case FileWrite(_, at, data):
            if len(content) < at:
                content.extend(bytes(at - len(content)))
            content[at : at + len(data)] = data
        case FileTruncation(_, size):
            del content[size:]


def _survivor(inode: _Inode, survives: float, chance: random.Random) -> bytes:
    """The file with some of what was pending. It may have grown and hold rubbish where the data did not arrive."""
    content = bytearray(inode.safe)
    rubbish = chance.random() < 0.5
    for change in inode.pending:
        if isinstance(change, FileTruncation):
            if chance.random() < survives:
                _do(content, change)
            continue
        for piece in _sectors(change):
            end = piece.at + len(piece.data)
            if chance.random() < survives:
                _do(content, piece)
            elif rubbish and end > len(content):
                content.extend(chance.randbytes(end - len(content)))
    return bytes(content)


def _sectors(change: FileWrite) -> Iterator[FileWrite]:
    """A write, sector by sector."""
    at, data = change.at, change.data
    while data:
        room = SECTOR - at % SECTOR
        yield FileWrite(change.file, at, data[:room])
        at, data = at + room, data[room:]
