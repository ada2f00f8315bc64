"""``riel payments``, ``freeze`` and ``audit``, as operators and auditors use them on a journal that others wrote."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from riel.cli import main
from riel.cli.records import os_user
from riel.clock import utc_now
from riel.journal import AttemptLimits, ChallengeState, Journal, State, freeze
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.controls import FREEZE
from riel.journal.open import open_journal
from riel.rail import Payee
from riel.testing.journal_contract import (
    ACCOUNT,
    NOW,
    SECOND,
    create_payment,
    create_settled,
    enter_wrong_code,
    move,
    new_challenge,
    open_challenge,
)
from riel.testing.keys import ROW_MAC, write_server_key

T = TypeVar("T")

MASKED = "*" * 14 + ACCOUNT[-4:]

Riel = Callable[..., tuple[int, str, str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def riel(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Riel:
    """Run a command; its exit code, stdout and stderr."""
    monkeypatch.setenv("RIEL_JOURNAL", str(path))
    monkeypatch.chdir(path.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Run the following commands on a terminal."""

    def on_a_terminal() -> None:
        for stream in (sys.stdin, sys.stdout):
            monkeypatch.setattr(stream, "isatty", lambda: True)

    return on_a_terminal


@pytest.fixture
def journal(path: Path) -> Callable[[Callable[[Journal], Awaitable[T]]], T]:
    """Do something to the journal, as a server does."""

    def do(work: Callable[[Journal], Awaitable[T]]) -> T:
        async def run() -> T:
            opened = await open_journal(str(path), ROW_MAC)
            try:
                await opened.bind_key(write_server_key(path.parent))
                return await work(opened)
            finally:
                await opened.close()

        return asyncio.run(run())

    return do


Journalled = Callable[[Callable[[Journal], Awaitable[Any]]], Any]


async def three(journal: Journal) -> None:
    """One that settled, one that is unknown, one in review; a minute lies between them."""
    await create_settled(journal, "a", 120_050)
    unknown = await create_payment(journal, "b", at=NOW + 60 * SECOND)
    await move(journal, unknown, State.UNKNOWN, why="no whole answer")
    review = await create_payment(journal, "c", at=NOW + 120 * SECOND, rail="zap")
    await move(journal, review, State.REVIEW, why="the rail speaks of another amount")


async def in_review(journal: Journal) -> None:
    await move(journal, await create_payment(journal), State.REVIEW)


def tamper(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(statement)
    db.close()


# Every command


@pytest.mark.parametrize(
    "command",
    [
        ("payments", "list"),
        ("payments", "show", "pay_a"),
        ("payments", "decline", "pay_a"),
        ("payments", "decide", "pay_a", "settled", "--evidence", "a statement"),
        ("payments", "unlock", "ana"),
        ("audit", "verify"),
        ("audit", "anchor"),
    ],
    ids=" ".join,
)
def test_a_journal_that_is_not_there_is_one_sentence_and_none_is_made(
    riel: Riel, path: Path, command: tuple[str, ...], terminal: Callable[[], None]
) -> None:
    terminal()
    code, out, err = riel(*command)
    assert (code, out) == (2, "")
    assert err == f"riel: RIEL_JOURNAL: there is no journal at {path}; riel serve makes one\n"
    assert list(path.parent.iterdir()) == []


def test_a_file_that_is_no_journal_is_one_sentence(riel: Riel, path: Path) -> None:
    path.write_text("This is a shopping list. " * 100)
    code, out, err = riel("payments", "list")
    assert (code, out) == (2, "")
    assert err.startswith("riel: RIEL_JOURNAL: ")
    assert err.count("\n") == 1


def test_an_account_number_is_never_shown(riel: Riel, journal: Journalled) -> None:
    async def write(journal: Journal) -> None:
        record = await create_payment(journal, payee=Payee(ACCOUNT, f"Ana {ACCOUNT}"))
        await move(journal, record, State.REJECTED, code="closed", provider_message=f"account {ACCOUNT} is closed")

    journal(write)
    shown = [
        riel("payments", "list"),
        riel("payments", "list", "--json"),
        riel("payments", "show", "pay_a"),
        riel("payments", "show", "pay_a", "--json"),
    ]
    for code, out, err in shown:
        assert code == 0
        assert ACCOUNT not in out + err
        assert MASKED in out


# riel payments list


def test_the_newest_is_listed_first(riel: Riel, journal: Journalled) -> None:
    journal(three)
    code, out, _ = riel("payments", "list")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()[1:-1]] == ["REF-c", "REF-b", "REF-a"]
    assert "MXN 1,200.50" in out


