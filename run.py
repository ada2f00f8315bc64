"""Run a command with the locked versions of everything: ``python3 run.py riel demo``, ``python3 run.py nox``.

The first run makes ``.venv`` and installs the versions of ``requirements.lock`` there, hashes checked. It needs Python
3.11 or later with ``venv`` or ``pip``, and changes nothing in the Python that it is started with.
"""

from __future__ import annotations  # so that an older Python can say that it is too old

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = BIN / ("python.exe" if sys.platform == "win32" else "python")
STAMP = VENV / "installed.sha256"
"""The digest of what the environment was made from. While it stays, nothing is installed and no index is asked."""

NO_PIP = """\
This Python has neither venv nor pip: install one of them with the package manager that this Python comes from.
On Debian and Ubuntu: apt install python3-venv"""


def main(command: list[str]) -> int:
    """Install what is missing, and run the command; its exit code, or 2 where it could not be run."""
    if sys.version_info < (3, 11):  # noqa: UP036
        return _failed(f"riel needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}.")
    if not command:
        return _failed(__doc__)
    projects = [ROOT / "pyproject.toml", *sorted(ROOT.glob("packages/*/pyproject.toml"))]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in (LOCK, *projects))).hexdigest()
    if not (STAMP.exists() and PYTHON.exists() and STAMP.read_text() == wanted):
        try:
            _install([str(project.parent) for project in projects[1:]])
        except subprocess.CalledProcessError as failed:
            return _failed(f"This command failed: {' '.join(map(str, failed.cmd))}")
        except LookupError as failed:
            return _failed(str(failed))
        STAMP.write_text(wanted)
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    program = shutil.which(command[0], path=path)
    if program is None:
        return _failed(f"There is no command {command[0]!r} in {BIN}.")
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PATH": path}
    if sys.platform != "win32":  # there, the shell would not wait for the command
        os.execve(program, [program, *command[1:]], environment)  # noqa: S606
    return subprocess.run([program, *command[1:]], env=environment, check=False).returncode


def _install(packages: list[str]) -> None:
    print(f"Installing the versions of {LOCK.name} into {VENV.name} …", file=sys.stderr)
    uv = BIN / ("uv.exe" if sys.platform == "win32" else "uv")
    if not PYTHON.exists():
        venv.create(VENV, clear=True, symlinks=sys.platform != "win32")
    if not uv.exists():
        with tempfile.TemporaryDirectory() as folder:
            (only_uv := Path(folder, "uv.txt")).write_text(_locked("uv"))
            _run(
                *_pip(),
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                f"--requirement={only_uv}",
            )
    locked = [f"--constraints={LOCK}", f"--build-constraints={LOCK}"]
    editable = [f"--editable={package}" for package in packages]
    _run(uv, "--quiet", "pip", "install", f"--python={PYTHON}", *locked, "--group=dev", *editable)


def _pip() -> list[str]:
    """A pip that installs into the environment: its own, or, where Python came without one, the pip beside this Python.

    Neither touches the Python that runs this file, so that it may be managed by a distribution.
    """
    own = [str(PYTHON), "-m", "pip"]
    for attempt in ([str(PYTHON), "-m", "ensurepip", "--default-pip"], [*own, "--version"]):
        if subprocess.run(attempt, capture_output=True, check=False).returncode == 0:
            return own
    beside = [sys.executable, "-m", "pip", f"--python={PYTHON}"]
    if subprocess.run([*beside, "--version"], capture_output=True, check=False).returncode != 0:
        raise LookupError(NO_PIP)
    return beside


def _locked(name: str) -> str:
    """What the lock says of one distribution: its version and hashes."""
    found = re.search(rf"^{name}==.*(?:\n .*)*", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{LOCK.name} does not name {name}.")
    return found[0]


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
