"""Who else can read or write a file: one rule for keys, codes, the journal, the configuration and their folders.

On Windows, where a mode says nothing, no file is objected to.
"""

import os
import stat
from pathlib import Path

ROOT = 0


def private_file_problem(status: os.stat_result) -> str | None:
    """What is wrong with a file that holds a secret, as the end of a sentence about it; ``None`` where nothing is.

    Its owner is this user or root, nobody else can write it, and a file of this user nobody else can read, as ssh has
    it. A file of root is how orchestrators mount secrets (owner root, mode 0440 and a group): who reads it is root's
    to choose.
    """
    if os.name == "posix" and status.st_uid == os.geteuid() and status.st_mode & 0o077:
        return "can be read by others: run chmod 600 on it"
    return writable_file_problem(status)


def writable_file_problem(status: os.stat_result, *, any_owner: bool = False) -> str | None:
    """What is wrong with a file or folder that nobody else may change: another owner, or a mode that lets others.

    :param any_owner: look at the mode only, since root may look at the journal of a service's user.
    """
    if os.name != "posix":
        return None
    if not any_owner and status.st_uid not in {ROOT, os.geteuid()}:
        return f"belongs to another user (uid {status.st_uid}): run chown on it"
    if status.st_mode & 0o022:
        return "can be written by others: run chmod go-w on it"
    return None


def path_problem(path: Path) -> str | None:
    """What is wrong with ``path``, or with a folder above it, in which its name could be given to another file.

    A folder above it that belongs to root or to this user and has the sticky bit (``/tmp``) is safe, although others
    can write into it. What does not exist is not objected to.
    """
    if os.name != "posix":
        return None
    target = path.resolve()
    for place in (target, *target.parents, *path.absolute().parents):
        try:
            status = place.stat()
        except OSError:
            continue
        foreign = status.st_uid not in {ROOT, os.geteuid()}
        replaceable = status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX
        if (place == target or foreign or replaceable) and (problem := writable_file_problem(status)) is not None:
            return f"{place} {problem}"
    return None
