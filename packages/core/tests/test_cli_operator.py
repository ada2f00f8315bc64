"""What an operator reads on a terminal, in a pipe and in a log: whole, copyable, in any character set, and true."""

import asyncio
import io
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from riel.app import activate_rails, open_app
from riel.catalog import activate, discover
from riel.cli import COMMANDS, main
from riel.cli.records import NOBODY_SIGNED_IN, os_user
from riel.cli.recover import is_news
from riel.cli.tables import payments_parts, print_parts, reconciliation_tables, recovery_parts
from riel.config import read_settings, settings_resolver
from riel.errors import Misconfigured
from riel.journal import State
from riel.journal.open import open_journal
from riel.rail import Payee
from riel.redaction import Redactor, configure_log
from riel.sandbox import run_banks
from riel.testing.journal_contract import create_payment, move
from riel.testing.keys import ROW_MAC
from riel.text import escape_controls

from .bad_rails import HOOK, Site
from .config_support import configuration_folder

pytestmark = pytest.mark.anyio

REFERENCE = "RIEL260116ABCDEFGHIJKLMNOPQRST"
ID = "pay_01a22cbbebdf550c36c11ce22a24f0e1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = configuration_folder(tmp_path, monkeypatch)
    monkeypatch.setenv("RIEL_JOURNAL", str(tmp_path / "data" / "journal.db"))
    return folder


def made(tmp_path: Path, *payees: Payee, state: State | None = None, dead: bool = False) -> None:
    """Payments in the journal; with ``dead``, their server ended without a word."""

    async def run() -> None:
        journal = await open_journal(str(tmp_path / "data" / "journal.db"), ROW_MAC)
        for n, payee in enumerate(payees):
            record = await create_payment(journal, str(n), payee=payee)
            if state is not None:
                await move(journal, record, state)
        if dead:
            (owner,) = (tmp_path / "data" / "journal.db.owners").iterdir()
            owner.unlink()
        await journal.close()

    asyncio.run(run())


# In any character set


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
@pytest.mark.parametrize("options", [["list"], ["list", "--json"], ["show", "pay_0"], ["show", "pay_0", "--json"]])
def test_one_payee_with_other_letters_does_not_end_a_command(tmp_path: Path, encoding: str, options: list[str]) -> None:
    made(tmp_path, Payee("012180001234567895", "Łódź 支付"), Payee("012180001234567895", "Peñón"))
    ran = subprocess.run(
        [sys.executable, "-m", "riel", "payments", *options],
        capture_output=True,
        env=dict(os.environ) | {"PYTHONIOENCODING": encoding},
        timeout=300,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    shown = ran.stdout.decode(encoding)
    if "--json" in options:
        document = json.loads(shown)
        names = json.dumps(document, ensure_ascii=False)
        assert "Łódź 支付" in names
    else:
        assert "\\u652f\\u4ed8" in shown


def test_letters_stay_as_they_are_where_stdout_has_them(tmp_path: Path) -> None:
    made(tmp_path, Payee("012180001234567895", "Łódź 支付"))
    for options in (["list"], ["list", "--json"]):
        ran = subprocess.run(
            [sys.executable, "-m", "riel", "payments", *options],
            capture_output=True,
            env=dict(os.environ) | {"PYTHONIOENCODING": "utf-8"},
            timeout=300,
            check=False,
        )
        assert "Łódź 支付" in ran.stdout.decode()


# Control characters


def test_a_sentence_on_stderr_cannot_overwrite_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "no\rsuch\x1b[2Jfile"]) == 2
    said = capsys.readouterr().err
    assert not {"\r", "\x1b"} & set(said)
    assert said.count("\n") == 1


def test_a_log_line_cannot_overwrite_itself() -> None:
    import logging

    out, root = io.StringIO(), logging.getLogger()
    before = root.handlers, root.level
    try:
        configure_log(Redactor(), "warning", out)
        logging.getLogger("riel").warning("a path%s", "\rERROR \u202egnp.exe")
    finally:
        root.handlers, root.level = before
    assert out.getvalue() == "WARNING riel: a path\\rERROR \\u202egnp.exe\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("a\tb\nc", "a\tb\nc"), ("a\rb", "a\\rb"), ("\x1b", "\\x1b"), ("ñ\u200b", "ñ\\u200b")]
)
def test_what_changes_how_others_are_shown_is_escaped(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


# What fits, and what is never cut


def shown_at(monkeypatch: pytest.MonkeyPatch, width: int, *parts: Any) -> list[str]:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(width))
    print_parts(*parts)
    return out.getvalue().splitlines()


PAYMENT = {
    "createdAt": "2026-01-26T14:57:52Z",
    "rail": "spei",
    "mode": "sandbox",
    "kind": "payment",
    "state": "settled",
    "formattedAmount": "MXN 1,234,567.00",
    "payee": {"name": "Joaquina de la Vega", "account": "**************7895", "institution": "BBVA MEXICO"},
    "reference": REFERENCE,
}


