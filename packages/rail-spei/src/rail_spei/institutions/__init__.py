"""The table of the institutions that take part in SPEI. It has a date, and an operator can replace its file.

The table changes several times a year. An account of an institution that is missing here may be right, so the error
code of an unknown institution is not that of a wrong account.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass as checked
from pydantic_core import PydanticCustomError

from riel import Misconfigured, SingleLine
from riel_mexico import clabe

InstitutionStatus = Literal["active", "infrastructure", "retired", "alias", "test"]
"""``active`` ones can be paid. ``infrastructure`` takes part without accounts, an ``alias`` is the second code of a
bank, ``retired`` codes live on in old accounts, and the ``test`` bank exists in STP's test system only."""

_AS_OF = re.compile(r"#\s*as of\s+(\S+)", re.IGNORECASE)
_COLUMNS = ("clabe_code", "participant", "name", "status")
_REFUSED = {
    "infrastructure": "belongs to {name} ({code}), which takes part in SPEI but holds no accounts that can be paid",
    "retired": "belongs to {name} ({code}), which no longer takes part in SPEI{as_of}; ask the payee for their "
    "present CLABE",
    "alias": "begins with {code}, the second code of a bank ({name}), which cannot be paid; ask the payee for their "
    "usual CLABE",
    "test": "belongs to {name} ({code}), which exists in the provider's test system only",
}


@checked(frozen=True, slots=True, config=ConfigDict(extra="forbid", hide_input_in_errors=True))
class Institution:
    """One participant: the three digits that its CLABEs begin with, its code in SPEI's messages, and its short name.

    The participant's code is never computed from the three digits: 638 was 90638, and is 40638 now. Old lists lack the
    code of some ``retired`` institutions. ``note`` is for people: earlier names, or the product behind these accounts.
    """

    clabe_code: Annotated[str, Field(pattern="^[0-9]{3}$")]
    participant: Annotated[str, Field(pattern="^([0-9]{3,5})?$")]
    name: Annotated[SingleLine, Field(min_length=1, max_length=60)]
    status: InstitutionStatus
    note: Annotated[SingleLine, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _codes_agree(self) -> "Institution":
        if not self.participant and self.status != "retired":
            raise PydanticCustomError("participant", "participant may be empty only where status is retired")
        if self.participant and not self.participant.endswith(self.clabe_code):
            raise PydanticCustomError("participant", "participant must end with clabe_code")
        return self


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The table: iterable in the order of the codes, with its date where the file has one."""

    by_code: Mapping[str, Institution] = field(repr=False)
    as_of: date | None = None

    @classmethod
    def read(cls, path: Path | None = None) -> "Catalogue":
        """Read the table in ``path``, or the one of this package.

        It is CSV in UTF-8 with the columns ``clabe_code, participant, name, status`` and perhaps ``note``; others are
        ignored. Lines that begin with ``#`` are comments, one of which may say ``as of`` and a date.

        :raises Misconfigured: one sentence that names the line.
        """
        where = f"The table of institutions {path}" if path else "The packaged table of institutions"
        try:
            lines = (path.read_text("utf-8-sig") if path else _packaged()).split("\n")
            return cls(dict(sorted(_rows(lines, where))), _as_of(lines, where))
        except OSError as failure:
            raise Misconfigured(f"{where} cannot be read: RIEL_SPEI_BANKS is the path of a CSV file.") from failure
        except (UnicodeDecodeError, csv.Error) as failure:
            raise Misconfigured(f"{where} is no CSV in UTF-8: RIEL_SPEI_BANKS is the path of one.") from failure

    def of(self, account: str, *, test: bool = False) -> Institution:
        """Return the institution of ``account``, a CLABE, where that institution can be paid.

        :param test: whether the bank of STP's test system counts as one that can be paid.
        :raises PydanticCustomError: ``invalid_clabe``, ``unknown_institution`` or ``institution_inactive``; none of
            them repeats the account.
        """
        code = clabe(account)[:3]
        institution = self.by_code.get(code)
        if institution is None:
            raise PydanticCustomError(
                "unknown_institution",
                "begins with {code}, which is not in the table of institutions; the table may be stale: {as_of}",
                {"code": code, "as_of": f"it is of {self.as_of}" if self.as_of else "it bears no date"},
            )
        if institution.status == "active" or (institution.status == "test" and test):
            return institution
        as_of = f" as of {self.as_of}" if self.as_of else ""
        raise PydanticCustomError(
            "institution_inactive",
            _REFUSED[institution.status],
            {"name": institution.name, "code": code, "as_of": as_of},
        )

    def __iter__(self) -> Iterator[Institution]:
        return iter(self.by_code.values())

    def __len__(self) -> int:
        return len(self.by_code)


def _packaged() -> str:
    return files(__package__).joinpath("banks.csv").read_text("utf-8")


def _rows(lines: list[str], where: str) -> Iterator[tuple[str, Institution]]:
    """Yield every row with its code. A blank line replaces each comment, so that line numbers in errors are right."""
    reader = csv.reader("" if line.startswith("#") else line for line in lines)
    rows = ((reader.line_num, row) for row in reader if row)
    number, columns = next(rows, (1, []))
    if missing := [column for column in _COLUMNS if columns.count(column) != 1]:
        raise Misconfigured(f"{where} has no column {missing[0]!r}, or two: line {number} must name the columns.")
    first_lines: dict[str, int] = {}
    for number, row in rows:
        if len(row) > len(columns):
            raise Misconfigured(f"{where} has more fields than columns in line {number}.")
        fields = {name: value for name, value in zip(columns, row, strict=False) if name in (*_COLUMNS, "note")}
        try:
            institution = Institution(**fields)  # type: ignore[arg-type]
        except ValidationError as failure:
            raise Misconfigured(f"{where} is wrong in line {number}: {_reason(failure)}.") from failure
        first = first_lines.setdefault(institution.clabe_code, number)
        if first != number:
            raise Misconfigured(f"{where} has {institution.clabe_code} twice, in lines {first} and {number}.")
        yield institution.clabe_code, institution
    if not first_lines:
        raise Misconfigured(f"{where} has no institution in it.")


def _reason(failure: ValidationError) -> str:
    first = failure.errors(include_input=False, include_url=False)[0]
    return " ".join((*map(str, first["loc"]), first["msg"]))


def _as_of(lines: list[str], where: str) -> date | None:
    for number, line in enumerate(lines, start=1):
        if match := _AS_OF.match(line):
            try:
                return date.fromisoformat(match[1].rstrip(".,;:"))
            except ValueError as failure:
                raise Misconfigured(f"{where} bears no date in line {number}: write YYYY-MM-DD.") from failure
    return None