def test_the_list_for_machines(riel: Riel, journal: Journalled) -> None:
    journal(three)
    told = json.loads(riel("payments", "list", "--json")[1])
    assert told["more"] is False
    last = told["payments"][-1]
    assert last["payee"] == {"name": "Peñón & Hijos S.A.", "account": MASKED, "institution": "Banco de Ñuñoa"}
    assert {name: last[name] for name in ("paymentId", "state", "amount", "currency", "sends", "createdAt")} == {
        "paymentId": "pay_a",
        "state": "settled",
        "amount": 120_050,
        "currency": "MXN",
        "sends": 1,
        "createdAt": "2026-03-02T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--state", "settled"), ["pay_a"]),
        (("--state", "settled", "--state", "unknown"), ["pay_b", "pay_a"]),
        (("--rail", "zap"), ["pay_c"]),
        (("--attention",), ["pay_c", "pay_b"]),
        (("--attention", "--rail", "mock"), ["pay_b"]),
        (("-n", "2"), ["pay_c", "pay_b"]),
        (("--state", "returned"), []),
    ],
    ids=lambda value: " ".join(value),
)
def test_the_list_can_be_narrowed(
    riel: Riel, journal: Journalled, options: tuple[str, ...], expected: list[str]
) -> None:
    journal(three)
    code, out, _ = riel("payments", "list", "--json", *options)
    assert code == 0
    assert [payment["paymentId"] for payment in json.loads(out)["payments"]] == expected


def test_what_does_not_fit_is_said(riel: Riel, journal: Journalled) -> None:
    journal(three)
    assert "There are older ones" in riel("payments", "list", "-n", "2")[1]
    assert "There are older ones" not in riel("payments", "list", "-n", "3")[1]
    assert json.loads(riel("payments", "list", "-n", "2", "--json")[1])["more"] is True


def test_an_empty_list_says_so(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: journal.payments())
    code, out, err = riel("payments", "list")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "There are none."


def test_more_than_any_list_has_is_refused(riel: Riel, journal: Journalled) -> None:
    journal(three)
    code, out, err = riel("payments", "list", "-n", "99999999999999999999")
    assert (code, out) == (2, "")
    assert "-n" in err


def test_a_state_that_does_not_exist_is_refused(riel: Riel, journal: Journalled) -> None:
    journal(three)
    code, out, err = riel("payments", "list", "--state", "lost")
    assert (code, out) == (2, "")
    assert "review" in err


def test_what_others_wrote_has_no_power_over_the_terminal(riel: Riel, journal: Journalled, path: Path) -> None:
    journal(lambda journal: create_settled(journal, "a"))
    tamper(
        path,
        "UPDATE payments SET payee = '[red]Ana' || char(27) || '[2J', "
        "provider_message = char(27) || ']0;mine' || char(7)",
    )
    for command in (("payments", "list"), ("payments", "show", "pay_a")):
        out = riel(*command)[1]
        assert "\x1b" not in out
        assert "[red]Ana" in out


# riel payments show


