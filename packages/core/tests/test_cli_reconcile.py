"""``riel reconcile`` and ``riel recover`` where they cannot begin: one sentence, exit code 2, and nothing is made."""

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from riel import Capabilities, Statement, StatementLine, Status, never, not_yet, yes
from riel.catalog import ActiveRail, Catalog
from riel.cli import main
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

from .bad_rails.toy import GUARANTEES, toy

Riel = Callable[..., tuple[int, str, str]]
DAY = ("--date", "2026-03-02")
HOUR = timedelta(hours=1)


@pytest.fixture
def riel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Riel:
    """Run a command; its exit code, stdout and stderr."""
    monkeypatch.setenv("RIEL_JOURNAL", str(tmp_path / "journal.db"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def offering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Offer the toy rail, with these changes, and have a journal that is empty."""

    def offer(**changes: Any) -> None:
        rail = toy(**{"capabilities": Capabilities(refund=yes, partial_refund=yes, statement=yes), **changes})
        rail = ActiveRail(
            declaration=rail,
            distribution="rail-toy",
            version="1",
            entry_point="toy",
            settings=rail.settings(base_url="http://bank.invalid", api_key="pretend_key"),
            mode="sandbox",
            guarantees=GUARANTEES,
        )
        catalog = Catalog(rails=(rail,), factors=(), guards=(), problems=())
        monkeypatch.setattr("riel.cli.reconcile.discover", lambda only: None)
        monkeypatch.setattr("riel.cli.reconcile.activate", lambda found, resolve: catalog)
        asyncio.run(_made(tmp_path / "journal.db"))

    return offer


async def _made(path: Path) -> None:
    await (await open_journal(str(path), ROW_MAC)).close()


@pytest.mark.parametrize("command", [("recover",), ("recover", "--now", "--for", "1")], ids=" ".join)
def test_a_journal_that_is_not_there_is_one_sentence_and_none_is_made(
    riel: Riel, tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, out, err = riel(*command)
    assert (code, out) == (2, "")
    assert err == f"riel: RIEL_JOURNAL: there is no journal at {tmp_path / 'journal.db'}; riel serve makes one\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("date", ["yesterday", "2026-3-2x", "02/03/2026", "2026-02-30", ""])
def test_a_day_that_is_none_is_refused(riel: Riel, date: str) -> None:
    code, out, err = riel("reconcile", "mock", "--date", date)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_a_rail_that_is_not_installed_is_one_sentence(riel: Riel) -> None:
    code, out, err = riel("reconcile", "nosuch", *DAY)
    assert (code, out) == (2, "")
    assert err == "riel: 'nosuch' is not installed. Correct the name, or install the package that brings it.\n"


def test_a_rail_that_the_configuration_leaves_out_is_not_loaded(riel: Riel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIEL_RAILS", "zap")
    assert riel("reconcile", "mock", *DAY) == (2, "", "riel: RIEL_RAILS does not name 'mock'\n")


@pytest.mark.parametrize("reason", [never("No bank lists anything here."), not_yet("No bank lists anything here.")])
def test_a_rail_that_tells_no_list_says_why(riel: Riel, offering: Callable[..., None], reason: Any) -> None:
    offering(capabilities=Capabilities(refund=yes, partial_refund=yes, statement=reason))
    assert riel("reconcile", "toy", *DAY) == (
        2,
        "",
        "riel: the rail 'toy' cannot be reconciled: No bank lists anything here.\n",
    )


def test_a_client_that_cannot_do_what_its_rail_declares_is_one_sentence(
    riel: Riel, offering: Callable[..., None]
) -> None:
    offering()
    code, out, err = riel("reconcile", "toy", *DAY)
    assert (code, out) == (2, "")
    assert err == (
        "riel: the rail 'toy' declares statements, but its client has no method 'statement'. Nothing was compared.\n"
    )


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (KeyError("secret"), "the rail failed: KeyError in"),
        (SystemExit(3), "the rail failed: SystemExit in"),
        (TimeoutError(), "no answer within the deadline of a statement"),
    ],
    ids=["a bug", "sys.exit", "a time-out"],
)
def test_whatever_a_client_does_instead_is_one_sentence_and_no_secret(
    riel: Riel, offering: Callable[..., None], failure: BaseException, why: str
) -> None:
    class FailingStatements:
        async def statement(self, day: object) -> object:
            raise failure

    @asynccontextmanager
    async def connect(settings: object, http: object) -> Any:
        yield FailingStatements()

    offering(connect=connect)
    code, out, err = riel("reconcile", "toy", *DAY)
    assert (code, out) == (2, "")
    assert f"riel: the rail 'toy' did not tell its list ({why}" in err
    assert err.endswith("): nothing was compared\n")
    assert "secret" not in err
    assert ("(rail-toy 1) failed in statement: " in err) == ("failed" in why)


def test_times_that_no_calendar_has_are_shown_as_they_were_told(riel: Riel, offering: Callable[..., None]) -> None:
    last, before = datetime.max.replace(tzinfo=timezone(-HOUR)), datetime(2026, 3, 2, tzinfo=UTC)
    entry = StatementLine(kind="payment", reference="X", status=Status.SETTLED, amount=1, currency="MXN", at=last)

    class Telling:
        async def statement(self, day: object) -> object:
            return Statement(since=before, until=last, lines=[entry])

    @asynccontextmanager
    async def connect(settings: object, http: object) -> Any:
        yield Telling()

    offering(connect=connect)
    code, out, err = riel("reconcile", "toy", *DAY, "--json")
    told = json.loads(out)
    assert (code, told["until"], told["differences"][0]["rail"]["at"]) == (1, *["9999-12-31T23:59:59-01:00"] * 2), err


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "-1"])
def test_a_time_to_go_on_for_that_is_none_is_refused(riel: Riel, offering: Callable[..., None], seconds: str) -> None:
    offering()
    code, out, err = riel("recover", "--for", seconds)
    assert (code, out) == (2, "")
    assert "--for" in err


def test_a_client_that_cannot_be_opened_is_one_sentence(riel: Riel, offering: Callable[..., None]) -> None:
    @asynccontextmanager
    async def connect(settings: object, http: object) -> Any:
        raise RuntimeError("secret")
        yield

    offering(connect=connect)
    code, out, err = riel("reconcile", "toy", *DAY)
    assert (code, out) == (2, "")
    assert "the rail 'toy' (rail-toy 1) failed in connect: RuntimeError in " in err
    assert "riel: The rail toy failed: it could not be opened (RuntimeError in " in err
    assert err.endswith("Nothing was sent. Nothing was compared.\n")
    assert "secret" not in err


def test_attention_before_the_command_lists_too_and_before_another_command_is_refused(
    riel: Riel, offering: Callable[..., None]
) -> None:
    offering()
    assert riel("payments", "--attention")[1].startswith("There are none.\n")
    code, out, err = riel("payments", "--attention", "list")
    assert (code, out) == (2, "")
    assert err == "riel: --attention belongs behind the command: riel payments list --attention\n"
