"""Secrets: in a file that only its owner can read, or in the system's keyring with such a file that points at it.

Several processes may create the same secret at once; all of them end up with the same one.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar

from riel.errors import Misconfigured
from riel.file_permissions import private_file_problem

T = TypeVar("T")

SERVICE = "riel"
PATIENCE = timedelta(seconds=10)
"""How long a keyring may take. A locked keyring waits until somebody unlocks it."""

KEY_BYTES = 32
MAX_PRIVATE_FILE = 100_000


class MissingKey(Misconfigured):
    """The server's key is lost, damaged or another one: nothing can be confirmed or sent without it."""


@dataclass(frozen=True, slots=True)
class ServerKey:
    """One version of the server's key, 32 bytes. Rows name it by its ``id``."""

    value: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """A hash by which two servers can compare their keys. It reveals nothing of the key."""
        return hashlib.sha256(b"riel server key\0" + self.value).hexdigest()[:32]

    def derived(self, purpose: str) -> bytes:
        """The 32 bytes of one purpose (HKDF-Expand, RFC 5869): those of another purpose cannot be told from them."""
        return _derived(self.value, purpose)


@cache
def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\x01", "sha256")


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The versions of the server's key: the one in use, and older ones, under which rows were written."""

    current: ServerKey
    older: Mapping[str, ServerKey] = field(default_factory=dict)

    def of(self, key_id: str) -> ServerKey | None:
        """The version that rows name ``key_id``; ``None`` if it is not here."""
        return self.current if key_id == self.current.id else self.older.get(key_id)

    @classmethod
    def choose(cls, versions: Sequence[ServerKey], key_id: str) -> "ServerKeys | None":
        """The versions of a file, of which ``key_id`` is in use; ``None`` if it is not among them."""
        known = {key.id: key for key in versions}
        current = known.pop(key_id, None)
        return None if current is None else cls(current, known)


def read_server_keys(folder: Path) -> tuple[ServerKey, ...]:
    """Read every version of the server's key in ``folder/server.key``, the newest first; empty if there is no file.

    :raises MissingKey: the file holds something that is no key.
    :raises Misconfigured: it can be read by others.
    """
    path = key_file(folder)
    try:
        text = _read(path)
        versions = [bytes.fromhex(line) for line in (text or "").split()]
    except ValueError:
        raise _damaged(path) from None
    if text is not None and (not versions or {len(value) for value in versions} != {KEY_BYTES}):
        raise _damaged(path)
    return tuple(map(ServerKey, versions))


def make_server_key(folder: Path, make: Callable[[int], bytes] = secrets.token_bytes) -> tuple[ServerKey, ...]:
    """Make ``folder/server.key`` if there is none, 32 bytes in hexadecimal, and read it.

    Never in the keyring: every process and container that shares the journal needs the same one.

    :raises Misconfigured: as :func:`read_server_keys`, or the file cannot be written.
    """
    while not (versions := read_server_keys(folder)):
        with suppress(FileExistsError):
            _write(key_file(folder), make(KEY_BYTES).hex(), replace=False)
    return versions


def add_server_key(folder: Path, make: Callable[[int], bytes] = secrets.token_bytes) -> ServerKeys:
    """Put a new version in front of those in ``folder/server.key``. A damaged file is set aside, and never removed.

    :raises Misconfigured: the file can be read by others, or cannot be written.
    """
    path = key_file(folder)
    try:
        older = read_server_keys(folder)
    except MissingKey:
        path.rename(path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}"))
        older = ()
    new = ServerKey(make(KEY_BYTES))
    _write(path, "\n".join(key.value.hex() for key in (new, *older)), replace=True)
    return ServerKeys(new, {key.id: key for key in older})


def key_file(folder: Path) -> Path:
    """The file with the versions of the server's key."""
    return folder / "server.key"


def _damaged(path: Path) -> MissingKey:
    return MissingKey(
        f"{path} is damaged: it has a line that is no key of 64 hexadecimal digits. Restore it from a backup; if there "
        "is none, run riel key replace"
    )


