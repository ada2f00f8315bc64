"""Markdown falls apart into sections, each with the headings above it and its own text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a page: the page's path in its folder and title, the heading it stands under, and its text.

    ``heading`` names those above it too, as in ``Refunds > In part``, and is empty where a page begins.
    """

    page: str
    title: str
    heading: str
    text: str


def split_sections(page: str, markdown: str) -> Iterator[Section]:
    """Each section of the page that says something, in order. Its title is its first heading, or else its name."""
    pieces = list(_pieces(markdown))
    title = next((words[0] for words, _ in pieces if words), page.removesuffix(".md"))
    for words, text in pieces:
        below = words[1:] if words[:1] == (title,) else words
        if text:
            yield Section(page, title, " > ".join(below), text)


def _pieces(markdown: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The headings above each text, and the text. What looks like a heading within a block of code is none."""
    above: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        marks = FENCE.match(line)
        if marks is not None and not fence:
            fence = marks[1]
        elif marks is not None and marks[1].startswith(fence) and line.strip() == marks[1]:
            fence = ""
        heading = None if fence or marks else HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield tuple(words for _, words in above), "\n".join(lines).strip()
        lines, depth = [], len(heading[1])
        above = [(level, words) for level, words in above if level < depth] + [(depth, heading[2])]
    yield tuple(words for _, words in above), "\n".join(lines).strip()
