"""MAPPING.md says what the code does with each status, error and reason of Fintoc's."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from rail_fintoc.api.error_table import STATUSES, TABLE, TYPES
from rail_fintoc.fields.reasons import CHILE, MEXICO
from rail_fintoc.fields.statuses import OUTBOUND_STATUSES, RETURN_STATUSES
from rail_fintoc.mapping import CANCEL_STATUSES, REFUND_STATUSES, VERIFICATION_STATUSES
from riel import Status

PAGE = (Path(__file__).parents[1] / "MAPPING.md").read_text("utf-8")


def tables(title: str) -> list[list[tuple[str, ...]]]:
    """The rows of each table under a heading, heads left out."""
    text = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    found = [table.splitlines()[2:] for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)]
    return [[tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines] for lines in found]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("title", "place", "words"),
    [
        ("Transfers", 0, OUTBOUND_STATUSES),
        ("Returns of received transfers", 0, RETURN_STATUSES),
        ("Refunds of collected payments", 0, REFUND_STATUSES),
        ("Refunds of collected payments", 1, CANCEL_STATUSES),
        ("Account verifications", 0, VERIFICATION_STATUSES),
    ],
)
def test_every_status_stands_there_with_what_it_means(title: str, place: int, words: Mapping[str, Status]) -> None:
    rows = [(names(row[0]), names(row[1])) for row in tables(title)[place]]
    assert rows[: len(words)] == [([word], [status.value]) for word, status in words.items()]


def test_every_error_stands_there_with_its_status_and_its_code() -> None:
    errors, types, statuses = tables("Errors of the API")
    shown = {name: (int(row[0]), names(row[3])[0]) for row in errors for name in names(row[1])}
    assert shown == {row.provider_code: (row.status, row.code) for row in TABLE.values()}
    assert {names(row[0])[0]: names(row[1])[0] for row in types} == {k: f"FINTOC_{v}" for k, v in TYPES.items()}
    assert [(row[0], names(row[1])) for row in statuses[:-2]] == [
        (str(status), [f"FINTOC_{code}"]) for status, code in STATUSES.items()
    ]


def test_every_reason_stands_there_under_each_of_its_names() -> None:
    (mexico,), (chile,) = tables("Reasons in Mexico"), tables("Reasons in Chile")
    assert [(row[0], tuple(names(row[1])), names(row[3])) for row in mexico] == [
        (reason.number, reason.names, [reason.advice.value[0]]) for reason in MEXICO
    ]
    assert [(tuple(names(row[0])), names(row[2])) for row in chile] == [
        (reason.names, [reason.advice.value[0]]) for reason in CHILE
    ]