def store_secret(name: str, folder: Path, value: str, *, replace: bool = False, patience: timedelta = PATIENCE) -> str:
    """Store ``value``, in the keyring if there is a working one, and say where it is.

    Each value has an entry of its own in the keyring; the file decides which of two concurrent values counts.

    :param name: of letters, digits and hyphens; it becomes a file's name.
    :raises FileExistsError: a value is stored, and ``replace`` is false.
    :raises Misconfigured: the folder cannot be written.
    """
    path = folder / f"{name}.secret"
    if path.exists() and not replace:
        raise FileExistsError(path)
    before = _entry(path) if replace else None
    entry = f"{name}-{secrets.token_hex(8)}"
    in_keyring = _within(lambda: _store_in_keyring(entry, value), patience) is True
    try:
        _write(path, f"keyring:{entry}" if in_keyring else f"file:{value}", replace=replace)
    except BaseException:
        if in_keyring:
            _within(lambda: _keyring().delete_password(SERVICE, entry), patience)
        raise
    if before is not None:
        _within(lambda: _keyring().delete_password(SERVICE, before), patience)
    return "the system's keyring" if in_keyring else str(path)


def read_secret(name: str, folder: Path, *, patience: timedelta = PATIENCE) -> str | None:
    """The stored value, or ``None``.

    :raises Misconfigured: others can read the file, it is damaged, or the keyring does not hand the value over.
    """
    path = folder / f"{name}.secret"
    try:
        text = _read(path)
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is damaged: restore it from a backup, or run riel enroll --replace") from None
    if text is None:
        return None
    where, _, rest = text.partition(":")
    if where == "file":
        return rest
    value = _within(lambda: _keyring().get_password(SERVICE, rest), patience) if where == "keyring" else None
    if value is None:
        raise Misconfigured(
            f"the secret that {path} stands for is in the system's keyring, which does not hand it over: "
            f"unlock the keyring, or remove {path} and enroll anew"
        )
    return value


class _Keyring(Protocol):
    @property
    def priority(self) -> float: ...

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def _keyring() -> _Keyring:
    import keyring

    return keyring.get_keyring()


def _store_in_keyring(entry: str, value: str) -> bool:
    """Whether the keyring stores ``value`` and returns it. The backends fail, null and empty have no priority."""
    ring = _keyring()
    if ring.priority <= 0:
        return False
    ring.set_password(SERVICE, entry, value)
    return ring.get_password(SERVICE, entry) == value


def _entry(path: Path) -> str | None:
    """The keyring's entry that the file at ``path`` stands for, if it does."""
    with suppress(OSError, ValueError):
        where, _, entry = path.read_text("ascii").partition(":")
        return entry.strip() if where == "keyring" else None
    return None


def _within(work: Callable[[], T], patience: timedelta) -> T | None:
    """The result of ``work``, or ``None`` if it failed or took too long. Its daemon thread does not delay the exit."""
    answers: SimpleQueue[T | None] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(work())
        except Exception:
            answers.put(None)

    Thread(target=run, name="riel-keyring", daemon=True).start()
    try:
        return answers.get(timeout=patience.total_seconds())
    except Empty:
        return None


def read_private_file(path: Path, setting: str) -> bytes:
    """Read a key file that an operator's setting names: 100,000 bytes of it at most.

    The error shows neither the path nor its cause: somebody may have put the key itself where its path belongs.

    :param setting: the name of the setting, as it stands in the error.
    :raises Misconfigured: the file cannot be read, or ``riel.file_permissions`` objects to it.
    """
    try:
        with path.open("rb") as file:
            if (problem := private_file_problem(os.fstat(file.fileno()))) is not None:
                raise Misconfigured(f"{setting} is a file that {problem}")
            return file.read(MAX_PRIVATE_FILE)
    except OSError as failure:
        raise Misconfigured(f"{setting} is not the path of a file that can be read: {failure.strerror}") from None
    except ValueError:  # a path with a null character
        raise Misconfigured(f"{setting} is not the path of a file that can be read") from None


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            if (problem := private_file_problem(os.fstat(file.fileno()))) is not None:
                raise Misconfigured(f"{path} {problem}")
            return file.read().decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as failure:
        raise Misconfigured(f"{path} cannot be read: {failure.strerror}") from failure


def _write(path: Path, text: str, *, replace: bool) -> None:
    """Write ``text`` to ``path`` durably and whole, or not at all. A hard link cannot replace an existing file."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            fresh.replace(path)
        else:
            path.hardlink_to(fresh)
        sync_folder(path.parent)
    except OSError as failure:
        if isinstance(failure, FileExistsError) and path.exists():
            raise
        raise Misconfigured(f"{path} cannot be written: {failure.strerror}") from failure
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut. Windows has no need of it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
