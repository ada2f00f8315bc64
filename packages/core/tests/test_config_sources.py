"""Settings come from the environment and from one file that no agent can write; a value is taken whole or refused."""

import codecs
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from riel.cli import main
from riel.config import check_live_files, configured_settings, read_rail_settings, read_settings, unread_file
from riel.config.values import string_problem
from riel.errors import Misconfigured

from .bad_rails.toy import ToySettings, toy
from .config_support import configuration_folder

Variables = Callable[..., None]
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return configuration_folder(tmp_path, monkeypatch)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


def refusal() -> str:
    with pytest.raises(Misconfigured) as refused:
        read_settings()
    return str(refused.value)


# Where the file is


def test_a_file_in_the_current_directory_decides_nothing_and_that_is_said(folder: Path) -> None:
    planted = Path.cwd() / "riel.toml"
    planted.write_text('home = "."\njournal = "agent.db"\nlive = true\nfactor = "file"\n')
    settings = read_settings()
    assert (settings.file, settings.home, settings.live, settings.factor) == (None, None, False, None)
    assert settings.source == "the environment, and no file"
    assert unread_file(settings) == planted


def test_the_file_in_the_users_folder_is_read_wherever_the_server_starts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "riel.toml").write_text('principal = "eva"\n')
    for place in (tmp_path, folder, Path("/")):
        monkeypatch.chdir(place)
        settings = read_settings()
        assert (settings.principal, settings.file) == ("eva", folder / "riel.toml")
        assert unread_file(settings) is None


def test_a_named_file_goes_before_the_users(folder: Path, tmp_path: Path, variables: Variables) -> None:
    (folder / "riel.toml").write_text('principal = "eva"\n')
    (tmp_path / "other.toml").write_text('principal = "ana"\n')
    variables(RIEL_CONFIG=str(tmp_path / "other.toml"))
    assert read_settings().principal == "ana"


def test_a_named_file_may_be_under_the_home_folder(tmp_path: Path, variables: Variables) -> None:
    (tmp_path / "mine.toml").write_text('principal = "ana"\n')
    variables(HOME=str(tmp_path), RIEL_CONFIG="~/mine.toml")
    assert read_settings().file == tmp_path / "mine.toml"


def test_relative_paths_in_a_file_count_from_its_folder(folder: Path, variables: Variables) -> None:
    (folder / "riel.toml").write_text(
        'journal = "data/journal.db"\nhome = "keys"\nfactor_file = "../codes"\n[rail.zap]\ncertificate = "zap.pem"\n'
    )
    settings = read_settings()
    assert settings.journal_file == folder / "data" / "journal.db"
    assert settings.home == folder / "keys"
    assert settings.factor_file == folder / ".." / "codes"

    class CertificateSettings(ToySettings):
        certificate: Path | None = None

    zap = toy("zap", settings=CertificateSettings)
    assert configured_settings(zap, settings)["certificate"] == str(folder / "zap.pem")
    known = read_rail_settings(zap, settings, {"base_url": "https://bank.example", "api_key": "test_1"})
    assert isinstance(known, CertificateSettings)
    assert known.certificate == folder / "zap.pem"
    (folder / "riel.toml").write_text('journal = "sqlite:///data/journal.db"\n')
    assert read_settings().journal_file == folder / "data" / "journal.db"
    for journal in ("~/journal.db", "sqlite:///~/journal.db"):
        variables(HOME="/srv/ana")
        (folder / "riel.toml").write_text(f'journal = "{journal}"\n')
        assert read_settings().journal_file == Path("/srv/ana/journal.db")


# What the file may be


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_from_windows_is_read(folder: Path, encoding: str, line_end: str) -> None:
    (folder / "riel.toml").write_bytes(f'principal = "José"{line_end}live = true{line_end}'.encode(encoding))
    settings = read_settings()
    assert (settings.principal, settings.live) == ("José", True)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_file_in_utf_16_is_refused_by_the_name_of_its_encoding(folder: Path, mark: bytes) -> None:
    (folder / "riel.toml").write_bytes(mark + 'principal = "ana"'.encode("utf-16-le"))
    assert refusal() == f"{folder / 'riel.toml'} is in UTF-16: save it as UTF-8"


