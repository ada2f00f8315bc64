"""A folder in memory, where there is one: for thousands of journals that are each synced many times."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED = Path("/dev/shm")  # the folder made there is ours alone


@contextmanager
def memory_folder(otherwise: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; under ``otherwise`` where this machine has none in memory."""
    folder = (SHARED if SHARED.is_dir() else otherwise) / f"riel-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
