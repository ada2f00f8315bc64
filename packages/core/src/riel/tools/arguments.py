"""Check an agent's arguments: a model, or one refusal that names the field and never repeats the value."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, WithJsonSchema, create_model
from pydantic_core import ErrorDetails

from riel.catalog import ActiveRail
from riel.confirm import is_well_formed
from riel.errors import BadInput, Code
from riel.money import mask_account
from riel.payments.rail_models import validated
from riel.rail import Rail, WireModel
from riel.redaction import Redactor
from riel.text import clean_text

M = TypeVar("M", bound=WireModel)

CODE_ARGUMENT = "verificationCode"
_CODE_PROBLEM = 'must be the six digits that the person received, in quotes ("…"); leave it out to request a code'
_MAX_ECHO = 64
_MAX_ARGUMENTS, _MAX_PROBLEMS, _MAX_REMEMBERED = 100, 10, 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not an argument of this tool",
    "string_type": "must be a string in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number, without a point",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_pattern_mismatch": "does not have the form that the tool's schema shows",
}
"""The problems that a model can mend at once, in the words of JSON. None of them holds a value."""

_SENTENCES_OF_AUTHORS = {"value_error", "assertion_error"}
"""Problems that a validator of a rail tells in a sentence of its own, which need not begin with a verb."""

_OWN_WORDS = frozenset(
    {
        "literal_error",
        "enum",
        "multiple_of",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "too_long",
        "too_short",
        "string_too_long",
        "string_too_short",
        "hidden_character",
        "outer_space",
    }
)
"""Types of problems whose sentence is ours or pydantic's and never repeats the value: it is shown as it stands. A
validator of a rail may have repeated it."""

VerificationCode = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{6})?$"}),
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
    if code is None or code == "":
        return checked, None
    if not isinstance(code, str) or not is_well_formed(code):
        raise BadInput(field=CODE_ARGUMENT, problem=_CODE_PROBLEM, details={"field": CODE_ARGUMENT})
    return checked, code


def check(model: type[M], arguments: Mapping[str, Any], rail: ActiveRail) -> M:
    """Validate the arguments as ``model``, whose validators receive the rail's settings as their context.

    :raises BadInput: an argument was refused.
    :raises NothingSent: a validator of the rail failed.
    """
    if len(arguments) > _MAX_ARGUMENTS:
        raise BadInput(Code.UNKNOWN_ARGUMENT, field="arguments", problem=f"has more than {_MAX_ARGUMENTS} entries")
    given = _without_blanks(model, arguments)
    try:
        return validated(rail, model, given)
    except ValidationError as failure:
        raise _refusal(failure, arguments, rail.declaration) from None


def _without_blanks(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` without every optional argument that is null, ``""`` or an object of those, at every level.

    A client whose model must fill in each argument of the schema has no other way to leave one out.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    kept: dict[str, Any] = {}
    for name, value in given.items():
        field = fields.get(name)
        inner = _model_in(field.annotation) if field is not None else None
        if field is not None and not field.is_required() and _is_blank(value, inner):
            continue
        kept[name] = value if inner is None else _inner_without_blanks(inner, value)
    return kept


def _is_blank(value: object, model: type[BaseModel] | None) -> bool:
    """Whether it is null, ``""``, or an object of ``model`` that holds nothing else."""
    if model is not None and isinstance(value, Mapping):
        return all(each is None or each == "" for each in value.values())
    return value is None or value == ""


def _inner_without_blanks(model: type[BaseModel], value: object) -> object:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return _without_blanks(model, value)
    if isinstance(value, list):
        return [_inner_without_blanks(model, each) if isinstance(each, Mapping) else each for each in value]
    return value


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The one model in a type such as ``Address | None`` or ``list[Address]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [model for part in get_args(annotation) if (model := _model_in(part)) is not None]
    return found[0] if len(found) == 1 else None


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
    named = f"{field}:" if first in _SENTENCES_OF_AUTHORS else field
    return BadInput(code, field=named, problem=problems[0]["problem"], details=details)


def _field_name(place: tuple[int | str, ...]) -> str:
    """The path of the field. A name that the agent invented is repeated only if it is an identifier."""
    if not place:
        return "arguments"
    if all(isinstance(part, int) or _NAME.fullmatch(part) for part in place):
        return ".".join(map(str, place))
    return "(no name)"


def _sentence(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "string_unicode":
        return "hold half of a character" if not error["loc"] else "holds half of a character"
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    text = clean_text(error["msg"]).rstrip(".").replace(" after validation", "").removeprefix("Value error, ")
    if isinstance(error["input"], str):
        text = re.sub(r"\bitem(s?)\b", r"character\1", text)
    text = re.sub(r"^\w+ should ", "must ", text)
    if kind in _OWN_WORDS:
        return text
    values = Redactor()  # a rail's own validator may have repeated the value
    for value in islice(_texts(error["input"]), _MAX_REMEMBERED):
        values.remember(value, mask_account(value))
    return values.text(text)


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
