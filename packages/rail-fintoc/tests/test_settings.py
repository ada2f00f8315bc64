"""The key decides the mode; what does not fit together is one sentence with the setting's name, and shows no secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from rail_fintoc.sandbox.keys import published_key_file
from rail_fintoc.settings import DOCS, GUARANTEES, FintocSettings
from riel import Misconfigured

API, PRETEND = "https://api.fintoc.com", "http://127.0.0.1:8421"
TEST, LIVE = "sk_test_0123456789abcdef", "sk_live_0123456789abcdef"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("RIEL_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key of our own."""
    path = tmp_path_factory.mktemp("keys") / "fintoc.pem"
    path.touch(mode=0o600)
    key = generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def made(**change: Any) -> FintocSettings:
    return FintocSettings(**{"secret_key": TEST, **change})


@pytest.mark.parametrize(
    ("change", "mode", "pretend"),
    [
        ({}, "test", False),
        ({"secret_key": LIVE}, "live", False),
        ({"base_url": API}, "test", False),
        ({"base_url": PRETEND}, "test", True),
        ({"base_url": "http://localhost:1"}, "test", True),
        ({"base_url": "http://[::1]:1"}, "test", True),
    ],
)
def test_the_key_decides_the_mode_and_the_address_whether_it_is_pretend(
    change: dict[str, Any], mode: str, pretend: bool
) -> None:
    settings = made(**change)
    assert (settings.mode, settings.on_this_machine) == (mode, pretend)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base_url": PRETEND, "secret_key": LIVE}, "RIEL_FINTOC_SECRET_KEY is a live key"),
        ({"base_url": "http://localhost:1", "secret_key": LIVE}, "RIEL_FINTOC_SECRET_KEY is a live key"),
        ({"base_url": "https://api.fintoc.com.evil.example"}, "RIEL_FINTOC_BASE_URL is neither"),
        ({"base_url": "https://127.0.0.1.example"}, "RIEL_FINTOC_BASE_URL is neither"),
        ({"base_url": "https://mcp.fintoc.com"}, "RIEL_FINTOC_BASE_URL is neither"),
        ({"base_url": "http://api.fintoc.com"}, "RIEL_FINTOC_BASE_URL must be like"),
        ({"base_url": "https://api.fintoc.com/v1"}, "RIEL_FINTOC_BASE_URL must be like"),
        ({"base_url": "https://user:pass@api.fintoc.com"}, "RIEL_FINTOC_BASE_URL must be like"),
        ({"secret_key": "pk_live_0123456789"}, "RIEL_FINTOC_SECRET_KEY is not a secret key"),
        ({"secret_key": "sk_live"}, "RIEL_FINTOC_SECRET_KEY is not a secret key"),
        ({"secret_key": "sk_test_a b"}, "RIEL_FINTOC_SECRET_KEY is not a secret key"),
        ({"version": "newest"}, "RIEL_FINTOC_VERSION"),
        ({"jws_private_key": "/nowhere/at/all"}, "RIEL_FINTOC_JWS_PRIVATE_KEY is not the path"),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence) as refused:
        made(**change)
    assert "\n" not in str(refused.value)
    assert not any(secret in str(refused.value) for secret in (TEST, LIVE, "0123456789", "user:pass", "/nowhere"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account_id", "tr_1"),
        ("account_id", "acc_../x"),
        ("account_id", ""),
        ("tool_prefix", "Fintoc_"),
        ("tool_prefix", "fintoc"),
        ("tool_prefix", "_"),
        ("unknown", "x"),
    ],
)
def test_a_value_of_another_form_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        made(**{name: value})
    assert refused.value.errors(include_input=False)[0]["loc"] == (name,)


def test_the_secret_key_must_be_there() -> None:
    with pytest.raises(ValidationError) as refused:
        FintocSettings()  # type: ignore[call-arg]
    assert refused.value.errors()[0]["loc"] == ("secret_key",)


def test_no_secret_is_shown() -> None:
    settings = made(webhook_secret="whsec_hidden")
    assert not any(secret in f"{settings!r}{settings}" for secret in (TEST, "whsec_hidden"))


@pytest.mark.parametrize("change", [{}, {"secret_key": LIVE}, {"base_url": API}])
def test_the_published_key_signs_for_nobody_but_the_pretend_fintoc(change: dict[str, Any]) -> None:
    assert made(base_url=PRETEND, jws_private_key=published_key_file()).on_this_machine
    with pytest.raises(Misconfigured, match="published key"):
        made(jws_private_key=published_key_file(), **change)


