"""The programs in the documents for readers outside: a receiver of notifications, and a check of the record."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from riel.journal.audit.chain import GENESIS, Anchor, ChainRow, anchor_link, link
from riel.journal.audit.export import render_line
from riel.journal.canonical_json import canonical

pytestmark = pytest.mark.every_python

PAGES = Path(__file__).resolve().parent.parent / "docs" / "how-to"
KEY, NOW = "k" * 32, 1_772_452_800


def program(page: str, name: str) -> str:
    """A file of a page."""
    found = re.search(
        rf"<!-- file: {name} -->\n```python\n(.*?)^```$", (PAGES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


# The receiver of send-notifications.md


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("NOTIFICATIONS_KEY", KEY)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(program("send-notifications.md", "receiver.py"), names)  # noqa: S102
    return names


def signed(body: bytes, at: int = NOW, key: str = KEY) -> dict[str, str]:
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Riel-Timestamp": str(at), "Riel-Signature": f"v1={digest}"}


BODY = b'{"id":"pay_a.3","topic":"payment.settled"}'


@pytest.mark.parametrize("late", [-300, -1, 0, 1, 300])
def test_a_notice_of_just_now_is_taken(receiver: dict[str, Any], late: int) -> None:
    assert receiver["verified"](signed(BODY), BODY, NOW + late) == {"id": "pay_a.3", "topic": "payment.settled"}


FORGED: dict[str, tuple[Mapping[str, str], bytes, int]] = {
    "another body": (signed(BODY), BODY.replace(b"settled", b"returned"), NOW),
    "another key": (signed(BODY, key="l" * 32), BODY, NOW),
    "another time": (signed(BODY) | {"Riel-Timestamp": str(NOW + 1)}, BODY, NOW),
    "no signature": ({"Riel-Timestamp": str(NOW)}, BODY, NOW),
    "nothing": ({}, BODY, NOW),
    "a signature that is none": (signed(BODY) | {"Riel-Signature": "v1=ñ"}, BODY, NOW),
    "an old one again": (signed(BODY), BODY, NOW + 301),
    "one of the future": (signed(BODY), BODY, NOW - 301),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_anything_else_is_refused(receiver: dict[str, Any], forgery: str) -> None:
    headers, body, now = FORGED[forgery]
    assert receiver["verified"](headers, body, now) is None


def test_it_is_what_riel_signs(receiver: dict[str, Any]) -> None:
    from riel.webhooks.outbound import signature

    headers = {"Riel-Timestamp": str(NOW), "Riel-Signature": signature(KEY, str(NOW), BODY)}
    assert receiver["verified"](headers, BODY, NOW) is not None


# The check of verify-the-audit-record.md


def record() -> list[bytes]:
    """Two payments in two anchors, with letters that are several bytes long."""
    lines, seq, heads = list[bytes](), 0, dict[str, tuple[int, str]]()
    previous = GENESIS
    for anchor, payments in enumerate((("pay_a", "pay_b", "pay_a"), ("pay_b", "pay_a")), 1):
        hashes = list[str]()
        for payment in payments:
            n, before = heads.get(payment, (0, GENESIS))
            seq, body = seq + 1, canonical({"said": f"niño 👶 {seq}"})
            hashed = link(before, payment, n + 1, NOW, "seen", body)
            heads[payment] = (n + 1, hashed)
            lines.append(render_line(ChainRow(seq, payment, n + 1, NOW, "seen", body, hashed)))
            hashes.append(hashed)
        previous, count = anchor_link(previous, NOW, seq, hashes)
        lines.append(render_line(Anchor(anchor, NOW, seq, count, previous)))
    return lines


def check(folder: Path, lines: list[bytes]) -> tuple[int, str, str]:
    (folder / "check.py").write_text(program("verify-the-audit-record.md", "check.py"), "utf-8")
    (folder / "record.jsonl").write_bytes(b"".join(lines))
    asked = [sys.executable, "-I", "check.py", "record.jsonl"]
    ran = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return ran.returncode, ran.stdout, ran.stderr


def test_a_stranger_comes_to_the_same_hashes(tmp_path: Path) -> None:
    lines = record()
    last = json.loads(lines[-1])["hash"]
    assert check(tmp_path, lines) == (0, f"2 payments verified. The newest anchor is 2:{last}\n", "")


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("deed", ["altered", "removed", "repeated"])
def test_a_stranger_finds_what_was_changed(tmp_path: Path, place: int, deed: str) -> None:
    lines = record()
    line = lines[place]
    new = {"altered": [line.replace(str(NOW).encode(), str(NOW + 1).encode())], "removed": [], "repeated": [line, line]}
    code, out, err = check(tmp_path, [*lines[:place], *new[deed], *lines[place + 1 :]])
    if (deed, place) == ("removed", 6):
        assert (code, "anchor is 1:" in out) == (0, True), "that is what a noted anchor is for"
    else:
        assert (code, out) == (1, "")
        assert "does not match the events before it" in err


def test_the_check_uses_nothing_of_riel() -> None:
    text = program("verify-the-audit-record.md", "check.py")
    assert set(re.findall(r"^import (\w+)", text, re.MULTILINE)) == {"hashlib", "json", "sys"}
    assert "from " not in text.replace("exported", "")
