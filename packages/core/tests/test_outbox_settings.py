"""Where notifications go is a setting that cannot be half set, and never said again."""

import os
from pathlib import Path

import pytest

from riel.app import build_outbox
from riel.config import Settings, read_settings
from riel.errors import Misconfigured
from riel.journal.sqlite import SqliteJournal
from riel.redaction import Redactor
from riel.testing.keys import ROW_MAC

KEY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("RIEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, url: str | None, key: str | None = KEY) -> Settings:
    for name, value in (("RIEL_NOTIFICATIONS_URL", url), ("RIEL_NOTIFICATIONS_KEY", key)):
        if value is not None:
            monkeypatch.setenv(name, value)
    return read_settings()


@pytest.mark.parametrize(
    "url",
    [
        "https://books.example",
        "https://books.example:8443/riel?hook=secret",
        "http://127.0.0.1:8410/notifications",
        "http://localhost/notifications",
        "http://[::1]:8410/",
    ],
)
def test_notifications_go_to_https_or_to_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    found = settings(monkeypatch, url).notifications_url
    assert found is not None
    assert found.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://books.example/secret", "https://"),
        ("http://127.0.0.1.books.example/secret", "https://"),
        ("ftp://127.0.0.1/secret", "https://"),
        ("books.example/secret", "https://"),
        ("https://", "https://"),
        ("https://ana:secret@books.example/", "without a user"),
        ("https://secret@books.example/", "without a user"),
        ("https://books.example/#secret", "fragment"),
        ("https://books.example:port/secret", "not a URL"),
        ("https://books.example:99999/secret", "not a URL"),
        ("https://[::1/secret", "not a URL"),
        ("https://böoks.example/secret", "https://"),
    ],
)
def test_any_other_address_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings(monkeypatch, url)
    sentence = str(refused.value)
    assert sentence.startswith("RIEL_NOTIFICATIONS_URL is wrong: ")
    assert words in sentence
    assert "secret" not in sentence


def test_a_receiver_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="RIEL_NOTIFICATIONS_URL is wrong: it needs RIEL_NOTIFICATIONS_KEY"):
        settings(monkeypatch, "https://books.example", None)


def test_a_key_that_is_too_short_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings(monkeypatch, "https://books.example", "canary")
    assert str(refused.value).startswith("RIEL_NOTIFICATIONS_KEY is wrong: ")
    assert "canary" not in str(refused.value)
    assert ";" not in str(refused.value), "one mistake is one complaint"


@pytest.mark.anyio
async def test_without_a_receiver_nothing_is_delivered_and_with_one_no_log_holds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    journal = SqliteJournal.open(str(tmp_path / "journal.db"), ROW_MAC)
    logs = Redactor()
    assert build_outbox(settings(monkeypatch, None), journal, logs) is None
    told = settings(monkeypatch, "HTTPS://Books.Example/Hook-1234")
    assert "Hook" not in repr(told)
    assert KEY not in repr(told)
    assert build_outbox(told, journal, logs) is not None
    logged = logs.text(f"POST https://books.example/Hook-1234 with {KEY}, set as HTTPS://Books.Example/Hook-1234")
    assert logged == "POST [hidden] with [hidden], set as [hidden]"
    await journal.close()


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "HTTPS_PROXY"])
async def test_a_machine_from_which_nothing_can_be_sent_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "nonsense://secret")
    journal = SqliteJournal.open(str(tmp_path / "journal.db"), ROW_MAC)
    outbox = build_outbox(settings(monkeypatch, "https://books.example"), journal, Redactor())
    assert outbox is not None
    with pytest.raises(Misconfigured, match="RIEL_NOTIFICATIONS_URL: nothing can be sent from here") as refused:
        outbox.start()
    assert "secret" not in str(refused.value)
    await outbox.close()
    await journal.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
