"""``riel audit`` and ``riel notifications``, as an operator and an auditor use them."""

import asyncio
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from riel.cli import export, main
from riel.journal import Journal, Message, State
from riel.journal.audit.chain import Anchor, ChainRow, anchor_link, link
from riel.journal.audit.export import FORMAT, VERSION, ExportHeader, ExportLine
from riel.journal.open import open_journal
from riel.testing.journal_contract import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    create_audited,
    create_payment,
    create_settled,
    move,
)
from riel.testing.keys import ROW_MAC, write_server_key

from .audit_support import closed

Riel = Callable[..., tuple[int, str, str]]
Journalled = Callable[[Callable[[Journal], Awaitable[Any]]], Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def riel(path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Riel:
    """Run a command; its exit code, stdout and stderr."""
    monkeypatch.setenv("RIEL_JOURNAL", str(path))
    monkeypatch.chdir(path.parent)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capfdbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    return run


@pytest.fixture
def journal(path: Path) -> Journalled:
    """Do something to the journal, as a server does."""

    def do(work: Callable[[Journal], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            opened = await open_journal(str(path), ROW_MAC)
            try:
                await opened.bind_key(write_server_key(path.parent))
                return await work(opened)
            finally:
                await opened.close()

        return asyncio.run(run())

    return do


def noted(told: str) -> str:
    """The anchor that a command shows."""
    (line,) = [line for line in told.splitlines() if "newest anchor is " in line]
    return line.split("newest anchor is ")[1]


# riel audit export


def test_the_exported_file_is_sealed_private_and_holds(riel: Riel, journal: Journalled, path: Path) -> None:
    journal(create_audited)
    code, out, err = riel("audit", "export", "--to", "record.jsonl")
    assert (code, out) == (0, "")
    file = path.parent / "record.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir() if each.name.endswith(("jsonl", "tmp"))) == [file.name]
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [line["line"] for line in lines].count("event") == 7, "what no server had sealed was sealed now"
    assert noted(err) == f"3:{lines[-2]['hash']}"
    code, out, err = riel("audit", "verify", "record.jsonl")
    assert (code, err) == (0, "")
    assert out.startswith("7 events of 2 payments: none was altered, removed or reordered.\nIt was sealed last at ")
    assert noted(out) == f"3:{lines[-2]['hash']}"


def test_it_goes_to_stdout_where_no_file_is_named(
    riel: Riel, journal: Journalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(create_audited)
    code, out, _ = riel("audit", "export")
    assert code == 0
    piped = io.TextIOWrapper(io.BytesIO(out.encode()))
    monkeypatch.setattr(sys, "stdin", piped)
    code, out, err = riel("audit", "verify", "-")
    assert (code, err) == (0, "")
    assert out.startswith("7 events of 2 payments")


@pytest.mark.parametrize("kind", ["a file", "a folder", "a link to nowhere"])
def test_what_is_there_is_not_overwritten(riel: Riel, journal: Journalled, path: Path, kind: str) -> None:
    journal(create_audited)
    there = path.parent / "there"
    if kind == "a file":
        there.write_text("dear to somebody")
    elif kind == "a folder":
        there.mkdir()
    else:
        there.symlink_to("nowhere")
    code, out, err = riel("audit", "export", "--to", "there")
    assert (code, out, err) == (2, "", "riel: there is there already, and is not overwritten: name another file\n")
    assert not (path.parent / "nowhere").exists()
    assert kind != "a file" or there.read_text() == "dear to somebody"


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    riel: Riel, journal: Journalled, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(create_audited)
    there, rename = path.parent / "there", export._give_name

    def beaten(whole: Path, to: Path) -> None:
        there.write_text("first")
        rename(whole, to)

    monkeypatch.setattr(export, "_give_name", beaten)
    assert riel("audit", "export", "--to", "there")[0] == 2
    assert there.read_text() == "first"
    assert [each.name for each in path.parent.iterdir() if "there" in each.name] == ["there"], "nothing is left behind"


def test_a_file_system_without_links_gets_its_file_too(
    riel: Riel, journal: Journalled, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    journal(create_audited)
    assert riel("audit", "export", "--to", "there")[0] == 0
    assert riel("audit", "verify", "there")[0] == 0


def test_a_place_where_no_file_can_be_is_one_sentence(riel: Riel, journal: Journalled) -> None:
    journal(create_audited)
    code, out, err = riel("audit", "export", "--to", "no/such/folder/record.jsonl")
    assert (code, out) == (2, "")
    assert err == "riel: no/such/folder/record.jsonl cannot be written: No such file or directory\n"


def test_a_name_that_no_file_can_have_is_one_sentence(riel: Riel, journal: Journalled) -> None:
    journal(create_audited)
    code, out, err = riel("audit", "export", "--to", "x" * 300)
    assert (code, out) == (2, "")
    assert err.endswith("x cannot be written: File name too long\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it has no disk that is always full")
def test_a_disk_that_is_full_is_one_sentence(journal: Journalled, path: Path) -> None:
    journal(create_audited)
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "riel", "audit", "export"]
        environment = os.environ | {"RIEL_JOURNAL": str(path)}
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert (ended.returncode, ended.stderr.decode()) == (2, "riel: stdout cannot be written: No space left on device\n")


def test_a_record_that_does_not_hold_is_written_and_said_so(riel: Riel, journal: Journalled, path: Path) -> None:
    journal(create_audited)
    tamper(path, "UPDATE events SET at = at + 1 WHERE payment_id = 'pay_a' AND n = 2")
    code, out, err = riel("audit", "export", "--to", "record.jsonl")
    assert (code, out) == (1, "")
    assert "it was written, but the record does not hold: line 6: event 2 of pay_a (attempt.failed) was altered" in err
    code, out, err = riel("audit", "verify", "record.jsonl")
    assert (code, out) == (1, "")
    assert err.startswith("riel: the record does not hold: line 6: event 2 of pay_a (attempt.failed) was altered")


def test_progress_is_shown_where_somebody_looks(
    riel: Riel, journal: Journalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MIN_EVENTS_FOR_PROGRESS", 1)
    monkeypatch.setattr(export, "PROGRESS_INTERVAL", 1)
    journal(create_audited)
    assert "events" not in riel("audit", "export", "--to", "silent")[2]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, _, err = riel("audit", "export", "--to", "shown")
    assert code == 0
    assert "events" in err


def tamper(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(statement)
    db.close()


# riel audit verify


def test_a_file_is_checked_without_a_journal_a_setting_or_a_rail(
    riel: Riel, journal: Journalled, path: Path, tmp_path: Path
) -> None:
    journal(create_audited)
    riel("audit", "export", "--to", "record.jsonl")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "record.jsonl").write_bytes((path.parent / "record.jsonl").read_bytes())
    (elsewhere / "riel.toml").write_text("this is not even TOML")
    env = {"PATH": os.environ["PATH"], "RIEL_JOURNAL": "nonsense://", "RIEL_NO_SUCH_SETTING": "1"}
    script = (
        "import sys; from riel.cli import main; code = main(['audit', 'verify', 'record.jsonl']);"
        "print([m for m in ('sqlite3', 'rail_mock', 'mcp', 'riel.journal.sqlite') if m in sys.modules]); sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=elsewhere, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "7 events of 2 payments: none was altered" in ran.stdout
    assert ran.stdout.endswith("[]\n"), "nothing of a database or a rail was loaded"
    assert sorted(each.name for each in elsewhere.iterdir()) == ["record.jsonl", "riel.toml"]


def test_an_anchor_that_was_noted_tells_of_a_rewritten_history(riel: Riel, journal: Journalled) -> None:
    journal(create_audited)
    note = noted(riel("audit", "anchor")[1])
    riel("audit", "export", "--to", "record.jsonl")
    n, digest = note.split(":")
    for told in (note, digest, digest.upper()):
        assert riel("audit", "verify", "record.jsonl", "--anchor", told)[0] == 0
        assert riel("audit", "verify", "--anchor", told)[0] == 0
    other = "0" * 64
    code, _, err = riel("audit", "verify", "record.jsonl", "--anchor", note, "--anchor", f"{n}:{other}")
    assert (code, "anchor 3 is not the one that was noted" in err) == (1, True)
    assert "line 11:" in err
    code, _, err = riel("audit", "verify", "record.jsonl", "--anchor", other)
    assert (code, "the anchor that was noted is not here" in err) == (1, True)
    for wrong in (other, f"{n}:{other}", f"1:{digest}"):
        code, _, err = riel("audit", "verify", "--anchor", wrong)
        assert (code, "an anchor that was noted is not in it" in err) == (1, True)


@pytest.mark.parametrize("text", ["", "3", "3:abc", "x:" + "0" * 64, "0" * 63, "0" * 65])
def test_an_anchor_that_is_none_is_refused(riel: Riel, text: str) -> None:
    code, out, err = riel("audit", "verify", "record.jsonl", "--anchor", text)
    assert (code, out) == (2, "")
    assert err.startswith("riel: --anchor is what riel audit anchor shows")


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(riel: Riel, name: str) -> None:
    code, out, err = riel("audit", "verify", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"riel: {name} cannot be read: ")
    assert err.count("\n") == 1


def test_what_a_file_says_cannot_drive_a_terminal(riel: Riel, path: Path) -> None:
    from .audit_support import record_of

    story = [[("pay_\x1b[2J", "asked\x1b]0;x\x07", {"to": "nothing"})]]
    (path.parent / "record.jsonl").write_bytes(b"".join(record_of(story).lines))
    code, _, err = riel("audit", "verify", "record.jsonl")
    assert code == 1
    assert not [c for c in err if ord(c) < 32 and c != "\n"]


def test_a_file_whose_hashes_were_all_made_anew_is_found_with_the_key(
    riel: Riel, journal: Journalled, path: Path
) -> None:
    journal(create_audited)
    riel("audit", "export", "--to", "record.jsonl")
    code, out, _ = riel("audit", "verify", "record.jsonl", "--key", ".")
    assert (code, out.splitlines()[-1]) == (0, "Each of them has the MAC of this key: riel wrote it.")
    rows = [row for page in [journal(lambda journal: journal.anchored_events(0, most=100))] for row in page]
    body = rows[0].body.replace("ana", "eve")
    (path.parent / "forged.jsonl").write_bytes(b"".join(closed(forged(rows, body))))
    assert riel("audit", "verify", "forged.jsonl")[0] == 0, "whoever has the whole file can make every hash anew"
    code, _, err = riel("audit", "verify", "forged.jsonl", "--key", ".")
    assert code == 1
    assert "was not written by riel" in err
    (path.parent / "empty").mkdir()
    assert riel("audit", "verify", "forged.jsonl", "--key", "empty")[0] == 2


def forged(rows: Sequence[ChainRow], body: str) -> list[ExportLine]:
    """The events with another body in the first, and all hashes made anew, under one anchor."""
    heads: dict[str, str] = {}
    events = list[ChainRow]()
    for row in rows:
        text = row.body if events else body
        heads[row.payment_id] = link(heads.get(row.payment_id, ""), row.payment_id, row.n, row.at, row.event, text)
        events.append(replace(row, body=text, hash=heads[row.payment_id]))
    digest, count = anchor_link("", 5, events[-1].seq, (event.hash for event in events))
    header = ExportHeader(FORMAT, VERSION, "0.1.0", 5, count, 1)
    return [header, *events, Anchor(1, 5, events[-1].seq, count, digest)]


def test_no_anchor_is_shown_where_there_is_none(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: journal.payments())
    assert riel("audit", "anchor") == (0, "Nothing was written since the last anchor.\n", "")
    assert riel("audit", "export", "--to", "record.jsonl") == (0, "", "")
    assert riel("audit", "verify", "record.jsonl")[1] == (
        "0 events of 0 payments: none was altered, removed or reordered.\n"
        "Whether riel wrote them was not checked: that needs the server's key (--key).\n"
    )


# riel notifications


def test_an_operator_sees_how_many_notifications_wait_since_when_and_why(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: journal.payments())
    assert riel("notifications", "status") == (0, "No notification waits.\n", "")

    async def failing(journal: Journal) -> None:
        await create_settled(journal, "a")
        await move(journal, await create_payment(journal, "b"), State.REVIEW, NOW + SECOND)
        (message,) = await journal.lease_messages(NOW, lease=MINUTE, most=1)
        await journal.message_failed(message.id, "HTTP 503", NOW + HOUR, NOW + DAY)

    journal(failing)
    code, out, err = riel("notifications", "status")
    assert (code, err) == (0, "")
    assert out == (
        "2 notifications wait, since 2026-03-02T12:00:00Z.\nThe last try failed at 2026-03-02T13:00:00Z: HTTP 503\n"
    )
    assert json.loads(riel("notifications", "status", "--json")[1]) == {
        "waiting": 2,
        "since": "2026-03-02T12:00:00Z",
        "failure": "HTTP 503",
        "failedAt": "2026-03-02T13:00:00Z",
    }


def test_a_notification_to_try_the_receiver_waits_like_any_other(riel: Riel, journal: Journalled) -> None:
    journal(lambda journal: journal.payments())
    assert json.loads(riel("notifications", "status", "--json")[1])["failure"] is None
    code, out, _ = riel("notifications", "test")
    assert code == 0
    assert riel("notifications", "status")[1].startswith("1 notification waits, since ")

    async def taken(journal: Journal) -> list[Message]:
        return list(await journal.lease_messages(NOW + 10_000 * DAY, lease=MINUTE, most=10))

    (message,) = journal(taken)
    assert (message.topic, message.body) == ("notifications.test", {})
    assert out.startswith(f"{message.id} waits to be sent")
