"""The user's configuration folder for a test: an empty one of its own, outside the current directory."""

import os
from pathlib import Path

import pytest


def configuration_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ``riel.toml``; no variable of ours is set, and the current directory is an empty folder."""
    for name in os.environ:
        if name.upper().startswith("RIEL_"):
            monkeypatch.delenv(name)
    folder, here = tmp_path / "config" / "riel", tmp_path / "workspace"
    folder.mkdir(parents=True)
    here.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.parent))
    monkeypatch.chdir(here)
    return folder