@pytest.mark.parametrize("which", [("pay_c",), ("REF-c", "--rail", "zap")], ids=" ".join)
def test_the_whole_life_of_a_payment(riel: Riel, journal: Journalled, which: tuple[str, ...]) -> None:
    journal(three)
    code, out, _ = riel("payments", "show", *which)
    assert code == 0
    assert [line.split()[3] for line in out.splitlines()[-4:] if line[0].isdigit()] == [
        "challenge.opened",
        "payment.created",
        "payment.review",
    ]
    assert "the rail speaks of another amount" in out
    told = json.loads(riel("payments", "show", *which, "--json")[1])
    assert told["payment"]["state"] == "review"
    assert told["question"]["state"] == "consumed"
    assert [(event["n"], event["event"]) for event in told["events"]] == [
        (1, "challenge.opened"),
        (2, "payment.created"),
        (3, "payment.review"),
    ]


def test_the_life_of_a_question_that_became_no_payment(riel: Riel, journal: Journalled) -> None:
    async def write(journal: Journal) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        await enter_wrong_code(journal, asked)

    journal(write)
    code, out, _ = riel("payments", "show", "pay_a")
    assert code == 0
    assert "attempt.failed" in out
    told = json.loads(riel("payments", "show", "pay_a", "--json")[1])
    assert told["payment"] is None
    assert (told["question"]["state"], told["question"]["attempts"]) == ("open", 1)


def test_a_payment_that_is_not_there(riel: Riel, journal: Journalled) -> None:
    journal(three)
    code, out, err = riel("payments", "show", "pay_none")
    assert (code, out) == (1, "")
    assert "there is no payment 'pay_none'" in err


def test_what_cannot_be_read_is_one_sentence(riel: Riel, journal: Journalled, path: Path) -> None:
    journal(three)
    tamper(path, "UPDATE events SET body = 'x' WHERE payment_id = 'pay_a'")
    code, out, err = riel("payments", "show", "pay_a")
    assert (code, out) == (1, "")
    assert "riel audit verify" in err


def test_the_whole_account_is_shown_on_a_terminal_to_the_operator_who_asks_for_it(
    riel: Riel, journal: Journalled, terminal: Callable[[], None]
) -> None:
    journal(lambda journal: open_challenge(journal, new_challenge("q")))
    journal(three)
    for options in ((), ("--json",)):
        code, out, err = riel("payments", "show", "pay_a", "--whole", *options)
        assert (code, out) == (2, "")
        assert "--whole shows an account on a terminal" in err
    terminal()
    for payment_id in ("pay_a", "pay_q"):
        assert ACCOUNT not in riel("payments", "show", payment_id)[1]
        code, out, _ = riel("payments", "show", payment_id, "--whole")
        assert code == 0
        assert out.splitlines()[0] == f"The payee's whole account: {ACCOUNT}"
        assert out.count(ACCOUNT) == 1
    code, out, err = riel("payments", "show", "pay_a", "--whole", "--json")
    assert (code, out) == (2, "")


# riel payments unlock


def test_an_operator_unlocks_a_principal_at_a_terminal_and_no_pipe_does(
    riel: Riel, journal: Journalled, terminal: Callable[[], None]
) -> None:
    now = utc_now()

    async def lock(journal: Journal) -> None:
        for name in ("a", "b"):
            challenge = new_challenge(name, created_at=now, expires_at=now + 600 * SECOND)
            await open_challenge(journal, challenge)
            for _ in range(5):
                await enter_wrong_code(journal, challenge, now)

    def is_locked() -> bool:
        limits = AttemptLimits()
        return bool(journal(lambda journal: journal.count_attempt(None, "ana", now, limits)) == "rate_limited")

    journal(lock)
    code, out, err = riel("payments", "unlock", "ana")
    assert (code, out) == (2, "")
    assert "a person at a terminal" in err
    assert is_locked()
    terminal()
    code, out, err = riel("payments", "unlock", "bea")
    assert (code, out) == (1, "")
    assert "'bea' has entered no wrong code" in err
    code, out, _ = riel("payments", "unlock", "ana")
    assert (code, out) == (0, "ana may confirm again: 10 wrong codes of the last hour no longer count.\n")
    assert not is_locked()
    (event,) = journal(lambda journal: journal.events(JOURNAL_CHAIN))
    assert event.body == {"by": os_user(), "principal": "ana", "attempts": 10}


# riel payments decline


