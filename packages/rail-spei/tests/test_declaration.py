"""The package is a rail like a stranger's: declared whole, cheap to import, and written with what riel offers."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

import rail_spei
import riel
from rail_spei.codes import ERRORS, REFUSALS
from rail_spei.models import SpeiPayment
from riel import Misconfigured, Money, Order, Rail, Sandbox

from .rail_support import mexico
from .sandbox_support import PAYEE

pytestmark = pytest.mark.alone

ROOT = Path(rail_spei.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
ALLOWED = {
    *("rail_spei", "riel_mexico", "httpx", "pydantic", "pydantic_core", "pydantic_settings", "starlette"),
    *("cryptography", "stdnum"),
    *sys.stdlib_module_names,
}


def the_rail() -> Rail:
    (rail,) = rail_spei.riel_rails()
    return rail


def test_the_hook_brings_one_rail_named_like_its_entry_point() -> None:
    rail = the_rail()
    assert (rail.name, rail.currencies, rail.reference_field) == ("spei", ("MXN",), "tracking_key")


def test_it_promises_no_refund_and_gives_back_what_was_received() -> None:
    able = the_rail().capabilities
    assert (able.refund.available, able.refund.permanent) == (False, True)
    assert (able.partial_refund.available, able.partial_refund.permanent) == (False, True)
    assert able.statement.available
    assert able.returns.available


def test_importing_the_rail_brings_nothing_that_a_payment_alone_needs() -> None:
    script = (
        "import sys, rail_spei; list(rail_spei.riel_rails());"
        "print(sorted({'httpx', 'starlette', 'cryptography', 'rail_spei.client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_what_pretends_is_imported_by_what_pretends(source: Path) -> None:
    if "sandbox" in source.relative_to(ROOT).parts:
        return
    pretending = {name for name, _ in imported(source) if name.startswith("rail_spei.sandbox")}
    assert pretending <= {"rail_spei.sandbox"}


def test_every_code_is_explained_and_no_refusal_is_an_unknown_outcome() -> None:
    assert set(ERRORS) >= REFUSALS
    for explained in the_rail().errors.values():
        assert re.fullmatch(r"SPEI_[A-Z_]+", explained.code)


def test_a_settled_payment_is_asked_back_by_a_person_who_is_told_what_that_needs() -> None:
    payee = SpeiPayment(amount=50_000, clabe=PAYEE, concept="x", recipient_name="Ricardo").payee()
    order = Order(
        kind="payment",
        id="pay_1",
        reference="DEMO260304A",
        money=Money(50_000, "MXN"),
        payee=payee,
        body=b"",
        created_at=mexico("2026-03-04"),
        facts={"operationDate": "2026-03-04", "cepUrl": "https://www.banxico.org.mx/cep/"},
    )
    manual_refund = the_rail().manual_refund
    assert manual_refund is not None
    facts = manual_refund(order)
    assert facts["trackingKey"] == "DEMO260304A"
    assert facts["operationDate"] == "2026-03-04"
    assert facts["amount"] == "MXN 500.00"
    assert facts["payeeInstitution"] == "BANORTE"
    assert facts["cepUrl"] == "https://www.banxico.org.mx/cep/"
    assert "nothing" in facts["promised"]
    assert "UNE" in facts["whomToAsk"]
    assert "UNE" in facts["aQuienPedirlo"]
    assert not any(PAYEE in fact for fact in facts.values())
    without_facts = Order(**{name: getattr(order, name) for name in order.__slots__} | {"facts": {}})
    assert manual_refund(without_facts)["cepUrl"] == ""


def test_the_table_of_banks_is_shown_with_its_date(tmp_path: Path) -> None:
    table = the_rail().tables["banks"]({})
    assert re.fullmatch(r"Institutions of SPEI, as of \d{4}-\d\d-\d\d", table.title)
    assert ("646", "90646", "STP", "active") in {row[:4] for row in table.rows}
    assert all(len(row) == len(table.columns) for row in table.rows)
    (own := tmp_path / "banks.csv").write_text("clabe_code,participant,name,status\n566,40566,NUEVO,active\n")
    mine = the_rail().tables["banks"]({"banks": str(own)})
    assert (mine.title, mine.rows) == (
        "Institutions of SPEI, without a date",
        (("566", "40566", "NUEVO", "active", ""),),
    )
    with pytest.raises(Misconfigured):
        the_rail().tables["banks"]({"banks": str(tmp_path / "nowhere")})


def test_the_pretend_stp_is_made_from_raw_settings() -> None:
    rail = the_rail()
    assert rail.sandbox is not None
    sandbox = rail.sandbox({"settled_seconds": "5", "empresa": "MINE", "account": "646180157000000004"})
    assert isinstance(sandbox, Sandbox)
    assert (sandbox.settings["empresa"], sandbox.settings["account"]) == ("MINE", "646180157000000004")
    assert list(sandbox.debits()) == []
    assert sandbox.moves_money("PUT", "/speiws/rest/ordenPago/registra")
    assert sandbox.moves_money("PUT", "/speiws/rest/ordenPago/retornaOrden")
    assert not sandbox.moves_money("POST", "/efws/API/consultaOrden")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"setled_seconds": "1"}, "setled_seconds"), ({"private_key_passphrase": "s3cret"}, "RIEL_SPEI_PRIVATE_KEY")],
)
def test_a_setting_that_is_wrong_is_refused_by_name(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises((ValueError, ValidationError, Misconfigured), match=sentence) as refused:
        rail_spei.open_sandbox(settings)
    assert "s3cret" not in str(refused.value)
