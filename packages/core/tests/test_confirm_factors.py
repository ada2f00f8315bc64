"""Factors are found by name, and imported only when they are chosen."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from riel.confirm import FACTORS, choose_factor
from riel.confirm.factors.console import ConsoleFactor
from riel.confirm.factors.file import FileFactor
from riel.confirm.factors.totp import TotpFactor
from riel.errors import Misconfigured


class Pigeon(ConsoleFactor):
    name: ClassVar[str] = "pigeon"
    sandbox_only: ClassVar[bool] = False


class Impostor(ConsoleFactor):
    name: ClassVar[str] = "totp"


@pytest.mark.parametrize(("name", "factor"), [("console", ConsoleFactor), ("file", FileFactor), ("totp", TotpFactor)])
def test_a_built_in_factor_is_found_by_its_name(name: str, factor: type) -> None:
    assert choose_factor(name) is factor
    assert choose_factor(name).name == name
    assert sorted(FACTORS) == ["console", "file", "totp"]


def test_an_installed_factor_is_found_by_its_name() -> None:
    assert choose_factor("pigeon", [Pigeon]) is Pigeon


def test_an_unknown_factor_is_one_sentence_that_names_the_setting_and_the_choice() -> None:
    with pytest.raises(
        Misconfigured, match=r"^RIEL_FACTOR=sms is not a factor: choose one of console, file, pigeon, totp$"
    ):
        choose_factor("sms", [Pigeon])


@pytest.mark.parametrize(("name", "installed"), [("totp", [Impostor]), ("pigeon", [Pigeon, Pigeon])])
def test_a_name_that_is_claimed_twice_is_offered_by_nobody(name: str, installed: list[type[ConsoleFactor]]) -> None:
    with pytest.raises(Misconfigured, match="uninstall all but one"):
        choose_factor(name, installed)


def test_nothing_is_imported_that_was_not_chosen(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, riel.confirm, riel.secrets;"
        "riel.secrets.make_server_key(pathlib.Path(sys.argv[1])); riel.confirm.choose_factor('file');"
        "print([m for m in ('pyotp', 'keyring', 'segno', 'mcp') if m in sys.modules])"
    )
    asked = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "[]\n"
