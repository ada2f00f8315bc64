"""Every check of the project is a session here; ``nox`` alone runs the ones that CI runs.

Sessions install exactly what ``requirements.lock`` names, hashes checked, and no more than each needs.
"""

import json
import os
import re
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import nox

LOCK = "requirements.lock"
PEERS = "benchmarks/peers.txt"
PACKAGES = sorted(str(project.parent) for project in Path("packages").glob("*/pyproject.toml"))
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({"3.11", "3.12", "3.13", RUNNING})

PROCESSORS = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
AT_ONCE = ["--dist=loadfile", "--no-loadscope-reorder"]
"""How tests run at a time. Those of one file share its servers, so they stay together; the long files of ``tests`` come
first and the short ones of ``packages`` last, so that no processor waits at the end."""

NOT_HERE = {  # each written so that this file does not hold it
    r"(?<![\w.:$~])/(?:home|Users|root|work)/\w": "names a folder of somebody's machine",
    r"py[p]i\.|python[h]osted": "names the host of a package index",
    r"\.\./[s]hared": "points outside the repository",
}
IN_WHEELS = {
    "riel": (
        "riel/py.typed",
        "riel/journal/postgres/migrations/0001.sql",
        "riel/journal/sqlite/migrations/0001.sql",
    ),
    "rail_fintoc": ("rail_fintoc/py.typed", "rail_fintoc/docs/transfers.md"),
    "rail_mock": ("rail_mock/py.typed",),
    "riel_mexico": ("riel_mexico/py.typed",),
    "rail_spei": ("rail_spei/py.typed", "rail_spei/docs/payments.md", "rail_spei/institutions/banks.csv"),
}

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "typing", "unused", "docs", "tests", "alone", "sdk", "wheels"]
nox.options.error_on_missing_interpreters = False  # a Python that is not here is skipped, and says so;
nox.options.download_python = "never"  # the one that runs nox is always here

os.environ.setdefault("UV_HTTP_TIMEOUT", "300")  # a slow index is waited for
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each process of the tests would compile every module again

# What pyenv has installed is here too, also where its shims do not offer it.
_PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
os.environ["PATH"] += "".join(f"{os.pathsep}{folder}" for folder in sorted(_PYENV.glob("versions/3.*/bin")))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run every test on the Python that runs nox, and on the others what may depend on the language.

    On the oldest and the newest, that is every test but what is marked ``once``, with fewer examples of each property
    and fewer parameters of each test. What Python adds or removes shows at one of these two, so a version in between
    runs only a sample, as ``alone`` does. Arguments go to pytest: ``nox -s tests-3.11 -- -k refund``.

    Where ``tests`` runs, one more test runs at a time than there are processors: many wait for a process or a delay.
    """
    _install(session, "--group=test", *_editable(PACKAGES))
    ends = {PYTHONS[0], PYTHONS[-1]}
    asked = [f"--numprocesses={PROCESSORS + 1}"]  # one more than there are processors, since many tests wait
    if session.python != RUNNING:
        some, where = "alone or every_python", _files_marked("alone", "every_python")
        if session.python in ends:
            some, where = "not once", ["packages", *_files_marked("every_python")]
        asked += ["-m", some, "--hypothesis-profile=few"]
        asked.append(f"--override-ini=testpaths={' '.join(where)}")  # to read every file takes as long as many tests
    session.run("pytest", *AT_ONCE, *asked, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, doors that open one way, a lock that fits the requirements, nothing in a file that belongs elsewhere."""
    _install(session, "--group=lint")
    _install(session, "--no-deps", *_editable(PACKAGES))  # import rules read the code and run nothing of it
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    session.run("python", "checks/lock.py")
    if found := list(_misplaced(session)):
        session.error("\n".join(found))


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types as strictly as mypy can: ours, and those of a rail that a stranger wrote."""
    _install(session, "--group=dev", *_editable(PACKAGES))
    session.run("mypy")
    session.run("mypy", "typing_tests", "checks", "noxfile.py", "run.py")


@nox.session
def unused(session: nox.Session) -> None:
    """Find code that nothing uses, and dependencies that are unused or not declared."""
    _install(session, "--group=unused", *_editable(PACKAGES))
    session.run("python", "checks/unused.py")
    for package in PACKAGES:
        with session.chdir(package):
            session.run("deptry", "src", "--per-rule-ignores", "DEP002=tzdata")


@nox.session
def docs(session: nox.Session) -> None:
    """The reference says what the code does: it is written from it, by ``python docs/generate.py``."""
    _install(session, *_editable(PACKAGES))
    session.run("python", "docs/generate.py", "--check")


@nox.session
@nox.parametrize("package", PACKAGES, ids=[Path(package).name for package in PACKAGES])
def alone(session: nox.Session, package: str) -> None:
    """Import every module of a package where only its own dependencies are, and run its tests marked ``alone``."""
    installed = _editable(sorted(_with_its_own(package)))
    _install(session, *installed)
    session.run("python", "checks/imports.py", package)
    _install(session, "--group=test", *installed)
    where = [file for file in _files_marked("alone") if file.startswith(f"{package}{os.sep}")]
    session.run("pytest", *where, "-m", "alone", "--hypothesis-profile=few", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests marked ``alone`` with the lowest versions that the requirements admit. It asks the index."""
    asked = ["--no-config", "--resolution=lowest-direct", "--group=test", *_editable(PACKAGES)]
    session.install(*asked)  # without the lock, and without the tables of pyproject.toml that repeat it
    warned = "--pythonwarnings=ignore::DeprecationWarning"  # an old package warns of what a newer one would remove
    session.run("pytest", "packages", "-m", "alone", warned, *session.posargs)


