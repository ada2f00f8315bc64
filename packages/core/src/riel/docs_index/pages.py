"""A folder of markdown, searched by words: SQLite's full text index, in memory, made when it is first asked.

Words are matched without their accents and by their beginnings, so that *devolucion* finds *devoluciones*; what is in a
title or a heading counts more. A query is words and nothing else: what is syntax to SQLite never reaches it.
"""

import re
import sqlite3
import threading
import unicodedata
import weakref
from dataclasses import replace
from pathlib import Path

from riel.docs_index.sections import Section, split_sections

WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")
MAX_WORDS = 24
MAX_WORD = 64
MIN_PREFIX = 4
"""From how many characters on a word stands for every word that begins with it."""

STOP_WORDS = frozenset(
    WORD.findall(
        """a an and are as at be by can do does for from how i in is it my of on or that the there this to what when
        where which who why with you al como con cual cuando de del donde el en es esta este hay la las lo los me mi no
        o para por puede que quien se si son su un una y"""
    )
)
"""Words that stand in every second section, in English and in Spanish: looked for only where there are no others."""

EXCERPT = 900
CONTEXT = 120
"""How many characters of an excerpt may stand before what was found."""

CREATE_INDEX = """CREATE VIRTUAL TABLE sections USING fts5(
    title, heading, text, page UNINDEXED, tokenize = "unicode61 remove_diacritics 2")"""
SELECT_SECTIONS = """SELECT page, title, heading, text, snippet(sections, 2, '', '', '', 64) FROM sections
    WHERE sections MATCH ? ORDER BY bm25(sections, 4.0, 6.0, 1.0), rowid LIMIT ?"""


class Pages:
    """The markdown of one folder. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def search(self, query: str, most: int) -> list[Section]:
        """The sections that speak of the words of ``query``, the best first, with the part of each that does."""
        words = query_words(query)
        if not words:
            return []
        with self._lock:
            if self._index is None:
                self._index = _build_index(self._folder)
                weakref.finalize(self, self._index.close)
            rows = self._index.execute(SELECT_SECTIONS, (" OR ".join(words), most)).fetchall()
        return [replace(Section(*row[:4]), text=excerpt(row[3], row[4])) for row in rows]


def query_words(query: str) -> list[str]:
    """The words of a query, each once, as strings of SQLite's query language: no word is an operator there."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", query.lower()) if not unicodedata.combining(c))
    words = dict.fromkeys(word[:MAX_WORD] for word in WORD.findall(plain))
    telling = [word for word in words if word not in STOP_WORDS] or list(words)
    return [f'"{word}"{"*" * (len(word) >= MIN_PREFIX)}' for word in telling][:MAX_WORDS]


def excerpt(text: str, matches: str) -> str:
    """All of ``text`` where it is short, and otherwise the lines around ``matches``, a piece of it."""
    if len(text) <= EXCERPT:
        return text
    begin = max(0, min(text.find(matches) - CONTEXT, len(text) - EXCERPT))
    if begin:
        line = text.find("\n", begin, begin + CONTEXT)
        begin = line + 1 if line >= 0 else text.find(" ", begin, begin + CONTEXT) + 1 or begin
    end = begin + EXCERPT
    return f"{'…' * (begin > 0)}{text[begin:end].strip()}{'…' * (end < len(text))}"


def _build_index(folder: Path) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    index.execute(CREATE_INDEX)
    for path in sorted(folder.rglob("*.md")):
        page = path.relative_to(folder).as_posix()
        matches = split_sections(page, path.read_text("utf-8", errors="replace"))
        rows = ((each.title, each.heading, each.text, each.page) for each in matches)
        index.executemany("INSERT INTO sections (title, heading, text, page) VALUES (?, ?, ?, ?)", rows)
    return index
