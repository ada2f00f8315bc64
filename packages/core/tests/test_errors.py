"""One catalogue of errors: each code stands in it once, is raised somewhere, and is raised with what its text needs."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import riel
from riel.errors import CATALOGUE, Code, ErrorCode, NotAllowed, NotConfirmed, NothingSent
from riel.errors.exceptions import ErrorData

SOURCE = Path(riel.__file__).parent
TABLE = SOURCE / "errors" / "codes.py"
OTHER = {"details", "retryable", "code"}
"""Arguments of a refusal that are no parameters of its message."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path != TABLE:
            yield path, ast.parse(path.read_text("utf-8"))


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def code_of(node: ast.AST) -> Code | None:
    match node:
        case ast.Attribute(value=ast.Name(id="Code"), attr=name):
            return Code[name]
    return None


def test_each_code_has_a_row_and_each_row_its_own_code() -> None:
    assert set(CATALOGUE) == set(Code)
    assert [row.code for row in CATALOGUE.values()] == [code.value for code in CATALOGUE]


def test_each_code_is_used() -> None:
    used = {code for _, tree in trees() for node in ast.walk(tree) if (code := code_of(node))}
    assert set(Code) - used == set()


def test_no_code_is_written_as_a_string_outside_the_table() -> None:
    literal = [
        (path.name, node.value)
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in set(Code)
    ]
    assert literal == []


def test_each_code_is_raised_with_the_parameters_of_its_message() -> None:
    for path, tree in trees():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            code = code_of(call.args[0]) if call.args else None
            if code is None or any(keyword.arg is None for keyword in call.keywords):
                continue
            given = {str(keyword.arg) for keyword in call.keywords} - OTHER
            assert given == fields(CATALOGUE[code].message), f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.code)
def test_each_row_reads_well_and_says_once_that_nothing_was_sent(row: ErrorCode) -> None:
    assert row.message.endswith(".")
    assert row.remedy.endswith((".", ")."))
    assert "…" not in row.message + row.remedy
    assert row.message.count("Nothing") <= 1
    assert "Nothing was" not in row.remedy
    assert fields(row.remedy) == set()


def test_a_refusal_carries_the_row_of_its_code() -> None:
    refusal = NotAllowed(Code.SCOPE_NOT_GRANTED, permission="more than reading", details={"a": 1})
    row = CATALOGUE[Code.SCOPE_NOT_GRANTED]
    assert refusal.error.wire() == {
        "code": "SCOPE_NOT_GRANTED",
        "message": "This session was not granted more than reading. Nothing was done.",
        "details": {"a": 1},
        "retryable": False,
        "nextAction": row.remedy,
    }
    assert str(refusal) == refusal.error.message


def test_a_rail_refuses_with_a_row_of_its_own_table() -> None:
    row = ErrorCode(code="ZAP_NO", message="{what} is not paid, {whatever}.", remedy="Ask the person.", retryable=True)
    assert NotConfirmed(row, what="It", whatever="ever").error == ErrorData(
        code="ZAP_NO", message="It is not paid, ever.", retryable=True, next_action="Ask the person."
    )


def test_a_row_without_parameters_is_taken_as_it_stands() -> None:
    row = ErrorCode(code="ZAP_NO", message="Braces {are} data.", remedy="Ask.")
    assert NotAllowed(row).error.message == "Braces {are} data."


def test_a_sentence_is_no_code_and_a_message_is_never_shown_without_its_parameters() -> None:
    with pytest.raises(TypeError, match="raised by its Code"):
        NothingSent("a sentence")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="NOT_ALLOWED needs the parameter 'reason'"):
        NotAllowed()
