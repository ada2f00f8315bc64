"""What a value may not be, whatever the setting: it was copied with its line end, its blanks or its quotes."""

from collections.abc import Iterator, Mapping
from typing import Any

from riel.text import hidden

QUOTES = "'\""


def string_problem(value: str) -> str | None:
    """What is wrong with a value as it is written, as the end of a sentence about its setting; ``None`` if nothing is.

    A value is never repaired: two programs that read the same file must not read two paths.
    """
    if not value:
        return None
    for where, character in (("begins", value[0]), ("ends", value[-1])):
        if character in "\r\n":
            return f"{where} with a line end: a file with the line ends of Windows, perhaps; write it without"
        if character.isspace():
            return f"{where} with a blank: write it without"
        if hidden(character):
            return f"{where} with a character that cannot be seen (U+{ord(character):04X}): write it without"
    if len(value) > 1 and value[0] == value[-1] and value[0] in QUOTES:
        return "stands in quotes, which would belong to its value: write it without them"
    return None


def strings_of(table: Mapping[str, Any], *names: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every string in a table, with the names that lead to it."""
    for name, value in table.items():
        if isinstance(value, str):
            yield (*names, name), value
        elif isinstance(value, Mapping):
            yield from strings_of(value, *names, name)
