"""``riel limits``: what an operator sees of the limits, from riel.toml and from the journal."""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from riel.cli import main
from riel.clock import utc_now
from riel.confirm import Terms
from riel.guards.limits import Limits, read_limits
from riel.journal.open import open_journal
from riel.money import Money
from riel.testing.journal_contract import ACCOUNT, PAYEE, new_challenge, open_challenge
from riel.testing.keys import ROW_MAC

from .config_support import configuration_folder
from .limits_support import with_a_rail

pytestmark = pytest.mark.usefixtures("within_an_hour")

TEXT = f"""[limits]
time_zone = "America/Mexico_City"
payments_per_hour = 20
per_month = {{ MXN = 900_000, CLP = 5000 }}
[limits.rail.mock]
per_payment = {{ MXN = 500_000 }}
hours = "08:00-20:00"
allow = ["{ACCOUNT}"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = configuration_folder(tmp_path, monkeypatch)
    monkeypatch.setenv("RIEL_JOURNAL", str(folder / "journal.db"))
    with_a_rail(tmp_path, monkeypatch)
    return folder


async def asked(folder: Path, amount: int) -> None:
    """A pretend payment is asked for, as a server does."""
    guard = Limits(read_limits(tomllib.loads(TEXT)["limits"]))
    money = Money(amount, "MXN")
    terms = Terms(
        kind="payment", rail="mock", mode="sandbox", principal="ana", payee=PAYEE, money=money, arguments={}, payer="us"
    )
    journal = await open_journal(str(folder / "journal.db"), ROW_MAC)
    now = utc_now()
    await open_challenge(
        journal, new_challenge(created_at=now, expires_at=now, money=money), holds=guard.reservations(terms, now)
    )
    await journal.close()


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["limits", "--json"]) == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return told


def test_each_limit_is_shown_with_what_is_used_and_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "riel.toml").write_text(TEXT)
    asyncio.run(asked(folder, 300_000))
    told = shown(capsys)
    counted = [(one["limit"], one["mode"], one["most"], one["used"], one["left"]) for one in told if "mode" in one]
    assert sorted(counted) == [
        ("payments_per_hour", "live", "20", "0", "20"),
        ("payments_per_hour", "sandbox", "20", "1", "19"),
        ("per_month", "live", "CLP 5,000", "CLP 0", "CLP 5,000"),
        ("per_month", "live", "MXN 9,000.00", "MXN 0.00", "MXN 9,000.00"),
        ("per_month", "sandbox", "MXN 9,000.00", "MXN 3,000.00", "MXN 6,000.00"),
    ]
    assert [(one["scope"], one["limit"], one["most"]) for one in told if "mode" not in one] == [
        ("rail mock", "per_payment", "MXN 5,000.00"),
        ("rail mock", "allow", "**************7895"),
        ("rail mock", "hours", "08:00-20:00"),
    ]
    assert main(["limits"]) == 0
    table = capsys.readouterr().out
    assert "MXN 6,000.00" in table
    assert ACCOUNT not in table


def test_looking_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "riel.toml").write_text(TEXT)
    asyncio.run(asked(folder, 300_000))
    before = (folder / "journal.db").read_bytes()
    assert shown(capsys) == shown(capsys)
    assert (folder / "journal.db").read_bytes() == before


def test_what_needs_no_count_is_shown_without_a_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "riel.toml").write_text("[limits]\nper_payment = { MXN = 500_000 }\n")
    assert [one["most"] for one in shown(capsys)] == ["MXN 5,000.00"]
    assert not (folder / "journal.db").exists()


def test_where_nothing_is_limited_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == []
    assert main(["limits"]) == 0
    assert capsys.readouterr().out.startswith("Nothing is limited")


def test_limits_that_cannot_be_read_are_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "riel.toml").write_text("[limits]\nper_payment = { MXN = 1.5 }\n")
    assert main(["limits"]) == 2
    assert capsys.readouterr().err.startswith(
        f"riel: limits in {folder / 'riel.toml'} is wrong: [limits] per_payment MXN"
    )
