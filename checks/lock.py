"""Say, without asking an index, whether ``requirements.lock`` is what the requirements of the workspace ask for.

``python checks/lock.py`` proves three things: the lock was made from these requirements (their digest stands in its
first line), it satisfies each of them, and the tables of ``pyproject.toml`` that ``uv run`` obeys name the same
versions. With ``--write`` it asks the index, takes every dependency to its newest release, and writes all of them anew.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = "requirements.lock"
APART = (
    ("tests/sdk/fintoc.in", "tests/sdk/fintoc.txt", ()),
    ("tests/sdk/stpmex.in", "tests/sdk/stpmex.txt", ()),
    ("benchmarks/peers.in", "benchmarks/peers.txt", ("--no-deps",)),  # it runs on what the workspace has
)
"""What is installed beside the workspace and never in it, as it is asked for, as it is locked, and how.

A provider's SDK needs older versions than ours, and a peer's wheel brings a package ``tests`` that hides ours.
"""
HEADER = "# Written by `nox -s lock` from requirements whose SHA-256 is {digest}\n"
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)( ; [^\\\n]+?)? \\$", re.MULTILINE)
CONSTRAINTS = ("constraint-dependencies", "build-constraint-dependencies")
"""The tables of ``[tool.uv]`` that repeat the lock for ``uv run``, which does not read it."""

Pinned = tuple[str, str, str]
"""A name, a version, and a marker or nothing."""


def problems(root: Path) -> list[str]:
    """Each way in which the locks of ``root`` are not what its requirements ask for."""
    lock, projects = (root / LOCK).read_text(), workspace(root)
    found = []
    if not lock.startswith(HEADER.format(digest=digest(projects))):
        found.append(f"{LOCK} was made from other requirements")
    wanted = {f"{place}: {asked}": asked for place, asked in requirements(projects)}
    found += unsatisfied(wanted, pinned(lock))
    stated = projects["pyproject.toml"]["tool"]["uv"]
    if stated["constraint-dependencies"] != _constraints(lock):
        found.append(f"pyproject.toml: constraint-dependencies and {LOCK} differ")
    if not set(stated["build-constraint-dependencies"]) <= set(_constraints(lock)):
        found.append(f"pyproject.toml: build-constraint-dependencies and {LOCK} differ")
    for asked_file, locked_file, _ in APART:
        asked, locked = (root / asked_file).read_text(), (root / locked_file).read_text()
        if not locked.startswith(HEADER.format(digest=_sha256(asked))):
            found.append(f"{locked_file} was made from other requirements")
        found += unsatisfied({f"{asked_file}: {line}": line for line in _lines(asked)}, pinned(locked))
    return found


def digest(projects: dict[str, dict[str, Any]]) -> str:
    """SHA-256 over all that a resolution depends on: each table of requirements, and which Pythons are meant."""
    taken = {}
    for file, project in projects.items():
        table, uv = project.get("project", {}), project.get("tool", {}).get("uv", {})
        taken[file] = {
            **{key: table.get(key) for key in ("name", "requires-python", "dependencies", "optional-dependencies")},
            "build-system": project.get("build-system", {}).get("requires"),
            "dependency-groups": project.get("dependency-groups"),
            "uv": {key: value for key, value in uv.items() if key not in CONSTRAINTS},
        }
    return _sha256(json.dumps(taken, sort_keys=True))


def requirements(projects: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each requirement of another distribution than our own, and the file that it stands in."""
    ours = {canonicalize_name(project["project"]["name"]) for project in projects.values()}
    for file, project in projects.items():
        table = project["project"]
        tables = [
            table.get("dependencies", []),
            project.get("build-system", {}).get("requires", []),
            *table.get("optional-dependencies", {}).values(),
            *project.get("dependency-groups", {}).values(),
        ]
        for asked in (asked for one in tables for asked in one):
            if isinstance(asked, str) and canonicalize_name(Requirement(asked).name) not in ours:
                yield file, asked


