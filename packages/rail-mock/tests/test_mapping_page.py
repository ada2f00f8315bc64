"""MAPPING.md says what the code does with each code of the bank's."""

import re
from pathlib import Path

from rail_mock.codes import ERRORS, REFUSALS
from riel import Status

PAGE = (Path(__file__).parents[1] / "MAPPING.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_code_stands_there_with_what_it_means() -> None:
    table = {name: (conclusion.startswith("refused"), code.strip("`")) for name, conclusion, code in ROW.findall(PAGE)}
    assert {name: table[name] for name in ERRORS} == {
        name: (name in REFUSALS, known.code) for name, known in ERRORS.items()
    }


def test_every_status_stands_there() -> None:
    table = {name: status.strip("`") for name, status, _ in ROW.findall(PAGE.split("## Codes")[0])}
    assert table == {status.value: status.value for status in Status}
