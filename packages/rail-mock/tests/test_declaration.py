"""The package is a rail like a stranger's: declared whole, cheap to import, and written with what riel offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import rail_mock
import riel
from rail_mock.codes import ERRORS, REFUSALS
from rail_mock.settings import MockSettings
from riel import Rail, Sandbox

pytestmark = pytest.mark.alone

SOURCES = sorted(Path(rail_mock.__file__).parent.rglob("*.py"))


def the_rail() -> Rail:
    (rail,) = rail_mock.riel_rails()
    return rail


def test_the_hook_brings_one_rail_named_like_its_entry_point() -> None:
    rail = the_rail()
    assert (rail.name, rail.currencies, rail.reference_field) == ("mock", ("MXN",), "tracking_key")
    assert rail.capabilities.refund.available
    assert rail.capabilities.partial_refund.available


def test_importing_the_rail_brings_neither_httpx_nor_starlette() -> None:
    script = (
        "import sys, rail_mock; list(rail_mock.riel_rails()); print(sorted({'httpx', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_imports_only_what_a_stranger_may(source: Path) -> None:
    allowed = {"rail_mock", "httpx", "pydantic", "pydantic_core", "starlette", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= allowed, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.module == "riel":
            assert {name.name for name in node.names} <= set(riel.__all__), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.module == "riel.sandbox.kit":
            assert "sandbox" in source.parts, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in allowed, ast.unparse(node)


def test_every_code_of_the_bank_is_explained() -> None:
    for native, explained in ERRORS.items():
        assert explained.code == f"MOCK_{native.upper()}"
        assert explained.message.endswith(".")
        assert explained.remedy.endswith(".")
    assert set(ERRORS) >= REFUSALS


def test_a_code_that_only_says_the_bank_met_the_reference_before_is_no_refusal() -> None:
    assert not REFUSALS & {"key_in_use", "key_reused", "duplicate_reference", "returned_by_payee"}


def test_settings_come_from_the_environment_as_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIEL_MOCK_DEDUPE", "by_reference")
    monkeypatch.setenv("RIEL_MOCK_DEDUPE_SECONDS", "forever")
    monkeypatch.setenv("RIEL_MOCK_ABSENCE_SECONDS", "2.5")
    monkeypatch.setenv("RIEL_MOCK_REFUSALS_STORED", "false")
    settings = MockSettings(base_url="http://127.0.0.1:1", _env_prefix="RIEL_MOCK_")  # type: ignore[call-arg]
    assert (settings.dedupe, settings.dedupe_seconds) == ("by_reference", "forever")
    assert (settings.absence_seconds, settings.refusals_stored) == (2.5, False)
    assert settings.mode == "test"


def test_the_bank_is_made_from_raw_settings() -> None:
    rail = the_rail()
    assert rail.sandbox is not None
    sandbox = rail.sandbox({"dedupe": "no", "absence_seconds": "1"})
    assert isinstance(sandbox, Sandbox)
    assert list(sandbox.debits()) == []


def test_the_bank_does_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKUP", "whatever this machine uses the word for")
    rail_mock.open_sandbox({})


def test_a_setting_that_the_bank_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no setting 'dedup'; it has dedupe, "):
        rail_mock.open_sandbox({"dedup": "no"})


def test_a_setting_of_a_wrong_value_is_refused_without_saying_it() -> None:
    with pytest.raises(ValidationError, match="dedupe") as refused:
        rail_mock.open_sandbox({"dedupe": "s3cret"})
    assert "s3cret" not in str(refused.value)
