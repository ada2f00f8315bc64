"""Secrets: in a file that only its owner can read, or in the system's keyring with such a file that points at it.

Several processes may create the same secret at once; all of them end up with the same one.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO, Protocol, TypeVar

from riel.errors import Misconfigured

T = TypeVar("T")

SERVICE = "riel"
PATIENCE = timedelta(seconds=10)
"""How long a keyring may take. A locked keyring waits until somebody unlocks it."""

KEY_BYTES = 32
MAX_PRIVATE_FILE = 100_000


def server_key(folder: Path, make: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """The server's own key, 32 bytes, made at the first use and kept as hexadecimal in ``folder/server.key``.

    Never in the keyring: every process and container that shares the journal needs the same one.

    :raises Misconfigured: the file can be read by others, or is no key, or cannot be made.
    """
    path = folder / "server.key"
    while (text := _read(path)) is None:
        with suppress(FileExistsError):
            _write(path, make(KEY_BYTES).hex(), replace=False)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{path} is not a key of 64 hexadecimal digits: restore it, or remove it to have one made")
    return key


def fingerprint(key: bytes) -> str:
    """A hash by which two servers can compare their keys. It reveals nothing of the key."""
    return hashlib.sha256(b"riel server key\0" + key).hexdigest()[:32]


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

    :raises Misconfigured: others can read the file, or the keyring does not hand the value over.
    """
    path = folder / f"{name}.secret"
    text = _read(path)
    if text is None:
        return None
    where, _, rest = text.partition(":")
    if where == "file":
        return rest
    value = _within(lambda: _keyring().get_password(SERVICE, rest), patience) if where == "keyring" else None
    if value is None:
        raise Misconfigured(
            f"the secret that {path} stands for is in the system's keyring, which does not hand it over: "
            "unlock the keyring, or run riel enroll --replace"
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

    As ssh does, a file of our own that others may read is refused. A file of another owner is how orchestrators mount
    secrets, and its modes are theirs to choose. The error shows neither the path nor its cause: somebody may have put
    the key itself where its path belongs.

    :param setting: the name of the setting, as it stands in the error.
    :raises Misconfigured: the file cannot be read, or others can read it.
    """
    try:
        with path.open("rb") as file:
            if _others_can_read(file, of_any_owner=False):
                raise Misconfigured(f"{setting} is a file that others can read: run chmod 600 on it")
            return file.read(MAX_PRIVATE_FILE)
    except OSError as failure:
        raise Misconfigured(f"{setting} is not the path of a file that can be read: {failure.strerror}") from None
    except ValueError:  # a path with a null character
        raise Misconfigured(f"{setting} is not the path of a file that can be read") from None


def _others_can_read(file: BinaryIO, *, of_any_owner: bool) -> bool:
    """Ask the open file and not its name, which may stand for another file by now."""
    if os.name != "posix":
        return False
    held = os.fstat(file.fileno())
    return bool(held.st_mode & 0o077) and (of_any_owner or held.st_uid == os.getuid())


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            if _others_can_read(file, of_any_owner=True):
                raise Misconfigured(f"{path} can be read by others: run chmod 600 {path}")
            return file.read().decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as failure:
        raise Misconfigured(f"{path} cannot be read: {failure.strerror}") from failure
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is damaged: restore it, or remove it to have one made") from None


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
        if os.name == "posix":
            _sync(path.parent)
    except OSError as failure:
        if isinstance(failure, FileExistsError) and path.exists():
            raise
        raise Misconfigured(f"{path} cannot be written: {failure.strerror}") from failure
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