@nox.session(venv_backend="none")
def wheels(session: nox.Session) -> None:
    """Build what would be published, and use it where nothing of this repository can be seen."""
    with tempfile.TemporaryDirectory() as folder:
        uv, built, env = ["uv", "--quiet"], Path(folder, "dist"), Path(folder, "env")
        for package in PACKAGES:
            session.run(*uv, "build", package, f"--out-dir={built}", f"--build-constraints={LOCK}", external=True)
        for wheel in built.glob("*.whl"):
            inside = zipfile.ZipFile(wheel).namelist()
            for needed in (*IN_WHEELS.get(wheel.name.split("-")[0], ()), "/licenses/LICENSE"):
                if not any(name.endswith(needed) for name in inside):
                    session.error(f"{wheel.name} lacks {needed}")
        session.run(*uv, "venv", f"--python={sys.executable}", str(env), external=True)
        installing = [*uv, "pip", "install", f"--python={env}", f"--constraints={LOCK}"]
        session.run(*installing, *map(str, sorted(built.glob("*.whl"))), external=True)
        riel = str(env / ("Scripts" if sys.platform == "win32" else "bin") / "riel")
        with session.chdir(folder):
            session.run(riel, "--version", external=True)
            answer = session.run(riel, "rails", "--json", external=True, silent=True, stderr=None)
        rails = {rail["name"] for rail in json.loads(answer or "")["rails"]}
        built_rails = {Path(package).name for package in PACKAGES if Path(package).name.startswith("rail-")}
        if missing := {name.removeprefix("rail-") for name in built_rails} - rails:
            session.error(f"riel rails --json shows {sorted(rails)}, and not {sorted(missing)}")
        session.log(f"riel rails --json shows {', '.join(sorted(rails))}")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, with the peer in the same run, and print a table of ratios."""
    _install(session, "--group=test", *_editable(PACKAGES))
    peers = session.create_tmp()
    session.install("--no-config", "--require-hashes", "--no-deps", f"--target={peers}", "--requirements", PEERS)
    session.run("python", "-m", "benchmarks", *session.posargs, env={"BENCHMARK_PEERS": peers})


@nox.session
def long(session: nox.Session) -> None:
    """Run what takes hours: every crash point, 500 kills, 25,000 power cuts, 100,000 histories, 2,000 examples each.

    ``nox -s long -- -k power_cut`` runs a part of it.
    """
    _install(session, "--group=test", *_editable(PACKAGES))
    asked = ["-m", "long or hypothesis", "--hypothesis-profile=long", "--numprocesses=auto", "--dist=worksteal", "-rP"]
    session.run("pytest", *asked, *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Play made-up histories and check every promise in each: ``nox -s simulate -- --seeds=1000``."""
    _install(session, "--group=test", *_editable(PACKAGES))
    session.run("python", "-m", "tests.simulator", *(session.posargs or ["--seeds=100000", "--jobs=2"]))


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the packages' own tests reach."""
    _install(session, "--group=test", "--group=coverage", *_editable(PACKAGES))
    measured = [f"--numprocesses={PROCESSORS}", "--cov", "--cov-report=term:skip-covered"]
    session.run("pytest", "packages", *AT_ONCE, *measured, *session.posargs)


