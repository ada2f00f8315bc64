"""Check an agent's arguments: a model, or one refusal that names the field and never repeats the value."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, WithJsonSchema, create_model
from pydantic_core import ErrorDetails

from riel.catalog import ActiveRail
from riel.confirm import is_well_formed
from riel.errors import BadInput, Code
from riel.money import mask_account
from riel.rail import Rail, WireModel
from riel.redaction import Redactor
from riel.text import clean_text

M = TypeVar("M", bound=WireModel)

CODE_ARGUMENT = "verificationCode"
_MAX_ECHO = 64
_MAX_ARGUMENTS, _MAX_PROBLEMS = 100, 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

VerificationCode = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{6}$"}),
    Field(
        description="Leave out on the first call: a person is asked and receives six digits for exactly this. "
        "Repeat them on a retry."
    ),
]


@cache
def with_code(model: type[M]) -> type[M]:
    """``model`` with the argument ``verificationCode``, to describe a tool; its arguments are never validated as it."""
    return create_model(f"{model.__name__}Call", __base__=model, verification_code=(VerificationCode, None))


def check_with_code(model: type[M], arguments: Mapping[str, Any], rail: ActiveRail) -> tuple[M, str | None]:
    """Validate the arguments as ``model`` and return the code beside it, since no code of a rail may see it.

    :raises BadInput: an argument was refused.
    """
    given = dict(arguments)
    code = given.pop(CODE_ARGUMENT, None)
    checked = check(model, given, rail)
    if code is None:
        return checked, None
    if not isinstance(code, str) or not is_well_formed(code):
        problem = "must be the six digits that the person received; leave it out to request a code"
        raise BadInput(field=CODE_ARGUMENT, problem=problem, details={"field": CODE_ARGUMENT})
    return checked, code


def check(model: type[M], arguments: Mapping[str, Any], rail: ActiveRail) -> M:
    """Validate the arguments as ``model``, whose validators receive the rail's settings as their context.

    :raises BadInput: an argument was refused.
    """
    if len(arguments) > _MAX_ARGUMENTS:
        raise BadInput(Code.UNKNOWN_ARGUMENT, field="arguments", problem=f"has more than {_MAX_ARGUMENTS} entries")
    try:
        checked = model.model_validate(dict(arguments), by_alias=True, by_name=False, context=rail.settings)
    except ValidationError as failure:
        raise _refusal(failure, arguments, rail.declaration) from None
    return checked


def _refusal(failure: ValidationError, arguments: Mapping[str, Any], rail: Rail) -> BadInput:
    errors = failure.errors(include_url=False, include_context=False)[:_MAX_PROBLEMS]
    problems = [{"field": _field_name(error["loc"]), "problem": _sentence(error)} for error in errors]
    first, field = errors[0]["type"], problems[0]["field"]
    details: dict[str, Any] = {"field": field, "problems": problems}
    known = rail.errors.get(first)
    if known is not None:
        value = arguments.get(field)
        if isinstance(value, str) and len(value) <= _MAX_ECHO:
            details[field] = mask_account(clean_text(value))
        return BadInput(known, details=details)
    code = {"missing": Code.MISSING_ARGUMENT, "extra_forbidden": Code.UNKNOWN_ARGUMENT}.get(first)
    if code is None:
        code = Code.INVALID_AMOUNT if field == "amount" else Code.INVALID_ARGUMENT
    return BadInput(code, field=field, problem=problems[0]["problem"], details=details)


def _field_name(place: tuple[int | str, ...]) -> str:
    """The path of the field. A name that the agent invented is repeated only if it is an identifier."""
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
    values = Redactor()  # a rail's own validator may have repeated the value
    for value in _texts(error["input"]):
        values.remember(value, mask_account(value))
    return values.text(re.sub(r"^\w+ should ", "must ", text))


def _texts(value: object) -> Iterator[str]:
    """Every text in ``value``, without recursion: it may be nested deeper than the stack allows."""
    remaining = [value]
    while remaining:
        match remaining.pop():
            case str() as text:
                yield text
            case dict() as names:
                remaining += names.values()
            case list() as items:
                remaining += items
