"""What is missing or wrong is one sentence with the setting's name, before anything is offered; and shows no secret."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import ValidationError

from rail_spei.sandbox.identity import ACCOUNT, PASSPHRASE
from rail_spei.settings import GUARANTEES, SpeiSettings
from riel import FOREVER, Misconfigured
from riel.sandbox.kit import private_key_file

from .stp_support import private_key

SECRET = "correct horse battery staple"
DEMO, PRODUCTION = "https://demo.stpmex.com:7024", "https://prod.stpmex.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key of our own, encrypted with ``SECRET``."""
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.touch(mode=0o600)
    encryption = BestAvailableEncryption(SECRET.encode())
    path.write_bytes(private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


@pytest.fixture
def ours(keys: Path) -> dict[str, Any]:
    """All that must be set."""
    return {
        "base_url": DEMO,
        "empresa": "TAMIZI",
        "private_key": str(keys),
        "private_key_passphrase": SECRET,
        "account": ACCOUNT,
        "payer_name": "Empresa Demo SA de CV",
        "key_prefix": "TMZ",
    }


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("RIEL_"):
            monkeypatch.delenv(name)


def build(ours: dict[str, Any], **change: Any) -> SpeiSettings:
    """The settings as the environment would give them: text, by name."""
    return SpeiSettings(**{name: value for name, value in (ours | change).items() if value is not ...})


@pytest.mark.parametrize(
    ("base", "orders", "queries", "mode"),
    [
        (DEMO, f"{DEMO}/speiws/rest", "https://efws-dev.stpmex.com/efws/API", "test"),
        (f"{DEMO}/speiws/rest/", f"{DEMO}/speiws/rest", "https://efws-dev.stpmex.com/efws/API", "test"),
        (PRODUCTION, f"{PRODUCTION}/speiws/rest", f"{PRODUCTION}/efws/API", "live"),
        (f"{PRODUCTION}/speiws/rest", f"{PRODUCTION}/speiws/rest", f"{PRODUCTION}/efws/API", "live"),
        ("https://10.1.2.3:8443/x", "https://10.1.2.3:8443/x", "https://10.1.2.3:8443/efws/API", "live"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/speiws/rest", "http://127.0.0.1:8080/efws/API", "live"),
        ("http://localhost:8080/", "http://localhost:8080/speiws/rest", "http://localhost:8080/efws/API", "live"),
    ],
)
def test_each_system_of_stps_has_its_two_addresses_and_its_mode(
    ours: dict[str, Any], base: str, orders: str, queries: str, mode: str
) -> None:
    settings = build(ours, base_url=base)
    assert (settings.orders_at, settings.queries_at, settings.mode) == (orders, queries, mode)


@pytest.mark.parametrize(
    "host", ["demo.stpmex.com.evil.example", "DEMO.stpmex.com.mx", "xdemo.stpmex.com", "stpmex.com"]
)
def test_a_host_that_only_looks_like_the_demo_is_live(ours: dict[str, Any], host: str) -> None:
    assert build(ours, base_url=f"https://{host}").mode == "live"


@pytest.mark.parametrize(
    ("base", "queries", "fits"),
    [
        (PRODUCTION, "https://efws-dev.stpmex.com/efws/API", False),
        (PRODUCTION, "http://127.0.0.1:8080/efws/API", False),
        (DEMO, f"{PRODUCTION}/efws/API", False),
        ("http://127.0.0.1:8080", f"{PRODUCTION}/efws/API", False),
        (PRODUCTION, "https://queries.example/efws/API", True),
        (DEMO, "https://efws-dev.stpmex.com/other", True),
        ("http://127.0.0.1:8080", "http://localhost:9090/efws/API", True),
    ],
)
def test_orders_are_asked_after_in_the_system_that_they_go_to(
    ours: dict[str, Any], base: str, queries: str, fits: bool
) -> None:
    if fits:
        assert build(ours, base_url=base, query_url=queries).queries_at == queries
    else:
        with pytest.raises(Misconfigured, match="RIEL_SPEI_QUERY_URL is another system"):
            build(ours, base_url=base, query_url=queries)


WRONG: list[tuple[str, Any, str]] = [
    ("base_url", "http://prod.stpmex.com", "https"),
    ("base_url", "prod.stpmex.com", "https://host/path"),
    ("base_url", "https://user:pass@prod.stpmex.com", "without a user"),
    ("base_url", "https://prod.stpmex.com?x=1", "query"),
    ("base_url", "ftp://127.0.0.1", "https"),
    ("query_url", "http://prod.stpmex.com", "https"),
    ("empresa", "", "at least 1"),
    ("empresa", "A" * 16, "at most 15"),
    ("empresa", "A|B", "pipes"),
    ("empresa", "COMPAÑIA", "ASCII"),
    ("empresa", " A", "space"),
    ("account", ACCOUNT[:-1] + "1", "check digit"),
    ("account", "4000", "18 digits"),
    ("payer_name", "日本", "Latin"),
    ("payer_rfc", "NOBODY", "RFC"),
    ("key_prefix", "", "pattern"),
    ("key_prefix", "TOOLONG", "pattern"),
    ("key_prefix", "a", "pattern"),
    ("key_prefix", "A-", "pattern"),
    ("holidays", "2030-13-01", "date"),
    ("holidays", "tomorrow", "date"),
    ("business_days", "2030/10/01", "date"),
    ("latitude", "19.4,", "pattern"),
    ("longitude", "...", "pattern"),
]


@pytest.mark.parametrize(("name", "value", "word"), WRONG)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    ours: dict[str, Any], name: str, value: Any, word: str
) -> None:
    with pytest.raises(ValidationError, match=word) as refused:
        build(ours, **{name: value})
    ((error),) = refused.value.errors(include_input=False, include_url=False)
    assert error["loc"][0] == name
    assert len(value) < 6 or value not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["base_url", "empresa", "private_key", "private_key_passphrase", "account", "payer_name", "key_prefix"]
)
def test_what_must_be_set_is_named_where_it_is_missing(ours: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        build(ours, **{name: ...})
    ((error),) = refused.value.errors(include_input=False)
    assert (error["loc"], error["type"]) == ((name,), "missing")


def files(tmp_path: Path) -> Iterator[tuple[str, Path, str]]:
    """Files that are not what a setting needs: the setting, the path, and how its sentence begins."""
    (folder := tmp_path / "folder").mkdir()
    (empty := tmp_path / "empty").touch(mode=0o600)
    (words := tmp_path / "words").write_text("these are no certificates, no key and no table\n")
    words.chmod(0o600)
    for name, sentence in (
        ("private_key", "RIEL_SPEI_PRIVATE_KEY is not"),
        ("banks", "The table of institutions"),
    ):
        for path in (folder, empty, words, tmp_path / "nowhere"):
            yield name, path, sentence


def test_a_file_that_is_not_what_it_should_be_is_one_sentence(ours: dict[str, Any], tmp_path: Path) -> None:
    for name, path, sentence in files(tmp_path):
        with pytest.raises(Misconfigured, match=sentence) as refused:
            build(ours, **{name: str(path)})
        assert "\n" not in str(refused.value)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("passphrase", ["wrong", "", PASSPHRASE])
def test_a_wrong_passphrase_shows_neither_itself_nor_the_key(ours: dict[str, Any], keys: Path, passphrase: str) -> None:
    with pytest.raises(Misconfigured, match="RIEL_SPEI_PRIVATE_KEY_PASSPHRASE") as refused:
        build(ours, private_key_passphrase=passphrase)
    shown = f"{refused.value} {refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
    assert not passphrase or passphrase not in shown
    assert keys.read_text()[40:80] not in shown
    assert SECRET not in repr(build(ours))


@pytest.mark.parametrize("base", [DEMO, PRODUCTION, "https://127.0.0.1.example"])
def test_the_published_key_signs_for_nobody_but_the_pretend_stp(ours: dict[str, Any], base: str) -> None:
    published = {"private_key": str(private_key_file("spei", PASSPHRASE)), "private_key_passphrase": PASSPHRASE}
    pretend = build(ours, base_url="http://127.0.0.1:8080", **published)
    assert (pretend.mode, pretend.has_published_credentials) == ("test", True)
    assert not build(ours, base_url="http://127.0.0.1:8080").has_published_credentials
    with pytest.raises(Misconfigured, match="published key"):
        build(ours, base_url=base, **published)


def test_holidays_are_a_list_of_days_and_no_day_is_both(ours: dict[str, Any]) -> None:
    settings = build(ours, holidays="2030-10-01, 2026-03-05,", business_days="2026-03-16")
    assert [day.isoformat() for day in sorted(settings.holidays)] == ["2026-03-05", "2030-10-01"]
    assert all(day in settings.holiday_calendar for day in settings.holidays)
    assert date(2026, 3, 16) not in settings.holiday_calendar
    with pytest.raises(Misconfigured, match="RIEL_SPEI_HOLIDAYS and RIEL_SPEI_BUSINESS_DAYS"):
        build(ours, holidays="2026-03-16", business_days="2026-03-16")


def test_the_table_of_institutions_can_be_replaced(ours: dict[str, Any], tmp_path: Path) -> None:
    (table := tmp_path / "banks.csv").write_text(
        "# as of 2026-11-01\nclabe_code,participant,name,status\n566,40566,NUEVO,active\n"
    )
    assert build(ours, banks=str(table)).catalogue.of("566180000553286528").name == "NUEVO"
    assert len(build(ours).catalogue) > 100


def test_the_payer_is_the_account_in_its_system_whatever_key_signs(ours: dict[str, Any]) -> None:
    one = build(ours)
    assert (
        one.payer == build(ours, key_prefix="OTHER", payer_name="Otro", query_url="https://efws-dev.stpmex.com/x").payer
    )
    others = {
        build(ours, **change).payer
        for change in ({"base_url": PRODUCTION}, {"empresa": "B"}, {"account": "646180157000000004"})
    }
    assert one.payer not in others
    assert len(others) == 3
    assert ACCOUNT not in one.payer
    assert (one.payer_label, ACCOUNT in one.payer_label) == ("TAMIZI at STP (account **************0007)", False)


def test_the_payer_in_production_stays_when_the_host_changes(ours: dict[str, Any]) -> None:
    live = build(ours, base_url=PRODUCTION)
    other = build(ours, base_url="https://another.stpmex.com:7002")
    assert (live.mode, other.mode, other.payer) == ("live", "live", live.payer)
    assert build(ours, base_url="http://127.0.0.1:8080").payer != live.payer, "a relay may lead to a pretend STP"


def test_what_is_promised_is_what_spei_keeps() -> None:
    assert (GUARANTEES.dedupe, GUARANTEES.dedupe_window, GUARANTEES.absence_after) == ("by_reference", FOREVER, None)
    assert (GUARANTEES.lookup, GUARANTEES.settlement, GUARANTEES.refunds) == ("by_reference", "later", "no")
    assert not GUARANTEES.refusals_stored
    assert GUARANTEES.return_window.days >= 1


def riel(tmp_path: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    command = [sys.executable, "-m", "riel", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=mine | variables, cwd=tmp_path, timeout=300, check=False
    )


LISTED: list[tuple[dict[str, str], str]] = [
    ({"BASE_URL": ""}, "RIEL_SPEI_BASE_URL is "),
    ({"EMPRESA": ""}, "RIEL_SPEI_EMPRESA is "),
    ({"PRIVATE_KEY": "/nowhere"}, "RIEL_SPEI_PRIVATE_KEY is not the path of a file that can be read"),
    ({"PRIVATE_KEY_PASSPHRASE": "s3cret-and-wrong"}, "RIEL_SPEI_PRIVATE_KEY_PASSPHRASE does not open the private key"),
    ({"ACCOUNT": "646180110400000001"}, "RIEL_SPEI_ACCOUNT is wrong: is not a CLABE"),
    ({"PAYER_NAME": "日本"}, "RIEL_SPEI_PAYER_NAME is wrong: it holds nothing that SPEI carries"),
    ({"KEY_PREFIX": "too long"}, "RIEL_SPEI_KEY_PREFIX is wrong"),
    ({"CA_BUNDLE": "/nowhere"}, "RIEL_SPEI_CA_BUNDLE is wrong: it is not the path of a PEM file of certificates"),
    ({"BANKS": "/nowhere"}, "RIEL_SPEI_BANKS is the path of a CSV file"),
    ({"EMPRESSA": "X"}, "RIEL_SPEI_EMPRESSA is not a setting of 'spei'; did you mean RIEL_SPEI_EMPRESA?"),
    ({"BASE_URL": PRODUCTION}, "'spei' has live credentials and would move real money: RIEL_LIVE=yes lets it"),
]


@pytest.mark.parametrize(
    ("change", "sentence"), LISTED, ids=lambda value: next(iter(value)) if isinstance(value, dict) else ""
)
def test_riel_rails_lists_it_as_one_problem(
    ours: dict[str, Any], tmp_path: Path, change: dict[str, str], sentence: str
) -> None:
    environment = {f"RIEL_SPEI_{name.upper()}": value for name, value in ours.items()}
    environment |= {f"RIEL_SPEI_{name}": value for name, value in change.items()}
    ran = riel(tmp_path, "rails", "--json", RIEL_RAILS="spei", **environment)
    (problem,) = json.loads(ran.stdout)["problems"]
    shown = json.dumps(problem, ensure_ascii=False)
    assert sentence in shown
    for secret in (SECRET, "s3cret-and-wrong", ACCOUNT, "646180110400000001"):
        assert secret not in shown + ran.stderr


@pytest.mark.parametrize(("base", "live", "mode"), [(DEMO, "", "test"), (PRODUCTION, "yes", "live")])
def test_riel_rails_shows_where_the_money_is(
    ours: dict[str, Any], tmp_path: Path, base: str, live: str, mode: str
) -> None:
    environment = {f"RIEL_SPEI_{name.upper()}": value for name, value in (ours | {"base_url": base}).items()}
    ran = riel(tmp_path, "rails", "--json", RIEL_RAILS="spei", **environment, **({"RIEL_LIVE": live} if live else {}))
    listed = json.loads(ran.stdout)
    assert listed["problems"] == []
    (rail,) = listed["rails"]
    assert (rail["name"], rail["mode"], rail["offered"]) == ("spei", mode, True)


def test_a_short_key_signs_no_real_order(ours: dict[str, Any], tmp_path: Path) -> None:
    """STP's demo has keys of 1024 bits."""
    short = tmp_path / "short.pem"
    short.touch(mode=0o600)
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505
    short.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET.encode())))
    assert build(ours, private_key=str(short)).system == "demo"
    with pytest.raises(Misconfigured, match=r"^RIEL_SPEI_PRIVATE_KEY has 1024 bits, which is too few"):
        build(ours, private_key=str(short), base_url=PRODUCTION)


@pytest.mark.parametrize("base", [DEMO, PRODUCTION])
def test_the_account_that_pays_is_one_at_stp(ours: dict[str, Any], base: str) -> None:
    with pytest.raises(Misconfigured, match=r"^RIEL_SPEI_ACCOUNT is not an account at STP"):
        build(ours, base_url=base, account="012180001234567899")