def test_a_no_is_recorded_with_who_said_it_and_stays(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: open_challenge(journal, new_challenge()))
    code, out, _ = riel("payments", "decline", "pay_a")
    assert code == 0
    assert out == f"Declined by {os_user()}: Pay?\n"
    told = json.loads(riel("payments", "show", "pay_a", "--json")[1])
    assert told["events"][-1]["body"] == {"by": os_user(), "to": "declined"}
    again = journal(lambda journal: open_challenge(journal, new_challenge("b", digest=new_challenge().digest)))
    assert again.challenge.state is ChallengeState.DECLINED


def test_a_no_comes_too_late(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: create_settled(journal))
    code, out, err = riel("payments", "decline", "pay_a")
    assert (code, out) == (1, "")
    assert "confirmed before, and is settled" in err


@pytest.mark.parametrize(("payment_id", "sentence"), [("pay_a", "was declined before"), ("pay_b", "there is no")])
def test_there_is_nothing_to_say_no_to(riel: Riel, journal: Journalled, payment_id: str, sentence: str) -> None:
    journal(lambda journal: open_challenge(journal, new_challenge()))
    riel("payments", "decline", "pay_a")
    code, out, err = riel("payments", "decline", payment_id)
    assert (code, out) == (1, "")
    assert sentence in err


# riel payments decide


@pytest.mark.parametrize("outcome", ["settled", "rejected"])
def test_an_operator_decides_with_evidence(riel: Riel, journal: Journalled, outcome: str) -> None:
    journal(in_review)
    code, out, _ = riel("payments", "decide", "pay_a", outcome, "--evidence", "statement of 2 March, line 4")
    assert (code, out) == (0, f"pay_a is {outcome} now, as {os_user()} decided.\n")
    told = json.loads(riel("payments", "show", "pay_a", "--json")[1])
    assert told["payment"]["state"] == outcome
    assert told["events"][-1]["body"] == {
        "from": "review",
        "to": outcome,
        "by": os_user(),
        "evidence": "statement of 2 March, line 4",
    }
    assert riel("audit", "verify")[0] == 0


def test_only_what_is_in_review_is_decided(riel: Riel, journal: Journalled) -> None:
    journal(three)
    code, out, err = riel("payments", "decide", "pay_b", "rejected", "--evidence", "I think so")
    assert (code, out) == (1, "")
    assert "pay_b is unknown" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("settled",),
        ("settled", "--evidence", " "),
        ("settled", "--evidence", "x" * 501),
        ("returned", "--evidence", "a letter"),
    ],
    ids=["none", "blank", "long", "no outcome"],
)
def test_a_decision_needs_an_outcome_and_evidence(riel: Riel, journal: Journalled, arguments: tuple[str, ...]) -> None:
    journal(in_review)
    code, out, _ = riel("payments", "decide", "pay_a", *arguments)
    assert (code, out) == (2, "")
    assert json.loads(riel("payments", "show", "pay_a", "--json")[1])["payment"]["state"] == "review"


def test_who_decides_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert os_user() == honest


# riel audit


def test_a_record_that_holds_is_counted(riel: Riel, journal: Journalled) -> None:
    journal(three)
    assert riel("audit", "verify") == (0, "9 events: none was altered, removed or reordered.\n", "")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ("UPDATE events SET body = replace(body, '50000', '5') WHERE event = 'payment.created'", "event 2 of pay_b"),
        ("DELETE FROM events WHERE payment_id = 'pay_b' AND n = 2", "event 2 of pay_b is missing: it was removed"),
        ("UPDATE events SET n = n + 10 WHERE payment_id = 'pay_c' AND n = 1", "event 1 of pay_c is missing"),
    ],
    ids=["altered", "removed", "reordered"],
)
def test_the_first_event_that_does_not_hold_is_named(
    riel: Riel, journal: Journalled, path: Path, harm: str, sentence: str
) -> None:
    journal(three)
    tamper(path, harm)
    code, out, err = riel("audit", "verify")
    assert (code, out) == (1, "")
    assert err.startswith("riel: the record does not hold: ")
    assert sentence in err


