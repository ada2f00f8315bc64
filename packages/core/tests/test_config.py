"""Settings come from the environment and from riel.toml; a wrong one is one sentence that names it, not its value."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import AfterValidator, SecretStr

from riel.config import Settings, is_loopback, mode_of, read_rail_settings, read_settings, settings_resolver
from riel.config.modes import Address
from riel.errors import BrokenRail, Misconfigured
from riel.rail import RailSettings

from .bad_rails.toy import ToySettings, toy
from .config_support import configuration_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return configuration_folder(tmp_path, monkeypatch)


Env = Callable[..., None]


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Env:
    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def refusal() -> str:
    with pytest.raises(Misconfigured) as refused:
        read_settings()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings()
    assert settings.journal_file is not None
    assert settings.journal_file.is_absolute()
    assert settings.journal_file.name == "journal.db"
    assert (settings.factor, settings.factor_file, settings.rails) == (None, None, None)
    assert (settings.answer_within, settings.principal, settings.language) == (4.0, "local", "en")
    assert (settings.live, settings.log) == (False, "warning")


def test_every_setting_can_come_from_the_environment(env: Env) -> None:
    env(
        RIEL_JOURNAL="sqlite:////var/lib/riel.db",
        RIEL_FACTOR="file",
        RIEL_FACTOR_FILE="~/codes",
        RIEL_RAILS="mock, spei",
        RIEL_ANSWER_WITHIN="2.5",
        RIEL_PRINCIPAL="ana",
        RIEL_LANGUAGE="es",
        RIEL_LIVE="yes",
        RIEL_LOG="DEBUG",
    )
    settings = read_settings()
    assert settings.journal == "sqlite:////var/lib/riel.db"
    assert settings.factor_file == Path("~/codes").expanduser()
    assert settings.rails == ("mock", "spei")
    assert (settings.factor, settings.answer_within, settings.principal) == ("file", 2.5, "ana")
    assert (settings.language, settings.live, settings.log) == ("es", True, "debug")


def test_every_setting_can_come_from_the_file_and_the_environment_wins(folder: Path, env: Env) -> None:
    (folder / "riel.toml").write_text('rails = ["mock"]\nlive = true\nprincipal = "eva"\n[rail.mock]\nlag = 3\n')
    env(RIEL_PRINCIPAL="ana")
    settings = read_settings()
    assert (settings.rails, settings.live, settings.principal) == (("mock",), True, "ana")
    assert settings.rail == {"mock": {"lag": 3}}


def test_the_file_may_stand_elsewhere(folder: Path, env: Env) -> None:
    (folder / "other.toml").write_text('principal = "eva"')
    env(RIEL_CONFIG=str(folder / "other.toml"))
    assert read_settings().principal == "eva"


@pytest.mark.parametrize(
    ("told", "file"),
    [
        ("sqlite:////var/lib/riel.db", "/var/lib/riel.db"),
        ("sqlite:///riel.db", "riel.db"),
        ("/var/lib/riel.db", "/var/lib/riel.db"),
        ("here/riel.db", "here/riel.db"),
        ("~/riel.db", str(Path("~/riel.db").expanduser())),
        ("sqlite:///~/riel.db", str(Path("~/riel.db").expanduser())),
    ],
)
def test_the_journal_is_a_database_url_or_a_path(env: Env, told: str, file: str) -> None:
    env(RIEL_JOURNAL=told)
    assert read_settings().journal_file == Path(file)


WRONG = {
    "a journal elsewhere": ({"RIEL_JOURNAL": "mysql://u:hunter2@db/x"}, "RIEL_JOURNAL is wrong"),
    "a journal that forgets": ({"RIEL_JOURNAL": "sqlite:///:memory:"}, "RIEL_JOURNAL is wrong"),
    "a journal with parameters": ({"RIEL_JOURNAL": "sqlite:////a.db?mode=ro"}, "RIEL_JOURNAL is wrong"),
    "a journal nowhere": ({"RIEL_JOURNAL": "sqlite://"}, "RIEL_JOURNAL is wrong"),
    "no time to answer": ({"RIEL_ANSWER_WITHIN": "0"}, "RIEL_ANSWER_WITHIN is wrong: input should be greater than 0"),
    "endless time to answer": ({"RIEL_ANSWER_WITHIN": "inf"}, "RIEL_ANSWER_WITHIN is wrong"),
    "time beyond any call": ({"RIEL_ANSWER_WITHIN": "1e300"}, "RIEL_ANSWER_WITHIN is wrong"),
    "time in words": ({"RIEL_ANSWER_WITHIN": "hunter2"}, "RIEL_ANSWER_WITHIN is wrong"),
    "another language": ({"RIEL_LANGUAGE": "fr"}, "RIEL_LANGUAGE is wrong: input should be 'en' or 'es'"),
    "perhaps live": ({"RIEL_LIVE": "perhaps"}, "RIEL_LIVE is wrong"),
    "a rail without name": ({"RIEL_RAILS": "mock,"}, "RIEL_RAILS is wrong"),
    "an empty list": ({"RIEL_RAILS": " "}, "RIEL_RAILS is empty: give it a value, or unset it"),
    "an empty value": ({"RIEL_FACTOR_FILE": ""}, "RIEL_FACTOR_FILE is empty"),
    "a hidden character": ({"RIEL_PRINCIPAL": "an\u202ea"}, "RIEL_PRINCIPAL is wrong"),
    "a typo": ({"RIEL_JORNAL": "x"}, "RIEL_JORNAL is not a setting; did you mean RIEL_JOURNAL?"),
    "a typo that looks like a rail's": ({"RIEL_ANSWR_WITHIN": "3"}, "RIEL_ANSWR_WITHIN is not a setting; did you"),
    "a typo behind the first word": ({"RIEL_FACTOR_FIEL": "x"}, "RIEL_FACTOR_FIEL is not a setting; did you mean"),
    "what only the file can hold": ({"RIEL_RAIL": "{}"}, "RIEL_RAIL is not a setting; did you mean RIEL_RAILS?"),
    "no such file": ({"RIEL_CONFIG": "/nowhere/riel.toml"}, "RIEL_CONFIG names a file that does not exist"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_variable_is_one_sentence_that_names_it_and_not_its_value(env: Env, what: str) -> None:
    variables, sentence = WRONG[what]
    env(**variables)
    said = refusal()
    assert said.startswith(sentence)
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('principle = "ana"', "{file} has an unknown key 'principle'; did you mean principal?"),
        ("answer_within = -1", "answer_within in {file} is wrong: input should be greater than 0"),
        ("rails = []", "rails in {file} is wrong"),
        ("rail = 3", "rail in {file} is wrong"),
        ("principal = hunter2", "{file} is not TOML: "),
    ],
)
def test_a_wrong_key_in_the_file_is_one_sentence_that_names_it(folder: Path, text: str, sentence: str) -> None:
    (folder / "riel.toml").write_text(text)
    said = refusal()
    assert said.startswith(sentence.format(file=folder / "riel.toml"))
    assert "hunter2" not in said


def test_a_file_that_cannot_be_read_is_one_sentence(folder: Path) -> None:
    file = folder / "riel.toml"
    file.write_bytes(b'principal = "ana"\n# a\xf1o\n')
    assert refusal() == f"{file} is not in UTF-8 (line 2): save it as UTF-8"
    file.unlink()
    file.mkdir()
    assert refusal() == f"{file} cannot be read: Is a directory"


def test_everything_that_is_wrong_is_said_at_once(env: Env) -> None:
    env(RIEL_LANGUAGE="fr", RIEL_LIVE="perhaps")
    said = refusal()
    assert "RIEL_LANGUAGE" in said
    assert "RIEL_LIVE" in said


def test_a_variable_of_a_rail_that_is_not_installed_is_left_alone(env: Env) -> None:
    env(RIEL_ZAP_API_KEY="x", RIEL_STP_ANYTHING="y")
    read_settings()


ZAP = toy("zap")
KNOWN = {"base_url": "https://bank.example", "api_key": "test_1"}


def zap_settings(supplies: dict[str, str] | None = None) -> ToySettings:
    found = read_rail_settings(ZAP, read_settings(), supplies or {})
    assert isinstance(found, ToySettings)
    return found


def test_a_rails_settings_come_from_the_environment_then_the_file_then_its_bank(folder: Path, env: Env) -> None:
    supplies = {"base_url": "http://127.0.0.1:1", "api_key": "from_bank", "retries": "7"}
    assert zap_settings(supplies).api_key.get_secret_value() == "from_bank"
    (folder / "riel.toml").write_text('[rail.zap]\napi_key = "from_file"\nretries = 5\n')
    assert zap_settings(supplies).api_key.get_secret_value() == "from_file"
    env(RIEL_ZAP_API_KEY="from_env")
    found = zap_settings(supplies)
    assert (found.api_key.get_secret_value(), found.retries, found.base_url) == ("from_env", 5, "http://127.0.0.1:1")


def test_a_rail_reads_no_variable_without_its_prefix(env: Env) -> None:
    env(BASE_URL="http://evil", API_KEY="x", RIEL_BASE_URLS_X="y")
    with pytest.raises(Misconfigured, match=r"^RIEL_ZAP_BASE_URL is missing; RIEL_ZAP_API_KEY is missing$"):
        zap_settings()


@pytest.mark.parametrize(
    ("variables", "text", "sentence"),
    [
        ({"RIEL_ZAP_APIKEY": "x"}, "", "RIEL_ZAP_APIKEY is not a setting of 'zap'; did you mean RIEL_ZAP_API_KEY"),
        ({}, "[rail.zap]\napy_key = 'hunter2'", "[rail.zap] in riel.toml has an unknown key 'apy_key'; did you mean"),
        ({"RIEL_ZAP_RETRIES": "hunter2"}, "", "RIEL_ZAP_RETRIES is wrong: input should be a valid integer"),
        ({"RIEL_ZAP_RETRIES": "-1"}, "", "RIEL_ZAP_RETRIES is wrong: input should be greater than or equal to 0"),
        ({}, "[rail.zap]\napi_key = ['hunter2']", "RIEL_ZAP_API_KEY is wrong: input should be a valid string"),
    ],
)
def test_a_rails_wrong_setting_is_one_sentence(
    folder: Path, env: Env, variables: dict[str, str], text: str, sentence: str
) -> None:
    (folder / "riel.toml").write_text(text)
    env(**variables)
    with pytest.raises(Misconfigured) as refused:
        zap_settings(KNOWN)
    assert str(refused.value).startswith(sentence)
    assert "hunter2" not in str(refused.value)


def _indiscreet(key: str) -> str:
    raise ValueError(f"{key} is no key")


class Indiscreet(RailSettings):
    @property
    def payer(self) -> str:
        return "1"

    key: Annotated[str, AfterValidator(_indiscreet)]
    limits: dict[str, int] = {}


def test_a_rails_own_validator_cannot_make_us_repeat_a_secret(env: Env) -> None:
    env(RIEL_ZAP_KEY="hunter2hunter2", RIEL_ZAP_BASE_URL="https://bank.example")
    with pytest.raises(Misconfigured, match=r"^RIEL_ZAP_KEY is wrong: \[hidden\] is no key$"):
        read_rail_settings(toy("zap", settings=Indiscreet), read_settings(), {})


def test_a_setting_that_should_be_json_and_is_not_is_named(env: Env) -> None:
    env(RIEL_ZAP_LIMITS="{hunter2")
    with pytest.raises(Misconfigured, match=r"^RIEL_ZAP_LIMITS is wrong: it must be JSON$"):
        read_rail_settings(toy("zap", settings=Indiscreet), read_settings(), {})


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:80", "http://127.9.9.9", "https://localhost:1/x", "http://[::1]:9", "HTTP://LOCALHOST"],
)
def test_an_address_on_this_machine_is_told_from_others(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "http://user@127.0.0.1",
        "http://evil.example\\@127.0.0.1",
        "http://evil.example#127.0.0.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::]",
        "http://[::1",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "localhost",
        "",
    ],
)
def test_no_other_address_passes_for_one(url: str) -> None:
    assert not is_loopback(url)


def mode(settings: Settings, *, sandbox: bool = False, address: Address = "unproven", **known: str) -> str:
    return mode_of(ZAP, ToySettings(**(KNOWN | known)), settings, sandbox=sandbox, address=address)


HERE = "http://127.0.0.1:9"


class Speechless(ToySettings):
    """Settings of a rail that does not tell its mode."""

    mode = RailSettings.mode


def test_an_address_of_this_machine_alone_proves_nothing() -> None:
    assert mode(Settings(), base_url=HERE) == "test"
    with pytest.raises(Misconfigured, match=r"no pretend bank proves itself at RIEL_ZAP_BASE_URL\): RIEL_LIVE=yes"):
        mode_of(ZAP, Speechless(**KNOWN | {"base_url": HERE}), Settings())
    live = Settings(live=True, rails=("zap",))
    assert mode_of(ZAP, Speechless(**KNOWN | {"base_url": HERE}), live) == "live"
    with pytest.raises(Misconfigured, match="no pretend bank proves itself at RIEL_ZAP_BASE_URL, and --sandbox pays"):
        mode(Settings(), sandbox=True, base_url=HERE)


def test_a_pretend_bank_that_has_proven_itself_is_a_sandbox() -> None:
    assert mode(Settings(), base_url=HERE, address="proven") == "sandbox"
    assert mode_of(ZAP, Speechless(**KNOWN | {"base_url": HERE}), Settings(), address="proven") == "sandbox"


@pytest.mark.parametrize("address", ["proven", "unproven"])
def test_a_rail_that_says_live_on_this_machine_is_live(address: Address) -> None:
    with pytest.raises(Misconfigured, match="RIEL_LIVE=yes"):
        mode(Settings(), base_url=HERE, api_key="live_1", address=address)
    live = Settings(live=True, rails=("zap",))
    assert mode(live, base_url=HERE, api_key="live_1", address=address) == "live"


def test_the_bank_that_this_server_runs_is_a_sandbox_whatever_the_rail_tells_from_its_address() -> None:
    assert mode(Settings(), sandbox=True, base_url=HERE, api_key="live_1", address="ours") == "sandbox"


@pytest.mark.parametrize(("key", "is_sandbox"), [(None, True), ("pretend_key", True), ("test_of_the_operators", False)])
def test_published_credentials_are_a_sandbox_and_the_operators_own_are_not(
    env: Env, key: str | None, is_sandbox: bool
) -> None:
    env(RIEL_ZAP_BASE_URL=HERE, **({} if key is None else {"RIEL_ZAP_API_KEY": key}))
    _, found = settings_resolver(read_settings(), proves=lambda url: False)(ZAP)
    assert found == ("sandbox" if is_sandbox else "test")


def test_elsewhere_the_rail_knows_and_live_must_be_allowed() -> None:
    assert mode(Settings()) == "test"
    assert mode(Settings(live=True), api_key="live_1") == "live"
    with pytest.raises(Misconfigured, match="RIEL_LIVE=yes"):
        mode(Settings(), api_key="live_1")


def test_under_sandbox_no_other_address_and_no_live_credentials_are_taken() -> None:
    with pytest.raises(Misconfigured, match="RIEL_ZAP_BASE_URL is not on this machine"):
        mode(Settings(live=True), sandbox=True)
    with pytest.raises(Misconfigured, match="'zap' has live credentials"):
        mode(Settings(live=True), sandbox=True, base_url="http://127.0.0.1:9", api_key="live_1")


@pytest.mark.parametrize("said", ["sandbox", "prod", None])
def test_a_rail_cannot_pass_for_pretend_or_for_nothing(said: str | None) -> None:
    class StrangeSettings(ToySettings):
        mode: ClassVar[str | None] = said  # type: ignore[assignment]

    with pytest.raises(BrokenRail):
        mode_of(ZAP, StrangeSettings(**KNOWN), Settings())


def test_a_bank_that_runs_elsewhere_on_this_machine_still_supplies_its_keys(env: Env) -> None:
    env(RIEL_ZAP_BASE_URL="http://127.0.0.1:9")
    found, mode = settings_resolver(read_settings())(ZAP)
    assert isinstance(found, ToySettings)
    assert (found.api_key, mode) == (SecretStr("pretend_key"), "sandbox")


def test_nobody_supplies_keys_for_a_real_bank(env: Env) -> None:
    env(RIEL_ZAP_BASE_URL="https://bank.example")
    with pytest.raises(Misconfigured, match="RIEL_ZAP_API_KEY is missing"):
        settings_resolver(read_settings())(ZAP)


def test_settings_do_not_show_secrets_when_printed(folder: Path) -> None:
    (folder / "riel.toml").write_text('[rail.zap]\napi_key = "hunter2"\n')
    settings = read_settings()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(read_rail_settings(ZAP, settings, {"base_url": "https://bank.example"}))
