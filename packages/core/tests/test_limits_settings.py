"""Limits come from riel.toml alone and are read strictly: what cannot be understood stops the start."""

import zoneinfo
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from riel.app import build_guards, open_app
from riel.config import Settings, read_settings
from riel.errors import Misconfigured
from riel.guards.limits import read_limits
from riel.redaction import Redactor

from .config_support import configuration_folder
from .limits_support import with_a_rail

ZONE = 'time_zone = "America/Mexico_City"\n'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = configuration_folder(tmp_path, monkeypatch)
    monkeypatch.setenv("RIEL_JOURNAL", str(tmp_path / "journal.db"))
    with_a_rail(tmp_path, monkeypatch)
    return folder


def told(folder: Path, text: str) -> Settings:
    (folder / "riel.toml").write_text(text)
    return read_settings()


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(Misconfigured) as refused:
        told(folder, text)
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(f"limits in {folder / 'riel.toml'} is wrong: ")


EVERY_KEY = """
per_payment = { MXN = 500_000, CLP = 300_000 }
per_day = { MXN = 2_000_000 }
per_month = { MXN = 9_000_000 }
payments_per_hour = 20
first_payment = { MXN = 0 }
allow = ["012180001234567895"]
deny = ["12.345.678-5"]
hours = "22:00-06:00"
"""


def test_every_scope_takes_every_key(folder: Path) -> None:
    heads = ("[limits]", "[limits.rail.mock]", '[limits.principal."ana@empresa.mx"]')
    settings = told(folder, "".join(f"{head}\n{ZONE}{EVERY_KEY}" for head in heads))
    limits = read_limits(settings.limits)
    everybody, rail, ana = limits, limits.rail["mock"], limits.principal["ana@empresa.mx"]
    assert everybody.per_payment == rail.per_payment == ana.per_payment == {"MXN": 500_000, "CLP": 300_000}
    assert (rail.payments_per_hour, str(rail.hours)) == (20, "22:00-06:00")
    assert rail.allow == frozenset({"012180001234567895"})
    assert [guard.name for guard in build_guards(settings)] == ["limits"]


def test_without_limits_nothing_is_limited(folder: Path) -> None:
    assert list(build_guards(told(folder, ""))) == []


def test_a_table_counts_in_its_own_time_zone_or_in_that_of_everybody(folder: Path) -> None:
    told(folder, f'[limits]\n{ZONE}[limits.rail.mock]\nhours = "08:00-20:00"')
    told(folder, f'[limits.rail.mock]\n{ZONE}hours = "08:00-20:00"')
    told(folder, "[limits]\npayments_per_hour = 3\nper_payment = { MXN = 1 }")


