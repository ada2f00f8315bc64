"""Factors are found by name, imported only when chosen, and a sandbox's factor never confirms real money."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from riel.confirm import FACTORS, Setup, chosen, refuse_outside_sandbox
from riel.confirm.console import Console
from riel.confirm.file import File
from riel.confirm.totp import Enrolment, Totp
from riel.errors import Misconfigured, NotAllowed


class Pigeon(Console):
    name: ClassVar[str] = "pigeon"
    sandbox_only: ClassVar[bool] = False


class Impostor(Console):
    name: ClassVar[str] = "totp"


@pytest.mark.parametrize(("name", "factor"), [("console", Console), ("file", File), ("totp", Totp)])
def test_a_built_in_factor_is_found_by_its_name(name: str, factor: type) -> None:
    assert chosen(name) is factor
    assert chosen(name).name == name
    assert sorted(FACTORS) == ["console", "file", "totp"]


def test_an_installed_factor_is_found_by_its_name() -> None:
    assert chosen("pigeon", [Pigeon]) is Pigeon


def test_an_unknown_factor_is_one_sentence_that_names_the_setting_and_the_choice() -> None:
    with pytest.raises(
        Misconfigured, match=r"^RIEL_FACTOR=sms is not a factor: choose one of console, file, pigeon, totp$"
    ):
        chosen("sms", [Pigeon])


@pytest.mark.parametrize(("name", "installed"), [("totp", [Impostor]), ("pigeon", [Pigeon, Pigeon])])
def test_a_name_that_is_claimed_twice_is_offered_by_nobody(name: str, installed: list[type[Console]]) -> None:
    with pytest.raises(Misconfigured, match="uninstall all but one"):
        chosen(name, installed)


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_sandbox_factor_confirms_nothing_but_pretend_money(tmp_path: Path, mode: str) -> None:
    setup = Setup(key=bytes(32), principal="local", folder=tmp_path, file=tmp_path / "codes")
    for factor in (Console.open(setup), File.open(setup)):
        refuse_outside_sandbox(factor, "sandbox")
        with pytest.raises(NotAllowed) as caught:
            refuse_outside_sandbox(factor, mode)  # type: ignore[arg-type]
        assert caught.value.problem.code == "2FA_SANDBOX_ONLY"
    refuse_outside_sandbox(Totp("local", Enrolment(id="e", secret="", after=0)), mode)  # type: ignore[arg-type]


def test_nothing_is_imported_that_was_not_chosen() -> None:
    code = (
        "import sys, pathlib, riel.confirm, riel.vault;"
        "riel.vault.server_key(pathlib.Path(sys.argv[1])); riel.confirm.chosen('file');"
        "print([m for m in ('pyotp', 'keyring', 'segno', 'mcp') if m in sys.modules])"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=True
        )
    assert done.stdout == "[]\n"