def test_a_terminal_of_80_columns_shows_payee_and_reference_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown_at(monkeypatch, 80, *payments_parts([PAYMENT], width=80))
    assert [line.strip() for line in lines] == [
        "2026-01-26 14:57:52  spei (sandbox)  payment  settled  MXN 1,234,567.00",
        "Joaquina de la Vega, **************7895, BBVA MEXICO",
        REFERENCE,
    ]
    assert max(map(len, lines)) <= 80


def test_a_recovery_at_80_columns_shows_the_reference_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = PAYMENT | {"before": "unknown", "nextLookupAt": "2026-01-26T15:57:52Z"}
    lines = shown_at(monkeypatch, 80, *recovery_parts([looked_up], width=80))
    assert [line.strip() for line in lines] == [
        "spei (sandbox)  payment  unknown -> settled  MXN 1,234,567.00",
        f"{REFERENCE}  looked at again 2026-01-26 15:57:52",
    ]


def test_a_command_to_copy_is_on_a_line_of_its_own_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    side = {"amount": 1, "currency": "MXN", "formattedAmount": "MXN 0.01", "payee": PAYMENT["payee"]}
    remedy = f"Decide it, on this evidence: riel payments decide {ID}"
    difference = {
        "kind": "unresolved",
        "what": "not resolved here, settled at the rail",
        "reference": REFERENCE,
        "journal": side | {"state": "review"},
        "rail": side | {"status": "settled", "account": "**************7895"},
        "remedy": remedy,
    }
    document = {
        "differences": [difference],
        "atTheRail": 1,
        "inTheJournal": 1,
        "rail": "spei",
        "mode": "live",
        "since": "",
        "until": "",
        "over": True,
    }
    assert f"{REFERENCE}: {remedy}" in shown_at(monkeypatch, 80, *reconciliation_tables(document))


def help_of(*arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "riel", *arguments, "--help"],
        capture_output=True,
        text=True,
        env=dict(os.environ) | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"},
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return " ".join(ran.stdout.split())


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"serve"}))
def test_no_word_of_a_help_is_eaten_as_markup(command: str) -> None:
    assert " ," not in help_of(command)


def test_the_help_of_limits_names_the_table() -> None:
    assert 'in the table "limits" of riel.toml' in help_of("limits")


def test_the_help_of_recover_says_that_it_may_send_again() -> None:
    shown = help_of("recover")
    assert "sends an order again where the rail does not have it" in shown
    assert "It may send orders again." in shown


# What needs somebody