WRONG = {
    "a float": ("[limits]\nper_payment = { MXN = 5000.0 }", "[limits] per_payment MXN: must be a whole number"),
    "a word": ('[limits]\nper_payment = { MXN = "5,000.00 MXN" }', "[limits] per_payment MXN: must be a whole number"),
    "a boolean": ("[limits]\npayments_per_hour = true", "[limits] payments_per_hour: must be a whole number"),
    "below zero": ("[limits]\nper_payment = { MXN = -1 }", "[limits] per_payment MXN: input should be greater than or"),
    "more than JSON carries": (
        f"[limits]\nper_payment = {{ MXN = {2**53} }}",
        "[limits] per_payment MXN: input should",
    ),
    "no currency": ("[limits]\nper_payment = { PESOS = 1 }", "[limits] per_payment PESOS: is no currency of ISO 4217"),
    "an amount of nothing": ("[limits]\nper_payment = 5000", "[limits] per_payment: must be a table"),
    "an empty table": ("[limits]\nper_payment = {}", "[limits] per_payment: is empty: fill it, or take it out"),
    "an empty list": ("[limits]\nallow = []", "[limits] allow: is empty: fill it, or take it out"),
    "a list that is none": ('[limits]\nallow = "012180001234567895"', "[limits] allow: must be a list of accounts"),
    "a number as account": ("[limits]\ndeny = [7, 12180001234567895]", "[limits] deny number 1: must be an account in"),
    "an account with spaces": (
        '[limits]\ndeny = ["0121 8000"]',
        "[limits] deny number 1: must be an account in quotes",
    ),
    "a misspelt key": (
        "[limits]\nper_dya = { MXN = 1 }",
        "[limits] has an unknown key 'per_dya'; did you mean per_day?",
    ),
    "a misspelt key of a rail": (
        "[limits.rail.mock]\nper_dya = { MXN = 1 }",
        "[limits.rail.mock] has an unknown key 'per_dya'; did you mean per_day?",
    ),
    "a wrong value of a principal": (
        "[limits.principal.ana]\npayments_per_hour = 1.5",
        "[limits.principal.ana] payments_per_hour: must be a whole number",
    ),
    "a rail that is none": (
        "[limits.rail.mokc]\npayments_per_hour = 3",
        "[limits.rail.mokc] names no rail that is installed; did you mean mock?",
    ),
    "a rail that is no table": ("[limits]\nrail = 3", "[limits.rail]: must be a table"),
    "no such zone": ('[limits]\ntime_zone = "Mexico/City"', "[limits] time_zone: is no time zone"),
    "a path as zone": ('[limits]\ntime_zone = "../../etc/passwd"', "[limits] time_zone: is no time zone"),
    "a folder as zone": ('[limits]\ntime_zone = "America"', "[limits] time_zone: is no time zone"),
    "a day without zone": ("[limits]\nper_day = { MXN = 1 }", "[limits] speaks of days, months or hours, so it needs"),
    "a month without zone": ("[limits]\nper_month = { MXN = 1 }", "[limits] speaks of days, months or hours"),
    "hours without zone": (
        '[limits]\npayments_per_hour = 3\n[limits.principal.ana]\nhours = "08:00-20:00"',
        "[limits.principal.ana] speaks of days, months or hours, so it needs time_zone",
    ),
    "half a span": (f'[limits]\n{ZONE}hours = "08:00"', "[limits] hours: must be a span of local time"),
    "an hour that is none": (f'[limits]\n{ZONE}hours = "08:00-25:00"', "[limits] hours: must be a span of local time"),
    "a span of nothing": (f'[limits]\n{ZONE}hours = "08:00-08:00"', "[limits] hours: begins when it ends"),
    "no table at all": ("limits = 3", "input should be a valid dictionary"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_limit_that_cannot_be_read_is_one_sentence_that_names_its_place(folder: Path, what: str) -> None:
    text, sentence = WRONG[what]
    said = refusal(folder, text)
    assert said.startswith(sentence)
    assert "12180001234567895" not in said


def test_everything_that_is_wrong_is_said_at_once(folder: Path) -> None:
    said = refusal(folder, "[limits]\nallow = []\n[limits.rail.mock]\npayments_per_hour = 1.5")
    assert "[limits] allow" in said
    assert "[limits.rail.mock] payments_per_hour" in said


@pytest.mark.anyio
async def test_a_server_does_not_start_with_limits_that_cannot_be_read(folder: Path) -> None:
    (folder / "riel.toml").write_text("[limits]\nper_day = { MXN = 1 }")
    with pytest.raises(Misconfigured, match="needs time_zone"):
        async with open_app(read_settings(), Redactor(), sandbox=True):
            pass


@pytest.mark.parametrize("name", ["RIEL_LIMITS", "RIEL_LIMITS_PER_DAY", "RIEL_LIMIT", "riel_limits"])
def test_no_variable_sets_a_limit_or_seems_to(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, '{"payments_per_hour": 1000}')
    with pytest.raises(Misconfigured, match=r"is not a setting: limits stand under \[limits\] in riel.toml"):
        told(folder, "[limits]\npayments_per_hour = 1")


def test_settings_do_not_show_payees_when_printed(folder: Path) -> None:
    assert "0121800" not in repr(told(folder, '[limits]\nallow = ["012180001234567895"]'))


def test_a_time_zone_needs_no_rules_of_the_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a slim container: the rules are those of the package, the same for every server."""
    zoneinfo.reset_tzpath(to=())
    try:
        monkeypatch.setattr("zoneinfo._common.load_tzdata", None)
        limits = read_limits(told(folder, f"[limits]\n{ZONE}per_day = {{ MXN = 1 }}\n").limits)
        assert limits.time_zone is not None
        offset = limits.time_zone.utcoffset(datetime(2026, 7, 1))  # noqa: DTZ001  # where the zone is, without summer time
        assert offset == timedelta(hours=-6)
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    "name", ["America/Nowhere", "../zone", "/etc/localtime", "", "America", "tzdata.zi", "__init__.py"]
)
def test_what_is_no_time_zone_is_refused_with_an_example(folder: Path, name: str) -> None:
    said = refusal(folder, f'[limits]\ntime_zone = "{name}"\nper_day = {{ MXN = 1 }}\n')
    assert said == '[limits] time_zone: is no time zone: write one of the IANA database, such as "America/Mexico_City"'
