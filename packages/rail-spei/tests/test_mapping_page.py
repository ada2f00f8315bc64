"""MAPPING.md says what the code does with each state, id and cause of STP's."""

import re
from pathlib import Path

from rail_spei.stp.causes import CAUSES
from rail_spei.stp.refusals import CATALOGUE
from rail_spei.stp.states import STATES

PAGE = (Path(__file__).parents[1] / "MAPPING.md").read_text("utf-8")


def section(title: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading, its head left out."""
    text = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    lines = table[0].splitlines()[2:]
    return [tuple(cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def test_every_state_stands_there_with_the_status_it_means() -> None:
    rows = [row[:3] for row in section("Order states")]
    assert rows[:-1] == [(code, state.name, state.status.value) for code, state in STATES.items()]


def test_every_id_stands_there_with_its_code_in_the_order_of_the_table() -> None:
    rows = [(row[0], row[4]) for row in section("Answers to an order")]
    assert rows[:-1] == [(str(row.id), row.code) for row in CATALOGUE]


def test_every_cause_of_a_return_stands_there() -> None:
    assert [row[0] for row in section("Causes of a return")][:-1] == [cause.code for cause in CAUSES.values()]