# What a value may be

UNCLEAN = {
    "x\r": "ends with a line end",
    "x\n": "ends with a line end",
    "\nx": "begins with a line end",
    "x ": "ends with a blank",
    " x": "begins with a blank",
    "x\u00a0": "ends with a blank",
    "\ufeffx": "begins with a character that cannot be seen (U+FEFF)",
    "x\u200b": "ends with a character that cannot be seen (U+200B)",
    '"x"': "stands in quotes",
    "'x'": "stands in quotes",
}
EVERY_VARIABLE = [
    "RIEL_JOURNAL",
    "RIEL_HOME",
    "RIEL_FACTOR",
    "RIEL_FACTOR_FILE",
    "RIEL_RAILS",
    "RIEL_SCOPES",
    "RIEL_ANSWER_WITHIN",
    "RIEL_PRINCIPAL",
    "RIEL_LANGUAGE",
    "RIEL_LIVE",
    "RIEL_NOTIFICATIONS_KEY",
    "RIEL_NOTIFICATIONS_URL",
    "RIEL_WEBHOOKS",
    "RIEL_LOG",
    "RIEL_CONFIG",
    "RIEL_ZAP_API_KEY",
    "RIEL_ZAP_BASE_URL",
]


@pytest.mark.parametrize("variable", EVERY_VARIABLE)
@pytest.mark.parametrize("value", UNCLEAN, ids=ascii)
def test_a_value_that_was_copied_with_more_than_itself_is_refused_by_name(
    variables: Variables, variable: str, value: str
) -> None:
    variables(**{variable: value})
    assert refusal().startswith(f"{variable} {UNCLEAN[value]}")


def test_such_a_value_creates_no_journal_and_no_key(variables: Variables, capsys: pytest.CaptureFixture[str]) -> None:
    variables(RIEL_JOURNAL=str(Path.cwd() / "journal.db\r"))
    assert main(["payments", "list"]) == 2
    assert list(Path.cwd().iterdir()) == []
    assert capsys.readouterr().err.startswith("riel: RIEL_JOURNAL ends with a line end")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('journal = "journal.db "', "journal in {file} ends with a blank"),
        ("home = \"'keys'\"", "home in {file} stands in quotes"),
        ('[rail.zap]\napi_key = "key\\r"', "rail.zap.api_key in {file} ends with a line end"),
        ('home = ""', "home in {file} is empty"),
        ('webhooks = ""', "webhooks in {file} is empty"),
        ('journal = "a\\rb"', "journal in {file} is wrong: it holds a character that cannot be seen"),
        ("factor_file = '\"codes'", "factor_file in {file} is wrong"),
    ],
)
def test_the_same_is_so_in_the_file(folder: Path, text: str, sentence: str) -> None:
    (folder / "riel.toml").write_text(text)
    assert refusal().startswith(sentence.format(file=folder / "riel.toml"))


@pytest.mark.parametrize("value", ["", "x", 'x"', "it's", "a b", '{"a": "b"}', "-----BEGIN\nKEY-----", "x\ty"])
def test_no_other_value_is_objected_to(value: str) -> None:
    assert string_problem(value) is None


# A user without a home


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's numeric user: no HOME, and no entry among the users."""

    def nobody(_: object) -> object:
        raise KeyError

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


