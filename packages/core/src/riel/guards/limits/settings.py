"""Read ``[limits]`` strictly: an unknown, misspelt or wrong key is one sentence."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from riel.hours import Hours, read_zone
from riel.money import AmountsByCurrency, Whole
from riel.text import SingleLine, did_you_mean


def _hours(text: object) -> Hours:
    return Hours.read(text)


Accounts = Annotated[frozenset[Annotated[str, Field(strict=True, pattern=r"^\S+$")]], Field(strict=False, min_length=1)]


class LimitsTable(BaseModel):
    """The limits of one scope. A key that is missing limits nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    time_zone: Annotated[
        Annotated[ZoneInfo, BeforeValidator(read_zone)] | None,
        Field(description="Where days, months and hours are counted; the one under `[limits]`, unless given."),
    ] = None
    per_payment: Annotated[AmountsByCurrency | None, Field(description="The most that one payment may be.")] = None
    per_day: Annotated[AmountsByCurrency | None, Field(description="The most that may be paid in a day.")] = None
    per_month: Annotated[AmountsByCurrency | None, Field(description="The most that may be paid in a month.")] = None
    payments_per_hour: Annotated[
        Whole | None, Field(description="How many payments may be asked for in any 60 minutes.")
    ] = None
    first_payment: Annotated[
        AmountsByCurrency | None,
        Field(description="The most that may go to a payee, in total, before a payment to them has settled."),
    ] = None
    allow: Annotated[Accounts | None, Field(description="The payees' accounts that may be paid, and no other.")] = None
    deny: Annotated[Accounts | None, Field(description="The payees' accounts that may not, whoever allows them.")] = (
        None
    )
    hours: Annotated[
        Annotated[Hours, BeforeValidator(_hours)] | None,
        Field(description='When payments may be made, in local time: `"08:00-20:00"`.'),
    ] = None

    @property
    def amounts(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Each limit that is given by currency."""
        for name in ("per_payment", "per_day", "per_month", "first_payment"):
            if (amounts := getattr(self, name)) is not None:
                yield name, amounts

    @property
    def needs_time_zone(self) -> bool:
        """Whether it needs a time zone."""
        return any(limit is not None for limit in (self.per_day, self.per_month, self.hours))


class LimitsSettings(LimitsTable):
    """The limits for everybody, and those of single rails and principals. A payment must keep all that apply."""

    rail: dict[SingleLine, LimitsTable] = {}
    principal: dict[SingleLine, LimitsTable] = {}

    @property
    def tables(self) -> Iterator[tuple[str, LimitsTable]]:
        """Every table by its heading."""
        yield "[limits]", self
        for kind, tables in (("rail", self.rail), ("principal", self.principal)):
            yield from ((f"[limits.{kind}.{name}]", table) for name, table in tables.items())

    @model_validator(mode="after")
    def _has_a_time_zone(self) -> "LimitsSettings":
        for heading, table in self.tables:
            if table.needs_time_zone and (table.time_zone or self.time_zone) is None:
                raise ValueError(
                    f"{heading} speaks of days, months or hours, so it needs time_zone, there or in [limits]"
                )
        return self


def read_limits(table: Mapping[str, Any]) -> LimitsSettings:
    """The limits of the file.

    :raises ValueError: every fault, with its place and without its value.
    """
    try:
        return LimitsSettings.model_validate(table)
    except ValidationError as failure:
        errors = [_sentence(error) for error in failure.errors(include_url=False, include_input=False)]
    raise ValueError("; ".join(dict.fromkeys(errors)))


def _sentence(error: ErrorDetails) -> str:
    place = [str(step) if isinstance(step, str) else f"number {step + 1}" for step in error["loc"] if step != "[key]"]
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return message
    in_table = 2 if place[0] in {"rail", "principal"} else 0
    heading = ".".join(["limits", *place[:in_table]])
    name = " ".join(place[in_table:])
    match error["type"]:
        case "extra_forbidden":
            return f"[{heading}] has an unknown key {name!r}{did_you_mean(name, LimitsSettings.model_fields)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = "must be a table"
        case "too_short":
            message = "is empty: fill it, or take it out"
        case "int_type":
            message = "must be a whole number, without point or quotes (amounts are minor units)"
        case "frozen_set_type":
            message = "must be a list of accounts"
        case "string_type" | "string_pattern_mismatch":
            message = "must be an account in quotes, without spaces"
    return f"[{heading}] {name}: {message[:1].lower()}{message[1:]}".replace(" : ", ": ")
