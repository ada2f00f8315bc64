"""A command's process ends when the command has ended, whatever a package has left running."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from .bad_rails import HOOK, Site

PATIENCE = 120.0
LEFTOVER = (
    "import atexit, threading, time\n"
    "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
    "atexit.register(time.sleep, 3600)\n"
)


def riel(site: Site, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command without input, beside the packages of ``site``."""
    folder = site.folder.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    ours = {"PYTHONPATH": str(site.folder), "RIEL_RAILS": "zap", "RIEL_FACTOR_FILE": str(folder / "codes")}
    ours |= {"RIEL_HOME": str(folder / "home"), "RIEL_JOURNAL": str(folder / "journal.db")}
    return subprocess.run(
        [sys.executable, "-m", "riel", *arguments],
        env=kept | ours,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(("arguments", "code"), [(("rails", "--json"), 2), (("serve", "--sandbox"), 0)])
def test_a_thread_or_an_exit_handler_of_a_package_does_not_keep_the_process(
    tmp_path: Path, arguments: Sequence[str], code: int
) -> None:
    site = Site(tmp_path / "site")
    site.install("zap", f"{LEFTOVER}{HOOK}yield toy('zap')")
    done = riel(site, *arguments)
    assert (done.returncode, done.stderr) == (code, "")  # riel rails: the rail has no key
    if "--json" in arguments:
        assert [rail["name"] for rail in json.loads(done.stdout)["rails"]] == ["zap"]


def test_a_rail_that_runs_a_loop_at_its_import_is_the_same_in_every_command(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.install("zap", f"import asyncio\nasyncio.run(asyncio.sleep(0))\n{HOOK}yield toy('zap')")
    done = riel(site, "serve", "--sandbox")
    assert (done.returncode, done.stderr) == (0, "")