def test_attention_shows_a_payment_whose_server_died_while_it_sent_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, Payee("012180001234567895", "Ana"), dead=True)
    assert main(["payments", "list", "--attention", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(payment["paymentId"], payment["state"]) for payment in listed["payments"]] == [("pay_0", "sending")]


async def test_attention_shows_no_payment_that_a_living_server_sends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = await open_journal(str(tmp_path / "data" / "journal.db"), ROW_MAC)
    record = await create_payment(journal, "0")
    assert record.owner is not None
    assert await journal.is_owner_alive(record.owner)
    assert await asyncio.to_thread(main, ["payments", "list", "--attention", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["payments"] == []
    await journal.close()


# Where things are


def test_the_journal_of_a_sandbox_is_named_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RIEL_JOURNAL")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    sandbox = tmp_path / "share" / "riel" / "sandbox.db"
    sandbox.parent.mkdir(parents=True)
    sandbox.touch()
    assert main(["payments", "list"]) == 2
    said = capsys.readouterr().err
    assert f"the one of riel serve --sandbox is {sandbox}: RIEL_JOURNAL={sandbox} shows it" in said


def test_a_list_says_which_journal_and_settings_it_is_of(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "riel.toml").write_text('principal = "ana"\n')
    made(tmp_path)
    assert main(["payments", "list"]) == 0
    said = capsys.readouterr().out
    assert f"The journal is {tmp_path / 'data' / 'journal.db'}; the settings come from the environment and " in said
    assert str(folder / "riel.toml") in said


def test_a_wrong_journal_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "etc" / "passwd"
    other.parent.mkdir()
    other.write_text("root:x:0:0\n" * 200)
    other.chmod(0o644)
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("zap")
        for name, value in {"RAILS": "zap", "ZAP_BASE_URL": "http://127.0.0.1:9", "JOURNAL": str(other)}.items():
            monkeypatch.setenv(f"RIEL_{name}", value)
        assert main(["recover"]) == 2
    assert [path.name for path in other.parent.iterdir()] == ["passwd"]


# Who it was


def test_who_signed_in_is_recorded_behind_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me, nobody = pwd.getpwuid(os.getuid()).pw_name, next(user for user in pwd.getpwall() if user.pw_uid != os.getuid())
    login_uid = tmp_path / "loginuid"
    login_uid.write_text(f"{nobody.pw_uid}\n")
    monkeypatch.setenv("SUDO_UID", "12345")
    assert os_user(login_uid) == f"{me} (signed in as {nobody.pw_name})"
    login_uid.write_text(f"{os.getuid()}\n")
    assert os_user(login_uid) == me
    login_uid.write_text(f"{NOBODY_SIGNED_IN}\n")
    assert os_user(login_uid) == f"{me} (sudo by uid 12345)"
    for nonsense in ("", "ana"):
        monkeypatch.setenv("SUDO_UID", nonsense)
        assert os_user(login_uid) == me
    monkeypatch.delenv("SUDO_UID")
    assert os_user(tmp_path / "nothing") == me


# What is installed, and what is not


def test_no_sentence_proposes_a_package_by_a_name_that_was_misspelt(tmp_path: Path) -> None:
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("spei")
        (problem,) = [each for each in discover(only=["spie"]).problems if each.entry_point == "spie"]
    assert problem.sentence == "'spie' is not installed; did you mean spei?"
    assert "rail-spie" not in problem.sentence + problem.remedy


def test_an_installed_rail_without_any_setting_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    with Site(tmp_path / "site").on_the_path() as site:
        for name in ("zap", "pix", "upi"):
            site.install(name, f"{HOOK}yield toy('{name}')")
        monkeypatch.setenv("RIEL_ZAP_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("RIEL_PIX_API_KEY", "half of it")
        caplog.set_level("INFO", "riel.app")
        activate_rails(discover(), read_settings(), None, lambda _: True)
    levels = {record.levelname for record in caplog.records if "UPI" in record.getMessage()}
    assert levels == {"INFO"}
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR" and "PIX" in r.getMessage()] != []


def test_a_bank_that_objects_names_every_setting_that_it_has(tmp_path: Path) -> None:
    names = ", ".join(f"setting_number_{n}" for n in range(40))
    fail = f"def fail(told):\n    raise ValueError('it has {names}')\n"
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("zap", f"{fail}{HOOK}yield toy('zap', sandbox=fail)")
        err = io.StringIO()
        before, sys.stderr = sys.stderr, err
        try:
            assert main(["sandbox", "zap"]) == 2
        finally:
            sys.stderr = before
    assert "setting_number_39" in err.getvalue()


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"API_KEYY": "x"}, "RIEL_ZAP_API_KEYY is not a setting of 'zap'; did you mean RIEL_ZAP_API_KEY?"),
        ({"RETRIES": "9"}, "'zap' cannot make its pretend bank: nine are too many"),
    ],
)
async def test_what_a_bank_objects_to_is_a_wrong_setting_and_no_bug_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: bool, variables: dict[str, str], sentence: str
) -> None:
    fail = "def fail(told):\n    raise ValueError('nine are too many')\n"
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("zap", f"{fail}{HOOK}yield toy('zap', sandbox=fail)")
        for name, value in (variables if sandbox else variables | {"BASE_URL": "http://127.0.0.1:9"}).items():
            monkeypatch.setenv(f"RIEL_ZAP_{name}", value)
        discovery, settings = discover(only=["zap"]), read_settings()
        async with run_banks(discovery, settings) as banks:
            resolver = settings_resolver(settings, banks if sandbox else None, lambda _: True)
            (problem,) = activate(discovery, resolver, insist=False).problems
    assert problem.sentence == sentence
    assert "Correct it in the environment" in problem.remedy


# recover


def test_what_had_ended_and_is_as_before_does_not_drown_the_rest() -> None:
    looked_up = [(State.SETTLED, State.SETTLED), (State.SETTLED, State.RETURNED), (State.UNKNOWN, State.UNKNOWN)]
    assert [pair for pair in looked_up if is_news(*pair)] == looked_up[1:]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# Live money


LIVE = {
    "RAILS": "zap",
    "LIVE": "yes",
    "FACTOR": "totp",
    "ZAP_BASE_URL": "https://bank.example",
    "ZAP_API_KEY": "live_12345678",
}


def test_a_server_with_real_money_refuses_what_an_agent_may_write_before_it_makes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Home and journal are in the folder in which the client starts the server."""
    workspace = Path.cwd()
    for name, value in (LIVE | {"HOME": str(workspace), "JOURNAL": str(workspace / "journal.db")}).items():
        monkeypatch.setenv(f"RIEL_{name}", value)
    with Site(tmp_path / "site").on_the_path() as site:
        site.install("zap")

        async def start() -> None:
            async with open_app(read_settings(), Redactor(), discovery=discover(only=["zap"])):
                raise AssertionError("it started")

        with pytest.raises(Misconfigured, match=r"^RIEL_HOME, which live money.* where an agent may write"):
            asyncio.run(start())
    assert list(workspace.iterdir()) == []
    assert "money is real by zap; the settings come from the environment, and no file" in caplog.text
