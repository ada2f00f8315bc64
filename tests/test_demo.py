"""``riel demo``: what a newcomer sees, with real processes, and that it says so where something is not as told."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riel.cli import main
from riel.demo.script import INVOICE
from riel.installed_packages import Installed

PATIENCE = 120.0

HOSTILE = {
    "RIEL_JOURNAL": "/nowhere/journal.db",
    "RIEL_FACTOR": "totp",
    "RIEL_RAILS": "spei",
    "RIEL_NONSENSE": "yes",
    "RIEL_LIVE": "yes",
    "RIEL_MOCK_BASE_URL": "https://bank.example",
    "RIEL_MOCK_LOOKUP": "no",
}
"""Settings of the user's that would spoil the story, if any of them was read."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user stands: a folder with a configuration of their own, and an empty one for what is temporary."""
    home = tmp_path_factory.mktemp("home")
    (home / "riel.toml").write_text('journal = "theirs.db"\nnonsense = true\n')
    (home / "tmp").mkdir()
    return home


@pytest.fixture(scope="module")
def demo(home: Path) -> Run:
    def run(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        mine = {**os.environ, **HOSTILE, "HOME": str(home), "TMPDIR": str(home / "tmp"), **variables}
        return subprocess.run(
            [sys.executable, "-m", "riel", "demo", *options],
            cwd=home,
            env={name: value for name, value in mine.items() if name != "XDG_DATA_HOME"},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def document(demo: Run) -> dict[str, Any]:
    """What ``riel demo --json`` prints: one document, and nothing besides it."""
    ran = demo("--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


@pytest.fixture(scope="module")
def story(demo: Run) -> str:
    ran = demo(COLUMNS="100", PYTHONIOENCODING="utf-8")
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def statuses(document: dict[str, Any]) -> Iterator[str]:
    """What each answer of a tool came to."""
    for step in document["steps"]:
        answers = step["response"] if "times" in step["request"] else [step["response"]]
        if "tool" in step["request"]:
            assert len(answers) == step["request"].get("times", 1)
            for answer in answers:
                yield answer["data"]["status"] if answer["data"] else answer["error"]["code"]


def test_the_story_for_machines(document: dict[str, Any]) -> None:
    assert document["asTold"] is True
    assert document["problem"] is None
    assert list(statuses(document)) == [
        "2fa_required",
        "2FA_MISMATCH",
        "2FA_MISMATCH",
        *["success"] * 12,
        "pending",
        "success",
        "2fa_required",
        "success",
        "success",
    ]
    assert [step["untrue"] for step in document["steps"]] == [[]] * 14


def test_there_are_as_many_debits_as_confirmed_payments(document: dict[str, Any]) -> None:
    answers = [step["response"] for step in document["steps"] if step["request"].get("tool") == "mock_send_payment"]
    confirmed = {
        answer["data"]["trackingKey"]
        for answer in answers
        if isinstance(answer, dict) and answer["data"]
        if "trackingKey" in answer["data"]
    }
    assert sorted(debit["reference"] for debit in document["ledger"]) == sorted(confirmed)
    assert [(debit["beneficiary"], debit["amount"]) for debit in document["ledger"]] == [
        ("1234567897", 50000),
        ("4020301001", 120000),
    ]


def test_the_bank_is_asked_after_every_step(document: dict[str, Any]) -> None:
    assert [step["debits"] for step in document["steps"]] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]


def test_the_person_sees_what_is_confirmed(document: dict[str, Any]) -> None:
    shown = [step["shown"] for step in document["steps"] if step["shown"]]
    assert [re.findall(r"MXN [\d,.]+\d", one["text"]) for one in shown] == [
        ["MXN 500.00"],
        ["MXN 1,200.00"],
        ["MXN 200.00"],
    ]
    assert all(re.fullmatch(r"[0-9]{6}", one["code"]) for one in shown)
    assert all("Account: 1234 5678 97" in one["text"] for one in shown[:1]), "the person compares the whole account"


def test_the_story_for_people(story: str) -> None:
    numbered = [line for line in story.splitlines() if re.match(r" ?\d+ \w", line)]
    assert len(numbered) == 14
    for told in ("2fa_required", "2FA_MISMATCH", "success", "pending", "the person is asked", "riel audit verify"):
        assert told in story
    assert "\x1b" not in story
    assert story.splitlines()[-1].startswith("All of it was as told.")


def test_the_story_is_short(story: str) -> None:
    """Fewer than twenty lines of prose: what stands outside of requests, answers and tables."""
    prose = [line for line in story.splitlines() if re.match(r"( ?\d+ )?\w", line)]
    assert len(prose) < 20


def test_nothing_of_the_users_is_touched(document: dict[str, Any], story: str, home: Path) -> None:
    assert sorted(path.relative_to(home).as_posix() for path in home.rglob("*")) == ["riel.toml", "tmp"]


def test_a_terminal_that_knows_only_ascii(demo: Run) -> None:
    ran = demo(PYTHONIOENCODING="ascii", COLUMNS="60")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.isascii()
    assert "-> mock_send_payment(" in ran.stdout


def test_a_reader_who_goes_early_is_no_failure_of_the_story(home: Path) -> None:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    command, environment = [sys.executable, "-m", "riel", "demo"], {**mine, "TMPDIR": str(home / "tmp")}
    with subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == ""
        assert demo.wait(PATIENCE) == 1
    assert list((home / "tmp").iterdir()) == []


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["story", "json"])
def test_what_is_not_as_told_is_said_and_ends_it(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account to which the bank books a centavo more than was asked: riel hands that to an operator."""
    monkeypatch.setitem(INVOICE, "account", "4020306001")
    assert main(["demo", *options]) == 1
    printed = capsys.readouterr().out
    assert "it is paid" in printed
    if options:
        document = json.loads(printed)
        assert document["asTold"] is False
        assert [len(step["untrue"]) for step in document["steps"]] == [0, 0, 0, 0, 1]
    else:
        assert "not so: it is paid" in printed
        assert "as told" not in printed


def test_a_server_that_does_not_start_is_said_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("riel.demo.environment.RIEL", (sys.executable, "-c", "import sys; sys.exit('no such thing')"))
    assert main(["demo"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "the story broke off" in printed
    assert "no such thing" in printed


def test_without_a_pretend_bank_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("riel.demo.installed_packages", lambda: Installed(()))
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "riel: riel demo plays with rail-mock, which is not installed\n"
