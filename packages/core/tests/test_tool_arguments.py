"""What an agent's arguments may look like, and what it reads when one of them is wrong."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riel import Payment, WireModel
from riel.tools.arguments import VerificationCode
from riel.tools.schema import input_schema

from .bad_rails.toy import ToyPayment
from .rail_tools_support import NameAnswer, agent, paying, reading

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def echoing(text: str) -> str:
    raise PydanticCustomError("toy_wrong", "is not what it should be: {text}", {"text": text})


class ToyAddress(WireModel):
    city: str
    street: str | None = None


class Odd(WireModel):
    """Every kind of optional argument."""

    name: str = "left out"
    kind: Literal["checking", "saving"] | None = None
    number: int = 7
    code: Annotated[str, Field(pattern="^[0-9]{4}$")] | None = None
    address: ToyAddress | None = None
    more: list[ToyAddress] | None = None
    anything: dict[str, str | int] | None = None
    either: int | str | None = None
    only: Literal["one"] = "one"
    flag: bool = False
    echo: Annotated[str, AfterValidator(echoing)] | None = None
    given: VerificationCode = None


async def dumped(client: Any, asked: Any) -> NameAnswer:
    return NameAnswer(name=asked.model_dump_json(exclude_defaults=True))


def odd() -> Any:
    return reading(input=Odd, run=dumped)


BLANKS: dict[str, Any] = {
    "name": "",
    "kind": None,
    "number": None,
    "code": "",
    "address": {"city": "", "street": None},
    "more": [],
    "anything": "",
    "either": None,
    "only": "",
    "flag": None,
}


@pytest.mark.parametrize("blank", [None, ""])
@pytest.mark.parametrize("name", [*BLANKS, "echo", "given"])
async def test_null_and_the_empty_string_leave_out_every_optional_argument(
    tmp_path: Path, name: str, blank: object
) -> None:
    async with agent(tmp_path, odd()) as ana:
        assert "{}" in str(await ana.data("toy_read_it", **{name: blank}))


async def test_a_client_that_must_fill_in_every_argument_can_leave_all_of_them_out(tmp_path: Path) -> None:
    async with agent(tmp_path, odd()) as ana:
        assert "{}" in str(await ana.data("toy_read_it", **(BLANKS | {"more": None})))
        nested = await ana.data("toy_read_it", address={"city": "Santiago", "street": ""})
        assert '{"address":{"city":"Santiago"}}' in str(nested)


async def test_a_required_argument_is_never_left_out(tmp_path: Path) -> None:
    async with agent(tmp_path, paying()) as ana:
        assert (await ana.refusal("toy_pay_bill", bill=None))["details"]["field"] == "bill"


async def test_the_first_call_with_an_empty_code_asks_the_person(tmp_path: Path) -> None:
    async with agent(tmp_path, paying()) as ana:
        for code in ("", None):
            asked = await ana.data("toy_pay_bill", bill="rent", verificationCode=code)
            assert asked["status"] == "2fa_required"
        assert len(ana.world.person.asked) == 1


async def test_unknown_arguments_are_refused_though_the_schema_does_not_say_so(tmp_path: Path) -> None:
    async with agent(tmp_path, odd()) as ana:
        assert "additionalProperties" not in str(ana.tools["toy_read_it"].input_schema)
        for wrong in ({"nobody": 1}, {"address": {"city": "x", "nobody": 1}}):
            assert (await ana.refusal("toy_read_it", **wrong))["code"] == "UNKNOWN_ARGUMENT"


def test_a_schema_of_arguments_is_plain_at_every_level() -> None:
    schema = input_schema(Odd)
    shown = schema["properties"]
    assert shown["address"] == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "street": {"type": "string"}},
        "required": ["city"],
    }
    assert shown["more"] == {"type": "array", "items": shown["address"]}
    assert shown["anything"] == {"type": "object"}
    assert shown["either"] == {"type": "string"}
    assert shown["only"] == {"type": "string", "enum": ["one"], "default": "one"}
    assert shown["code"] == {"type": "string", "pattern": "^([0-9]{4})?$"}
    assert shown["given"]["pattern"] == "^([0-9]{6})?$"
    for word in ("$ref", "$defs", "anyOf", "oneOf", "allOf", "additionalProperties", "const", "null", "None"):
        assert word not in str(schema), word


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"kind": "check"}, "must be 'checking' or 'saving'"),
        ({"kind": "savings"}, "must be 'checking' or 'saving'"),
        ({"only": "on"}, "must be 'one'"),
        ({"code": "12"}, "does not have the form that the tool's schema shows"),
        ({"number": "12"}, "must be a whole number, without quotes"),
        ({"name": 12}, "must be a string in quotes"),
        ({"more": "Santiago"}, "must be an array"),
        ({"address": "Santiago"}, "must be an object"),
        ({"flag": "yes"}, "must be true or false, without quotes"),
        ({"given": 461136}, "must be a string in quotes"),
    ],
)
async def test_allowed_values_are_shown_whole_and_types_in_the_words_of_json(
    tmp_path: Path, arguments: dict[str, Any], problem: str
) -> None:
    async with agent(tmp_path, odd()) as ana:
        refused = await ana.refusal("toy_read_it", **arguments)
        assert refused["details"]["problems"][0]["problem"] == problem


async def test_what_a_validator_of_a_rail_repeats_is_masked(tmp_path: Path) -> None:
    async with agent(tmp_path, odd()) as ana:
        refused = await ana.refusal("toy_read_it", echo="0123456789")
        assert refused["message"].startswith("echo is not what it should be: ******6789")


async def test_a_code_that_is_a_number_is_told_to_stand_in_quotes(tmp_path: Path) -> None:
    async with agent(tmp_path, paying()) as ana:
        for wrong in (461136, "46113", "4611 36"):
            refused = await ana.refusal("toy_pay_bill", bill="rent", verificationCode=wrong)
            assert (refused["code"], refused["details"]["field"]) == ("INVALID_ARGUMENT", "verificationCode")
            assert "six digits that the person received, in quotes" in refused["message"]


class Strict(ToyPayment):
    """A payment with an optional part."""

    note: str | None = None

    def purpose(self) -> str:
        return self.note or ""


async def test_send_payment_takes_blanks_for_what_is_left_out(tmp_path: Path) -> None:
    assert issubclass(Strict, Payment)
    async with agent(tmp_path, rail={"payment": Strict}) as ana:
        first = await ana.data("toy_send_payment", account="0123456789", amount=5, note="", verificationCode="")
        again = await ana.data("toy_send_payment", account="0123456789", amount=5)
        assert first["paymentId"] == again["paymentId"], "a blank and a missing argument are the same payment"
