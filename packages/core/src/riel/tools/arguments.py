"""From what an agent sent to a checked model, or to one clear refusal that never repeats the value."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, WithJsonSchema, create_model
from pydantic_core import ErrorDetails

from riel.catalog import ActiveRail
from riel.confirm import is_well_formed
from riel.errors import BadInput
from riel.money import MOST, mask_account
from riel.rail import Rail, WireModel
from riel.redaction import Redactor
from riel.text import clean_text

M = TypeVar("M", bound=WireModel)

CODE_FIELD = "verification_code"
_LONGEST_ECHO = 64
_MOST_ARGUMENTS, _MOST_TOLD = 100, 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

VerificationCode = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{6}$"}),
    Field(
        description="The six digits that the person received for exactly this. Leave it out on the first call: the "
        "person is then asked. On a retry repeat the same code: nothing is paid twice."
    ),
]


@cache
def with_code(model: type[M]) -> type[M]:
    """``model`` and the code that confirms it."""
    return create_model(f"{model.__name__}Call", __base__=model, verification_code=(VerificationCode, None))


def input_schema(model: type[WireModel]) -> dict[str, Any]:
    """The arguments for a client, each with its type in plain sight: what is optional is left out, never shown as null.

    A null is taken all the same. Many models and clients cannot read ``anyOf``, and some send every default they see.
    """
    schema = model.model_json_schema(by_alias=True)
    schema.pop("title", None)
    schema["properties"] = {name: _plainly(argument) for name, argument in schema.get("properties", {}).items()}
    return schema


def _plainly(argument: dict[str, Any]) -> dict[str, Any]:
    noise = {"title": argument.get("title"), "default": None}
    rest = {name: value for name, value in argument.items() if name not in noise or value != noise[name]}
    kinds = [kind for kind in rest.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del rest["anyOf"]
        rest = {**kinds[0], **rest}
    return rest


def check(model: type[M], arguments: Mapping[str, Any], rail: ActiveRail) -> M:
    """The arguments as ``model`` has them. Its validators find the rail's settings as the context of the validation.

    :raises BadInput: with a code, a sentence and the field; nothing was sent.
    """
    if len(arguments) > _MOST_ARGUMENTS:
        raise BadInput("There are more arguments than any tool has.", code="UNKNOWN_ARGUMENT")
    try:
        checked = model.model_validate(dict(arguments), by_alias=True, by_name=False, context=rail.settings)
    except ValidationError as failure:
        raise _refusal(failure, arguments, rail.declaration) from None
    code = getattr(checked, CODE_FIELD, None)
    if code is not None and not is_well_formed(code):
        raise BadInput(
            "verificationCode is six digits.",
            next_action="Ask the person for the six digits, or leave verificationCode out to have them sent.",
            details={"field": "verificationCode"},
        )
    return checked


def _refusal(failure: ValidationError, arguments: Mapping[str, Any], rail: Rail) -> BadInput:
    errors = failure.errors(include_url=False, include_context=False)[:_MOST_TOLD]
    problems = [{"field": _named(error["loc"]), "problem": _sentence(error)} for error in errors]
    first, field = errors[0]["type"], problems[0]["field"]
    details: dict[str, Any] = {"field": field, "problems": problems}
    known = rail.errors.get(first)
    if known is not None:
        value = arguments.get(field)
        if isinstance(value, str) and len(value) <= _LONGEST_ECHO:
            details[field] = mask_account(clean_text(value))
        return BadInput(
            known.meaning, code=known.code, retryable=known.retryable, next_action=known.remedy, details=details
        )
    code = {"missing": "MISSING_ARGUMENT", "extra_forbidden": "UNKNOWN_ARGUMENT"}.get(first)
    if code is None:
        code = "INVALID_AMOUNT" if field == "amount" else "INVALID_ARGUMENT"
    return BadInput(f"{field} {problems[0]['problem']}.", code=code, next_action=_NEXT.get(code), details=details)


_NEXT = {
    "INVALID_AMOUNT": f"Send amount as a whole number of minor units (50000 is 500.00), from 1 to {MOST}, without "
    "quotes, point or exponent. Nothing was sent.",
    "UNKNOWN_ARGUMENT": "Leave out what the tool's schema does not name. Nothing was sent.",
    "MISSING_ARGUMENT": "Add the argument and call again. Nothing was sent.",
}


def _named(place: tuple[int | str, ...]) -> str:
    """Where it is wrong. A name that the agent made up is repeated only if it is one: it could be anything else."""
    if not place:
        return "arguments"
    if all(isinstance(part, int) or _NAME.fullmatch(part) for part in place):
        return ".".join(map(str, place))
    return "(no name)"


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not an argument of this tool"
        case "string_unicode":
            return "hold half of a character" if not error["loc"] else "holds half of a character"
    text = clean_text(error["msg"]).rstrip(".").replace(" after validation", "").removeprefix("Value error, ")
    if isinstance(error["input"], str):
        text = re.sub(r"\bitem(s?)\b", r"character\1", text)
    values = Redactor()  # a rail's own validator may have repeated what it refused
    for value in _texts(error["input"]):
        values.remember(value, mask_account(value))
    return values.text(re.sub(r"^\w+ should ", "must ", text))


def _texts(value: object) -> Iterator[str]:
    """Every text in what an agent sent, which may be nested deeper than Python likes to call."""
    inside = [value]
    while inside:
        match inside.pop():
            case str() as text:
                yield text
            case dict() as names:
                inside += names.values()
            case list() as items:
                inside += items
