"""The arguments of Fintoc's tools, under exactly Fintoc's names, and the form of their answers."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from rail_fintoc.api import FintocId
from riel import SingleLine, Trusted, WireModel

DEFAULT_ROWS, MAX_ROWS = 30, 300
"""Rows of an answer unless asked, and at most: lists are long for a model."""

MAX_TEXT: Final = 200


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise PydanticCustomError("not_a_day", "is not a day: write YYYY-MM-DD") from None


def _instant(text: str) -> str:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("not_a_time", "is not a time: write 2026-03-01T12:00:00Z") from None
    return text if when.tzinfo or len(text) == len("2026-03-01") else f"{text}Z"


Text = Annotated[SingleLine, Field(min_length=1, max_length=MAX_TEXT)]
Day = Annotated[SingleLine, AfterValidator(_day), Field(description="YYYY-MM-DD.")]
Instant = Annotated[SingleLine, AfterValidator(_instant), Field(description="ISO 8601: 2026-03-01T12:00:00Z.")]
Fields = Annotated[
    list[Annotated[SingleLine, Field(pattern=r"^[a-z_]{1,40}$")]],
    Field(max_length=60, description="Fields of each row."),
]
Size = Annotated[int, Field(ge=1, le=MAX_ROWS, description=f"Rows; {DEFAULT_ROWS} by default.")]
Page = Annotated[int, Field(ge=1, le=1_000_000, description="From 1.")]
Cursor = FintocId
Place = Annotated[FintocId, Field(description="As in next.")]
"""The id of the row at which a page begins or ends."""


def arguments_model(name: str, /, **fields: Any) -> type[WireModel]:
    """A model of arguments, each under its own name: Fintoc's have underscores where riel's have humps.

    A field is a type, which makes it optional, or a pair of a type and what Fintoc says of it.
    """
    model_fields: dict[str, Any] = {}
    for field, kind in fields.items():
        required = isinstance(kind, tuple)
        of = kind[0] if required else kind | None
        model_fields[field] = (of, Field(alias=field) if required else Field(alias=field, default=None))
    return create_model(name, __base__=WireModel, **model_fields)


def described(kind: Any, description: str) -> Any:
    """The type ``kind`` with what it is for."""
    return Annotated[kind, Field(description=description)]


class ResourceList(BaseModel):
    """Rows of a list, newest first."""

    model_config = ConfigDict(extra="forbid")

    data: Annotated[list[dict[str, Any]], Field(description="The rows, newest first, each with the fields asked for.")]
    next: Annotated[
        dict[str, Any] | None,
        Trusted,
        Field(description="Arguments that bring the next rows, with the same filters; null at the end."),
    ] = None


class Resource(BaseModel):
    """One object."""

    model_config = ConfigDict(extra="forbid")

    data: Annotated[dict[str, Any], Field(description="The object as Fintoc has it.")]
