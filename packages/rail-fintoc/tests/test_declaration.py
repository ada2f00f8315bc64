"""The package is a rail like a stranger's: declared whole, cheap to import, and written with what riel offers."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

import rail_fintoc
import riel
from rail_fintoc import api
from rail_fintoc.api.error_table import TABLE
from rail_fintoc.codes import BEFORE_PROCESSING, CODES, DUPLICATE_SEEN, ERRORS, REFUSALS
from rail_fintoc.models import FintocPayment
from riel import Misconfigured, Money, Order, Rail, Sandbox

from .harness_support import MEXICO, PAYEE

pytestmark = pytest.mark.alone

ROOT = Path(rail_fintoc.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
ALLOWED = {
    *("rail_fintoc", "riel_mexico", "httpx", "pydantic", "pydantic_core", "pydantic_settings", "starlette"),
    *("cryptography", "stdnum"),
    *sys.stdlib_module_names,
}


def the_rail() -> Rail:
    (rail,) = rail_fintoc.riel_rails()
    return rail


def test_the_hook_brings_one_rail_named_like_its_entry_point() -> None:
    rail = the_rail()
    assert (rail.name, rail.currencies, rail.reference_field) == ("fintoc", ("MXN", "CLP"), "reference")
    assert len(rail.tools) == 20


def test_it_promises_no_refund_of_what_was_sent_and_gives_back_what_came_in() -> None:
    able = the_rail().capabilities
    assert (able.refund.available, able.refund.permanent) == (False, True)
    assert able.partial_refund.available
    assert able.returns.available


def test_importing_the_rail_brings_nothing_that_only_a_connected_one_needs() -> None:
    script = (
        "import sys, rail_fintoc; list(rail_fintoc.riel_rails());"
        "print(sorted({'httpx', 'starlette', 'cryptography', 'rail_fintoc.client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_api_offers_what_it_lists_and_nothing_else() -> None:
    for name in api.__all__:
        assert getattr(api, name) is not None
    with pytest.raises(AttributeError):
        api.Nothing  # noqa: B018


def imported(source: Path) -> Iterator[tuple[str, set[str]]]:
    """Each module that a file imports from, and the names."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, set()) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            yield node.module or "", {name.name for name in node.names}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_only_what_a_stranger_may(source: Path) -> None:
    for module, names in imported(source):
        if module == "riel":
            assert names <= set(riel.__all__)
        elif module == "riel.sandbox.kit":
            assert "sandbox" in source.relative_to(ROOT).parts
        else:
            assert module.split(".")[0] in ALLOWED, module
        if "sandbox" not in source.relative_to(ROOT).parts and module.startswith("rail_fintoc.sandbox"):
            assert module == "rail_fintoc.sandbox"


def test_every_code_is_explained_and_no_refusal_is_an_unknown_outcome() -> None:
    assert set(ERRORS) >= REFUSALS
    for code, explained in CODES.items():
        assert re.fullmatch(r"FINTOC_[A-Z_]+", code)
        assert explained.message.endswith(".")
        assert explained.remedy.endswith(".")
    assert {explained.code for explained in the_rail().errors.values()} <= set(CODES)


@pytest.mark.parametrize(
    "native",
    [
        *("internal_server_error", "unrecognized_request", "core_response", "rate_limit_exceeded"),
        *("invalid_duplicated_transfer", "invalid_transfer_status", "jws_nonce_already_used"),
        *("institution_credentials_invalid", "brand_new_code", "type:api_error", "http:503", "status:rejected"),
    ],
)
def test_what_may_have_been_booked_is_no_refusal(native: str) -> None:
    assert native not in REFUSALS


def test_what_is_turned_away_at_the_door_is_a_refusal_of_a_first_request_alone() -> None:
    assert BEFORE_PROCESSING <= REFUSALS
    assert not the_rail().guarantees.refusals_stored  # type: ignore[union-attr]
    assert DUPLICATE_SEEN in REFUSALS
    assert DUPLICATE_SEEN not in TABLE, "Fintoc's own word for it proves nothing"


def test_a_settled_transfer_is_asked_back_by_a_person_who_is_told_what_that_needs() -> None:
    order = Order(
        kind="payment",
        id="pay_1",
        reference="RIEL1",
        provider_id="tr_1",
        money=Money(50_000, "MXN"),
        payee=FintocPayment.model_validate(dict(MEXICO)).payee(),
        body=b"",
        created_at=datetime(2026, 3, 4, tzinfo=UTC),
        facts={"trackingKey": "KEY", "receiptUrl": "https://cep"},
    )
    told = the_rail().manual_refund
    assert told is not None
    facts = told(order)
    assert facts["reference"] == "RIEL1"
    assert (facts["fintocId"], facts["trackingKey"], facts["receiptUrl"]) == ("tr_1", "KEY", "https://cep")
    assert (facts["amount"], facts["payeeInstitution"]) == ("MXN 500.00", "Santander")
    assert "Fintoc" in facts["whomToAsk"]
    assert "Fintoc" in facts["aQuienPedirlo"]
    assert "nothing" in facts["promised"]
    assert not any(PAYEE in fact for fact in facts.values())


def test_the_pages_that_it_brings_are_there() -> None:
    pages = sorted(Path(the_rail().docs).glob("*.md"))
    assert len(pages) >= 4
    for page in pages:
        assert page.read_text("utf-8").startswith("# ")


def test_the_pretend_fintoc_is_made_from_raw_settings(tmp_path: Path) -> None:
    made = rail_fintoc.open_sandbox(
        {"settled_seconds": "5", "account_id": "acc_mine", "jws_key": str(tmp_path / "k.pem")}
    )
    assert isinstance(made, Sandbox)
    assert (made.settings["account_id"], made.settings["secret_key"]) == ("acc_mine", "sk_test_riel")
    assert made.settings["jws_private_key"] == str(tmp_path / "k.pem")
    assert list(made.debits()) == []
    assert made.moves_money("POST", "/v2/transfers")
    assert made.moves_money("POST", "/v2/transfers/return")
    assert made.moves_money("POST", "/v1/refunds")
    assert not made.moves_money("POST", "/v2/customers")
    assert not made.moves_money("GET", "/v2/transfers")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"setled_seconds": "1"}, "setled_seconds"),
        ({"secret_key": "sk_live_s3cret"}, "RIEL_FINTOC_SECRET_KEY"),
        ({"jws_private_key": "/nowhere"}, "cannot be read"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_name(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises((ValueError, ValidationError, Misconfigured), match=sentence) as refused:
        rail_fintoc.open_sandbox(settings)
    assert "s3cret" not in str(refused.value)
