"""Limits as the file declares them, and a guard that keeps them."""

import tomllib
from pathlib import Path

import pytest

from riel.guards.limits import Limits, read_limits


def limits(text: str) -> Limits:
    """The guard that ``riel.toml`` with this text makes; what stands before the first heading is under ``[limits]``."""
    return Limits(read_limits(tomllib.loads(f"[limits]\n{text}")["limits"]))


def with_a_rail(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "mock") -> None:
    """A rail of that name is installed: the tests of the core bring no other."""
    info = folder / f"rail_{name}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rail-{name}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[riel]\n{name} = rail_{name}\n")
    monkeypatch.syspath_prepend(folder)
