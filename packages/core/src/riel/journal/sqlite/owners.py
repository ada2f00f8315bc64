"""Which processes are alive: each holds a lock on a file of its own, and a lock that is free has a dead owner.

No clock is needed, and a process that is merely stopped keeps its payments.
"""

import contextlib
import uuid
from pathlib import Path
from typing import Protocol

from filelock import FileLock


class OwnerRegistry(Protocol):
    """Knows which processes are alive. ``me`` is this process."""

    me: str

    def is_dead(self, owner: str) -> bool: ...
    def has_others(self) -> bool: ...
    def unregister(self) -> None: ...


class LockFileOwners:
    """This process among those that share one journal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.me = uuid.uuid4().hex
        self._lock = FileLock(folder / self.me, mode=0o600)

    def register(self) -> None:
        """Be alive from here on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire(timeout=0)

    def unregister(self) -> None:
        """Give up everything that was owned."""
        self._lock.release()
        with contextlib.suppress(OSError):
            (self._folder / self.me).unlink()

    def has_others(self) -> bool:
        """Whether another process is alive."""
        return any(not self.is_dead(path.name) for path in self._folder.iterdir() if path.name != self.me)

    def is_dead(self, owner: str) -> bool:
        """Whether nobody lives under that name any more."""
        if owner == self.me:
            return False
        path = self._folder / owner
        lock = FileLock(path, mode=0o600)
        try:
            path.stat()
            lock.acquire(timeout=0)
        except FileNotFoundError:
            return True
        except OSError:  # it is held (Timeout is one), or that cannot be told: without a free descriptor, for one
            return False
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink()
        return True
