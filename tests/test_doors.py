"""What a command does not need is not imported: the door that a lint rule cannot see, because it opens at run time.

``lint-imports`` keeps the rooms apart on paper. ``mcp`` costs half a second and httpx a tenth, so here a fresh process
says what it really loaded.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.every_python

PACKAGES = Path(__file__).parents[1] / "packages"

HEAVY = ("asyncpg", "httpx", "keyring", "mcp", "mcp_types", "rich", "starlette", "typer", "uvicorn")

SDK = {"mcp", "mcp_types", "starlette", "uvicorn"}
"""What importing the SDK's low-level server brings, asked for or not."""

SHOWN = f"""
import sys
print(*(name for name in {HEAVY} if name in sys.modules))
"""


def loaded(code: str, tmp_path: Path) -> set[str]:
    """Which of the heavy libraries a fresh process has loaded after ``code``."""
    ran = subprocess.run(
        [sys.executable, "-c", code + SHOWN],
        cwd=tmp_path,
        env={"RIEL_JOURNAL": str(tmp_path / "journal.db")},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("does", "may_load"),
    [
        pytest.param("import riel", set(), id="writing a rail"),
        pytest.param("import riel.catalog\nriel.catalog.discover()", set(), id="finding the rails"),
        pytest.param("import riel.config\nriel.config.read_settings()", set(), id="reading the settings"),
        pytest.param("from riel.cli import main\nmain(['--version'])", set(), id="riel --version"),
        pytest.param("from riel.cli import main\nmain(['rails', '--json'])", {"typer", "rich"}, id="riel rails"),
        pytest.param("from riel.journal.open import open_journal", set(), id="keeping the journal"),
        pytest.param(
            "from riel.payments import PaymentEngine\nfrom riel.tools import build_tools",
            set(),
            id="paying, not served",
        ),
        pytest.param("from riel.mcp import mcp_server", SDK, id="riel serve"),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(does: str, may_load: set[str], tmp_path: Path) -> None:
    assert loaded(does, tmp_path) <= may_load


# What the tests of a rail may import


PUBLIC = ("riel", "riel.sandbox.kit", "riel.testing")
"""What the author of a rail may use, whose tests are no different from ours: write-a-rail.md says the same."""


def test_the_tests_of_our_rails_import_what_the_author_of_a_rail_may_import() -> None:
    files = sorted(PACKAGES.glob("rail-*/tests/**/*.py"))
    private = {
        f"{file.relative_to(PACKAGES)}: {name}"
        for file in files
        for name in imported(file)
        if name.partition(".")[0] == "riel" and name not in PUBLIC and not name.startswith("riel.testing.")
    }
    assert len(files) > 80
    assert private == set()


def imported(file: Path) -> Iterator[str]:
    """Each module that a file imports by its whole name."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
