"""A PostgreSQL journal in the settings: where it is, where its keys are, and what is never shown of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from riel.config import likely_secrets, passwords_in, read_settings
from riel.errors import Misconfigured
from riel.secrets import ServerKey

Env = Callable[..., None]
URL = "postgresql://ana:hunter2%40hunter2@db.example:5433/riel?sslmode=require"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Env:
    monkeypatch.chdir(tmp_path)

    def set_(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "postgres://db/riel",
        "postgresql:///riel?host=/run/postgresql",
        "postgresql:///riel?host=/tmp&port=5432&options=-csearch_path%3Dpayments",
        "postgresql://ana@[::1]:5432/riel",
    ],
)
def test_the_journal_may_be_a_postgresql_database(env: Env, url: str) -> None:
    env(RIEL_JOURNAL=url)
    settings = read_settings()
    assert settings.journal == url
    assert settings.journal_file is None
    assert settings.in_sandbox() == settings, "it was named, so a sandbox uses it too"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://ana:hunter2@db",
        "postgresql://ana:hunter2@db/",
        "postgresql://ana:hunter2@/riel",
        "postgresql:///riel",
        "postgresql:///riel?host=",
        "postgresql://ana:hunter2@db:port/riel",
        "postgresql://ana:hunter2@db/riel#hunter2",
        "postgresql://ana:hunter2@db/riel/hunter2",
        "postgresql://ana: hunter2@db/riel",
    ],
)
def test_what_is_no_database_is_one_sentence_without_a_password(env: Env, url: str) -> None:
    env(RIEL_JOURNAL=url)
    with pytest.raises(Misconfigured) as refused:
        read_settings()
    assert str(refused.value).startswith("RIEL_JOURNAL is wrong: ")
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_its_password_is_a_secret_as_it_stands_and_as_it_is_meant(env: Env) -> None:
    env(RIEL_JOURNAL=URL)
    settings = read_settings()
    assert {"hunter2%40hunter2", "hunter2@hunter2"} <= set(likely_secrets(settings))
    assert "hunter2" not in repr(settings)
    assert passwords_in("postgresql:///riel?host=/tmp&password=hunter2") == ["hunter2", "hunter2"]
    assert passwords_in("sqlite:////var/lib/riel.db") == []


def test_keys_are_beside_the_file_or_where_home_says(env: Env, tmp_path: Path) -> None:
    env(RIEL_JOURNAL=str(tmp_path / "journal.db"))
    assert read_settings().folder == tmp_path
    env(RIEL_JOURNAL=URL)
    assert read_settings().folder.name == "riel"
    assert read_settings().folder.is_absolute()
    env(RIEL_HOME=str(tmp_path / "keys"))
    assert read_settings().folder == tmp_path / "keys"


def test_an_id_tells_keys_apart_and_nothing_of_them() -> None:
    key = bytes(range(32))
    assert ServerKey(key).id == ServerKey(key).id != ServerKey(bytes(32)).id
    assert len(ServerKey(key).id) == 32
    assert key.hex()[:8] not in ServerKey(key).id