@posix
@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("command", [["rails"], ["payments", "list"], ["limits"], ["recover"], ["audit", "anchor"]])
def test_without_a_home_folder_one_sentence_names_the_setting(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main(command) == 2
    said = "RIEL_JOURNAL is missing, and this user has no home folder to use instead: set RIEL_JOURNAL"
    assert capsys.readouterr().err == f"riel: {said}\n"


@posix
@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_what_is_set_is_enough(tmp_path: Path, variables: Variables) -> None:
    variables(RIEL_JOURNAL=str(tmp_path / "journal.db"))
    settings = read_settings()
    assert (settings.folder, settings.file) == (tmp_path, None)
    variables(RIEL_JOURNAL="postgresql://riel@db/riel")
    with pytest.raises(Misconfigured, match=r"^RIEL_HOME is missing, and this user has no home folder"):
        read_settings().folder  # noqa: B018  # reading it looks for it


@posix
@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("variable", ["RIEL_JOURNAL", "RIEL_HOME", "RIEL_FACTOR_FILE", "RIEL_CONFIG"])
@pytest.mark.parametrize("path", ["~/x", "~nobody-here/x"])
def test_a_home_folder_that_is_not_there_is_one_sentence(
    tmp_path: Path, variables: Variables, variable: str, path: str
) -> None:
    variables(RIEL_JOURNAL=str(tmp_path / "journal.db"))
    variables(**{variable: path})
    assert refusal() == f"{variable} is wrong: there is no home folder to put for ~: write the whole path"


# Live money


@pytest.fixture
def installation(tmp_path: Path, folder: Path) -> Path:
    """A configuration, home, journal and file of codes as they should be."""
    (folder / "riel.toml").write_text(
        f'journal = "{tmp_path}/data/journal.db"\nhome = "{tmp_path}/home"\nfactor_file = "{tmp_path}/codes"\n'
    )
    for name in ("data", "home"):
        (tmp_path / name).mkdir(mode=0o700)
    for name in ("data/journal.db", "home/server.key", "codes"):
        (tmp_path / name).touch(mode=0o600)
    return tmp_path


def live_refusal() -> str:
    with pytest.raises(Misconfigured) as refused:
        check_live_files(read_settings(), {})
    return str(refused.value)


@posix
def test_live_money_takes_files_that_only_its_user_can_change(installation: Path) -> None:
    check_live_files(read_settings(), {})


@posix
@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("config/riel/riel.toml", "RIEL_CONFIG"),
        ("config/riel", "RIEL_CONFIG"),
        ("home", "RIEL_HOME"),
        ("home/server.key", "RIEL_HOME"),
        ("data/journal.db", "RIEL_JOURNAL"),
        ("data", "RIEL_JOURNAL"),
        ("codes", "RIEL_FACTOR_FILE"),
    ],
)
def test_live_money_refuses_a_file_or_folder_that_others_can_write(installation: Path, name: str, setting: str) -> None:
    path = installation / name
    path.chmod(path.stat().st_mode | 0o002)
    said = live_refusal()
    assert said.startswith(f"{setting}, which live money depends on: {path} can be written by others")
    assert "chmod go-w" in said


@posix
def test_live_money_refuses_a_configuration_that_its_group_can_write(installation: Path, folder: Path) -> None:
    (folder / "riel.toml").chmod(0o664)
    assert "can be written by others" in live_refusal()


@posix
def test_live_money_refuses_a_file_of_another_user(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riel.file_permissions.ROOT", -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another user" in live_refusal()


@pytest.mark.parametrize("place", ["config", "home", "data", "."])
def test_live_money_refuses_what_is_under_the_current_directory(
    installation: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(installation / place)
    assert "is under the current directory, where an agent may write: move it, or start riel" in live_refusal()


def test_a_link_out_of_the_current_directory_is_under_it(
    installation: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path.cwd() / "link.toml").symlink_to(folder / "riel.toml")
    monkeypatch.setenv("RIEL_CONFIG", "link.toml")
    assert live_refusal().startswith("RIEL_CONFIG, which live money depends on")


def test_the_root_of_all_files_is_nobodys_workspace(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    check_live_files(read_settings(), {})


@posix
def test_live_money_refuses_a_configuration_with_a_secret_that_others_can_read(
    installation: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "riel.toml"
    file.write_text(file.read_text() + '[rail.zap]\nbase_url = "https://bank.example"\napi_key = "live_1234"\n')
    file.chmod(0o644)
    settings = read_settings()
    zap = ToySettings(base_url="https://bank.example", api_key="live_1234")  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match=r"^RIEL_CONFIG, which holds a secret: .* can be read by others: run chmod"):
        check_live_files(settings, {"zap": zap})
    file.chmod(0o600)
    check_live_files(settings, {"zap": zap})