def unsatisfied(wanted: dict[str, str], pins: list[Pinned]) -> list[str]:
    """Of these requirements, each that no version of the lock satisfies, or that one of them does not.

    :param wanted: the requirements, by how a problem names them.
    """
    found = []
    for named, asked in wanted.items():
        requirement = Requirement(asked)
        versions = [version for name, version, _ in pins if name == canonicalize_name(requirement.name)]
        if not versions:
            found.append(f"{named} is not locked")
        found += [
            f"{named} is locked at {version}"
            for version in versions
            if not requirement.specifier.contains(version, prereleases=True)
        ]
    return found


def pinned(lock: str) -> list[Pinned]:
    """What a lock names."""
    return [(canonicalize_name(name), version, marker) for name, version, marker in LOCKED.findall(lock)]


def write(root: Path, how: list[str]) -> None:
    """Ask the index, and write both locks and what repeats them.

    :param how: ``--upgrade``, or what else ``uv export`` is to be told of the versions that are locked already.
    """
    project = root / "pyproject.toml"
    before = project.read_text()
    try:
        if "--upgrade" not in how:  # so that uv.lock, which is not in the repository, starts from what is locked
            _uv(root, "lock")
        project.write_text(_with_constraints(before, {table: [] for table in CONSTRAINTS}))
        exported = _uv(root, "export", *how, "--no-header", "--no-annotate", "--no-emit-workspace", *_EVERY)
        (root / LOCK).write_text(HEADER.format(digest=digest(workspace(root))) + exported)
        build = _uv(root, "export", "--no-header", "--no-annotate", "--only-group=build")
        tables = dict(zip(CONSTRAINTS, map(_constraints, (exported, build)), strict=True))
        project.write_text(_with_constraints(before, tables))
    except BaseException:
        project.write_text(before)
        raise
    compiling = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    for asked, locked, options in APART:
        file = root / locked
        compiled = [*how, *compiling, *options, f"--output-file={file}", str(root / asked)]
        _uv(root, "--no-config", "pip", "compile", *compiled)
        file.write_text(HEADER.format(digest=_sha256((root / asked).read_text())) + file.read_text())


_EVERY = ("--all-packages", "--all-groups", "--all-extras")


def workspace(root: Path) -> dict[str, dict[str, Any]]:
    """Every pyproject.toml of the workspace, by its path from ``root``."""
    files = [root / "pyproject.toml", *sorted(root.glob("packages/*/pyproject.toml"))]
    return {file.relative_to(root).as_posix(): tomllib.loads(file.read_text()) for file in files}


def _constraints(lock: str) -> list[str]:
    return [f"{name}=={version}{marker}" for name, version, marker in pinned(lock)]


def _with_constraints(project: str, tables: dict[str, list[str]]) -> str:
    for table, lines in tables.items():
        lines_of_it = "".join(f"    {json.dumps(line)},\n" for line in lines)
        block = re.compile(rf"^{table} = \[\n?.*?\]$", re.MULTILINE | re.DOTALL)
        project, count = block.subn(f"{table} = [\n{lines_of_it}]".replace("\\", r"\\"), project)
        if count != 1:
            raise LookupError(f"pyproject.toml has {count} tables {table}")
    return project


def _lines(requirements_file: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in requirements_file.splitlines())
    return [line for line in lines if line]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _uv(root: Path, *arguments: str) -> str:
    return subprocess.run(["uv", "--quiet", *arguments], cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> int:
    """The exit code: 0 where the locks are what the requirements ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="ask the index, and write the locks")
    parser.add_argument("--keep", action="store_true", help="with --write: keep every version that still fits")
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    if options.write:
        write(root, [] if options.keep else ["--upgrade"])
    found = problems(root)
    if found:
        print(*found, "Write the lock anew: nox -s lock", sep="\n", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