@nox.session
def inspector(session: nox.Session) -> None:
    """List and call every tool with the MCP Inspector's own command line. It needs Node and its package registry."""
    script = Path("tests", "inspector", "run.py")
    if not script.exists():
        session.skip(f"there is no {script}")
    _install(session, "--group=test", *_editable(PACKAGES))
    session.run("python", str(script), *session.posargs)


@nox.session
def sdk(session: nox.Session) -> None:
    """Pay through the pretend Fintoc with Fintoc's own SDK, and through the pretend STP with Cuenca's ``stpmex``.

    Each client is in an environment of its own, where nothing of riel is: it needs an older cryptography than ours.
    """
    _install(session, *_editable(PACKAGES))
    for rail, locked in (("fintoc", "tests/sdk/fintoc.txt"), ("spei", "tests/sdk/stpmex.txt")):
        theirs = Path(session.create_tmp(), rail).resolve()
        session.run("uv", "--quiet", "venv", "--clear", f"--python={sys.executable}", str(theirs), external=True)
        python = str(theirs / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        needed = ["--require-hashes", f"--requirements={locked}"]
        session.run("uv", "--quiet", "--no-config", "pip", "install", f"--python={python}", *needed, external=True)
        session.run("python", "tests/sdk/run.py", rail, python)


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Ask the index for the newest release of every dependency: ``nox -s lock``, or ``nox -s lock -- --keep``."""
    session.run(sys.executable, "checks/lock.py", "--write", *session.posargs, external=True)


def _install(session: nox.Session, *what: str) -> None:
    """Install at the versions of the lock. uv compares the hashes that stand there."""
    session.install(f"--constraints={LOCK}", f"--build-constraints={LOCK}", *what)


def _with_its_own(package: str) -> set[str]:
    """This package, and those of ours that it depends on."""
    projects = {one: tomllib.loads(Path(one, "pyproject.toml").read_text())["project"] for one in PACKAGES}
    asked = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in projects[package]["dependencies"]}
    needed = {one for one, project in projects.items() if project["name"] in asked}
    return {package, *(each for one in needed for each in _with_its_own(one))}


def _files_marked(*marks: str) -> list[str]:
    """The files of tests that hold one of these marks."""
    files = sorted([*Path("tests").glob("test_*.py"), *Path("packages").glob("*/tests/test_*.py")])
    return [str(file) for file in files if any(f"mark.{mark}" in file.read_text("utf-8") for mark in marks)]


def _editable(packages: list[str]) -> list[str]:
    return [f"--editable={package}" for package in packages]


def _misplaced(session: nox.Session) -> list[str]:
    """Each line of the repository that holds what belongs on somebody's machine."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = str(session.run(*asked, external=True, silent=True)).splitlines()
    return [
        f"{name}:{number} {why}"
        for name in listed
        if Path(name).is_file()
        for number, line in enumerate(Path(name).read_text("utf-8", "replace").splitlines(), 1)
        for pattern, why in NOT_HERE.items()
        if re.search(pattern, line)
    ]
