"""The lock is what the requirements ask for, and a lock that is not is found out without asking an index."""

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from checks.lock import APART, LOCK, pinned, problems, requirements, workspace
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that the lock depends on."""
    for file in (LOCK, *(file for files in APART for file in files[:2]), *workspace(ROOT)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def version(name: str) -> str:
    return {name: version for name, version, _ in pinned((ROOT / LOCK).read_text())}[name]


def test_the_lock_is_what_the_requirements_ask_for(copy: Path) -> None:
    assert problems(copy) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pyproject.toml", '"pytest>=9.0"', '"pytest>=8.0"'),
        ("pyproject.toml", 'requires-python = ">=3.11"', 'requires-python = ">=3.12"'),
        ("packages/core/pyproject.toml", '"asyncpg>=0.31,<1"', '"asyncpg>=0.31,<1", "psycopg>=3"'),
        ("packages/rail-mock/pyproject.toml", '"hatchling>=1.27"', '"hatchling>=1.26"'),
    ],
    ids=["group", "python", "extra", "build"],
)
def test_a_changed_requirement_makes_the_lock_stale(copy: Path, file: str, old: str, new: str) -> None:
    change(copy / file, old, new)
    assert f"{LOCK} was made from other requirements" in problems(copy)


def test_a_version_that_a_requirement_excludes_is_found(copy: Path) -> None:
    change(copy / LOCK, f"\nhttpx=={version('httpx')} ", "\nhttpx==1.0 ")
    assert {"packages/core/pyproject.toml: httpx>=0.28,<1 is locked at 1.0"} < set(problems(copy))


def test_a_requirement_that_is_not_locked_is_found(copy: Path) -> None:
    change(copy / LOCK, f"\npython-stdnum=={version('python-stdnum')} ", "\nother==1.0 ")
    assert "packages/rail-spei/pyproject.toml: python-stdnum>=2.2,<3 is not locked" in problems(copy)


def test_what_uv_run_is_constrained_to_is_what_is_locked(copy: Path) -> None:
    change(copy / "pyproject.toml", f'"httpx=={version("httpx")}"', '"httpx==0.28.0.post1"')
    assert problems(copy) == [f"pyproject.toml: constraint-dependencies and {LOCK} differ"]


def test_what_is_locked_apart_is_compared_too(copy: Path) -> None:
    for asked, locked, _ in APART:
        with (copy / asked).open("a") as file:
            file.write("# one more line\n")
        assert f"{locked} was made from other requirements" in problems(copy)


def test_everything_that_is_installed_for_us_is_locked() -> None:
    """What our requirements need in turn is in the lock at the version that is installed here."""
    locked = {name: version for name, version, _ in pinned((ROOT / LOCK).read_text())}
    wanted = [Requirement(asked) for _, asked in requirements(workspace(ROOT))]
    differing, seen = {}, set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen or not _applies(requirement, [""]):
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            installed = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of a group that this session does not install
        if locked.get(name) != installed.version:
            differing[name] = f"installed: {installed.version}, locked: {locked.get(name)}"
        wanted += _needed(installed, requirement.extras)
    assert differing == {}


def _needed(installed: importlib.metadata.Distribution, extras: set[str]) -> Iterator[Requirement]:
    for asked in map(Requirement, installed.requires or []):
        if _applies(asked, ["", *extras]):
            yield asked


def _applies(requirement: Requirement, extras: list[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)


def test_nothing_that_a_group_installs_hides_our_tests() -> None:
    """``uv sync --all-groups`` installs every group, and a peer has a wheel with a package ``tests``."""
    asked = {canonicalize_name(Requirement(line).name) for _, line in requirements(workspace(ROOT))}
    assert "clabe" not in asked
    assert "tests" not in importlib.metadata.packages_distributions()
