"""What a rail declares of its doors is checked before it is offered, and its validators know its settings."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from riel import Capabilities, CliTable, ErrorCode, Lookup, Refund, never, yes
from riel.catalog import validate

from .bad_rails.toy import GUARANTEES, ToyPayment, ToySettings, toy
from .doors_support import EngineAgent
from .engine_support import working

pytestmark = pytest.mark.alone

TABLE = CliTable(title="Banks", columns=("name",), rows=(("Banco",),))


def test_a_rail_may_declare_every_door_or_none() -> None:
    assert validate(toy()) == []
    doors = {
        "manual_refund": lambda order: {},
        "parse_webhook": lambda settings, headers, body: None,
        "tables": {"banks": lambda known: TABLE, "b2_c": lambda known: TABLE},
        "capabilities": Capabilities(refund=never("Final."), partial_refund=never("Whole."), returns=yes),
    }
    assert validate(toy(**doors)) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"manual_refund": "ask the payee"}, "declares a manual_refund that cannot be called"),
        ({"manual_refund": GUARANTEES}, "declares a manual_refund that cannot be called"),
        ({"parse_webhook": {"reference": 1}}, "declares a parse_webhook that cannot be called"),
        ({"parse_webhook": GUARANTEES}, "declares a parse_webhook that cannot be called"),
        ({"connect": None}, "declares a connect that cannot be called"),
        ({"connect": GUARANTEES}, "declares a connect that cannot be called"),
        ({"guarantees": None}, "declares a guarantees that cannot be called"),
        ({"tables": None}, "declares tables of another type than Mapping"),
        ({"tables": (TABLE,)}, "declares tables of another type than Mapping"),
        ({"tables": {"banks": TABLE}}, "declares a table 'banks': name it in lower case"),
        ({"tables": {"Banks": print}}, "declares a table 'Banks': name it in lower case"),
        ({"tables": {"--help": print}}, "declares a table '--help': name it in lower case"),
        ({"tables": {1: print}}, "declares a table 1: name it in lower case"),
        (
            {"capabilities": Capabilities(refund=yes, partial_refund=yes, returns=True)},  # type: ignore[arg-type]
            "declares a capability 'returns' that is none of yes",
        ),
        ({"manual_refund": lambda order: {}}, "declares manual_refund, though it can refund"),
    ],
)
def test_a_door_that_cannot_be_opened_is_said_to_the_rails_author(wrong: dict[str, Any], sentence: str) -> None:
    (fault,) = validate(toy(**wrong))
    assert fault.startswith(sentence)


# Validators and settings


def known(value: str, told: ValidationInfo) -> str:
    if not isinstance(told.context, ToySettings):
        raise PydanticCustomError("no_settings", "cannot be checked without settings")
    if len(value) != told.context.retries:
        raise PydanticCustomError("toy_length", "has another length than the settings say")
    return value


Sized = Annotated[str, AfterValidator(known)]


class SizedPayment(ToyPayment):
    account: Sized


class SizedLookup(Lookup):
    tracking_key: Sized


class SizedRefund(Refund):
    tracking_key: Sized


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("verb", "field", "rest"),
    [
        ("send_payment", "account", {"amount": 1}),
        ("check_status", "trackingKey", {}),
        ("request_refund", "trackingKey", {"reason": "Sent twice"}),
    ],
)
async def test_a_rails_validator_sees_the_rails_settings(
    tmp_path: Path, verb: str, field: str, rest: dict[str, Any]
) -> None:
    errors = {"toy_length": ErrorCode(code="TOY_LENGTH", message="Of another length.", remedy="Ask.", retryable=False)}
    declares = {"payment": SizedPayment, "lookup": SizedLookup, "refund": SizedRefund, "errors": errors}
    async with working(tmp_path, declares=declares) as world:
        refused = (await EngineAgent(world)(verb, **{field: "1234"}, **rest))["error"]
        assert (refused["code"], refused["details"]["field"]) == ("TOY_LENGTH", field)
        answer = await EngineAgent(world)(verb, **{field: "123"}, **rest)
        assert (answer["error"] or {"code": ""})["code"] in {"", "NOT_FOUND"}


def cpf(value: str) -> str:
    raise ValueError("a CPF has 11 digits")


class CpfPayment(ToyPayment):
    account: Annotated[str, AfterValidator(cpf)]


@pytest.mark.anyio
async def test_a_sentence_of_a_rails_author_stands_behind_the_field_and_a_colon(tmp_path: Path) -> None:
    async with working(tmp_path, declares={"payment": CpfPayment}) as world:
        error = (await EngineAgent(world)("send_payment", account="1", amount=1))["error"]
    assert error["message"] == "account: a CPF has 11 digits. Nothing was sent."
    assert error["details"]["field"] == "account"


def test_the_tools_for_tests_name_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    monkeypatch.delitem(sys.modules, "riel.testing", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "riel\[testing\]"'):
        importlib.import_module("riel.testing")