def test_a_key_of_ones_own_signs_for_everybody(own: Path) -> None:
    for change in ({}, {"secret_key": LIVE}, {"base_url": PRETEND}):
        assert made(jws_private_key=own, account_id="acc_1", **change).missing_setting(account=True) == ""


def test_what_is_missing_to_send_is_named(own: Path) -> None:
    assert made().missing_setting(account=False) == "RIEL_FINTOC_JWS_PRIVATE_KEY"
    assert made(jws_private_key=own).missing_setting(account=False) == ""
    assert made(jws_private_key=own).missing_setting(account=True) == "RIEL_FINTOC_ACCOUNT_ID"


def test_the_documentation_server_is_fintocs_and_none_where_fintoc_is_pretend() -> None:
    assert made().documentation == made(secret_key=LIVE).documentation == DOCS
    assert made(base_url=PRETEND).documentation is None
    assert made(docs_url="https://docs.example/mcp").documentation == "https://docs.example/mcp"


def test_the_names_of_the_tools_begin_as_the_setting_says() -> None:
    assert made().tool_prefix == "fintoc_"
    assert made(tool_prefix="").tool_prefix == ""
    assert made(tool_prefix="chile_").tool_prefix == "chile_"


def test_the_payer_is_the_account_in_its_mode_and_its_place_whatever_key_opens_it(own: Path) -> None:
    payer = made(account_id="acc_1").payer
    assert (
        payer == made(account_id="acc_1", secret_key="sk_test_rotated", jws_private_key=own, version="2025-08-13").payer
    )
    others = {
        made(account_id="acc_2").payer,
        made().payer,
        made(account_id="acc_1", secret_key=LIVE).payer,
        made(account_id="acc_1", base_url=PRETEND).payer,
    }
    assert len(others | {payer}) == 5
    assert "acc_1" not in payer


def test_what_is_promised_is_what_fintoc_keeps() -> None:
    assert (GUARANTEES.dedupe, GUARANTEES.dedupe_window.total_seconds()) == ("by_key", 23 * 3600)
    assert (GUARANTEES.lookup, GUARANTEES.settlement, GUARANTEES.refunds) == ("by_list", "later", "no")
    assert not GUARANTEES.refusals_stored, "a key or a signature that is refused leaves no record"
    assert GUARANTEES.return_window.days >= 1


def riel(tmp_path: Path, **variables: str) -> tuple[dict[str, Any], str]:
    """What ``riel rails --json`` says with these variables, and everything that it wrote."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    told = {f"RIEL_{name}": value for name, value in variables.items()}
    ran = subprocess.run(
        [sys.executable, "-m", "riel", "rails", "--json"],
        capture_output=True,
        text=True,
        env=mine | {"RIEL_RAILS": "fintoc"} | told,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    return json.loads(ran.stdout), ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"FINTOC_SECRET_KEY": LIVE}, "RIEL_LIVE=yes lets it"),
        (
            {"FINTOC_SECRET_KEY": LIVE, "LIVE": "yes", "FINTOC_BASE_URL": PRETEND},
            "RIEL_FINTOC_SECRET_KEY is a live key",
        ),
        ({"FINTOC_BASE_URL": API}, "RIEL_FINTOC_SECRET_KEY is "),
    ],
)
def test_riel_rails_lists_what_is_wrong(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    listed, everything = riel(tmp_path, **variables)
    (problem,) = listed["problems"]
    assert sentence in json.dumps(problem)
    assert LIVE not in everything


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({"FINTOC_SECRET_KEY": TEST}, "test"),
        ({"FINTOC_SECRET_KEY": LIVE, "LIVE": "yes"}, "live"),
        ({"FINTOC_SECRET_KEY": TEST, "FINTOC_BASE_URL": PRETEND}, "test"),  # a relay to Fintoc may listen there
        ({"FINTOC_BASE_URL": PRETEND}, "sandbox"),  # with the published key, which Fintoc does not accept
    ],
)
def test_riel_rails_shows_where_the_money_is(tmp_path: Path, variables: dict[str, str], mode: str) -> None:
    listed, _ = riel(tmp_path, **variables)
    assert listed["problems"] == []
    assert [(rail["name"], rail["mode"]) for rail in listed["rails"]] == [("fintoc", mode)]