def test_an_anchor_seals_once(riel: Riel, journal: Journalled) -> None:
    journal(three)
    first, again = riel("audit", "anchor"), riel("audit", "anchor")
    shown = first[1].removeprefix("Sealed.\n")
    assert shown.startswith("The newest anchor is 1:")
    assert (first[0], first[2]) == (0, "")
    assert again == (0, f"Nothing was written since the last anchor.\n{shown}", "")


def test_a_whole_payment_that_was_taken_out_is_seen_under_an_anchor(
    riel: Riel, journal: Journalled, path: Path
) -> None:
    journal(three)
    riel("audit", "anchor")
    for statement in (
        "events WHERE payment_id = 'pay_c'",
        "payments WHERE id = 'pay_c'",
        "challenges WHERE id = 'pay_c'",
    ):
        tamper(path, f"DELETE FROM {statement}")
    code, _, err = riel("audit", "verify")
    assert code == 1
    assert "anchor 1" in err


def test_nothing_here_speaks_mcp(journal: Journalled, path: Path) -> None:
    journal(three)
    look = "import sys; from riel.cli import main; main(['payments', 'list']); sys.exit('mcp' in sys.modules)"
    environment = {"RIEL_JOURNAL": str(path)}
    assert subprocess.run([sys.executable, "-c", look], env=environment, cwd=path.parent, check=False).returncode == 0


# riel freeze, riel thaw


def test_whoever_is_there_freezes_payments_and_a_person_at_a_terminal_lets_them_go_on(
    riel: Riel, journal: Journalled, terminal: Callable[[], None]
) -> None:
    def is_frozen() -> bool:
        return freeze.is_set(journal(lambda journal: journal.control(FREEZE)))

    journal(three)
    assert riel("freeze", "--why", "a stolen phone") == (
        0,
        f"Payments are frozen, as {os_user()} decided. riel thaw lets them go on.\n",
        "",
    )
    assert is_frozen()
    code, _, err = riel("freeze", "--why", "again")
    assert (code, "frozen already" in err) == (1, True)
    code, out, err = riel("thaw", "--why", "found")
    assert (code, out, "a person at a terminal" in err) == (2, "", True)
    assert is_frozen()
    terminal()
    assert riel("thaw", "--why", "found") == (0, f"Payments go on, as {os_user()} decided.\n", "")
    assert not is_frozen()
    code, _, err = riel("thaw", "--why", "again")
    assert (code, "payments are not frozen" in err) == (1, True)
    said = [event.body for event in journal(lambda journal: journal.events(JOURNAL_CHAIN))]
    assert [(body["action"], body["by"], body["why"]) for body in said] == [
        ("freeze", os_user(), "a stolen phone"),
        ("thaw", os_user(), "found"),
    ]


@pytest.mark.parametrize("why", ["", " ", "x" * 301])
def test_a_freeze_without_a_reason_is_refused(riel: Riel, journal: Journalled, why: str) -> None:
    journal(three)
    code, out, err = riel("freeze", "--why", why)
    assert (code, out, "--why" in err) == (2, "", True)


def test_a_freeze_that_somebody_edited_is_lifted_at_a_terminal(
    riel: Riel, journal: Journalled, path: Path, terminal: Callable[[], None]
) -> None:
    journal(three)
    riel("freeze", "--why", "a stolen phone")
    tamper(path, "DELETE FROM controls")
    assert journal(lambda journal: journal.control(FREEZE)).tampered
    assert riel("freeze", "--why", "somebody edited it")[0] == 0, "payments are frozen by a person again"
    assert not journal(lambda journal: journal.control(FREEZE)).tampered
    tamper(path, "DELETE FROM controls")
    assert freeze.is_set(journal(lambda journal: journal.control(FREEZE)))
    terminal()
    assert riel("thaw", "--why", "the database was looked at")[0] == 0
    assert not freeze.is_set(journal(lambda journal: journal.control(FREEZE)))
