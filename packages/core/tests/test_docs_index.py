"""A folder of markdown is searched by words, which are data: no query is an error, and none is a command."""

from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.docs_index import Pages, Section
from riel.docs_index.pages import EXCERPT
from riel.docs_index.sections import split_sections

REFUNDS = """# Refunds

Money that comes back.

## In part

A part of a payment is paid back with `amount`, in minor units.

```python
# Not a heading
refund(amount=100)
```

### Devoluciones en México

La devolución llega en un día hábil; el límite es de 90 días.

## Codes ##

| code | meaning |
|---|---|
| `invalid_request_error` | The request is wrong. |
"""
LONG = (
    "# Long\n\n" + "Nothing to see in this line of words.\n" * 200 + "Here is the needle.\n" + "And on it goes.\n" * 200
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "refunds.md").write_text(REFUNDS, "utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "long.md").write_text(LONG, "utf-8")
    (tmp_path / "webhooks.md").write_text("No heading: a webhook tells of refunds.\n", "utf-8")
    (tmp_path / "notes.txt").write_text("refunds", "utf-8")
    return tmp_path


@pytest.fixture
def pages(folder: Path) -> Pages:
    return Pages(folder)


def headings(pages: Pages, query: str, most: int = 5) -> list[tuple[str, str]]:
    return [(found.page, found.heading) for found in pages.search(query, most)]


def test_a_page_falls_apart_at_its_headings() -> None:
    told = [(section.heading, section.text.splitlines()[0]) for section in split_sections("refunds.md", REFUNDS)]
    assert told == [
        ("", "Money that comes back."),
        ("In part", "A part of a payment is paid back with `amount`, in minor units."),
        ("In part > Devoluciones en México", "La devolución llega en un día hábil; el límite es de 90 días."),
        ("Codes", "| code | meaning |"),
    ]
    assert {section.title for section in split_sections("refunds.md", REFUNDS)} == {"Refunds"}


@pytest.mark.parametrize("fence", ["```", "~~~~", "  ```"])
def test_what_looks_like_a_heading_in_code_is_none(fence: str) -> None:
    inside = "``` not the end\n# no\n" if fence == "~~~~" else "# no\n"
    (section,) = split_sections("page.md", f"# Title\n{fence}sh\n{inside}{fence}\n")
    assert "# no" in section.text


def test_a_page_without_a_heading_is_called_like_its_file() -> None:
    assert list(split_sections("a/b.md", "words")) == [Section("a/b.md", "a/b", "", "words")]
    assert list(split_sections("empty.md", "\n# Only a title\n\n## And another\n")) == []


def test_the_section_is_named_by_page_and_heading(pages: Pages) -> None:
    (found, *_) = pages.search("amount", 1)
    assert (found.page, found.title, found.heading) == ("refunds.md", "Refunds", "In part")
    assert "paid back with `amount`" in found.text


def test_what_a_title_says_counts_more_than_what_a_text_does(pages: Pages) -> None:
    assert headings(pages, "refunds")[-1] == ("webhooks.md", "")
    assert headings(pages, "refund codes")[0] == ("refunds.md", "Codes")


@pytest.mark.parametrize(
    "query", ["devolucion", "DEVOLUCIÓN", "devolucio\u0301n", "¿Cuál es la devolución?", "limites dia"]
)
def test_accents_case_and_endings_make_no_difference(pages: Pages, query: str) -> None:
    assert headings(pages, query)[0] == ("refunds.md", "In part > Devoluciones en México")


def test_a_code_is_found_as_it_is_written(pages: Pages) -> None:
    assert headings(pages, "what is invalid_request_error") == [("refunds.md", "Codes")]


def test_words_that_stand_everywhere_find_only_where_there_are_no_others(pages: Pages) -> None:
    assert headings(pages, "how is the") != []
    assert headings(pages, "is the needle") == [("deep/long.md", "")]


def test_a_long_section_is_shown_around_what_was_found(pages: Pages) -> None:
    (found,) = pages.search("needle", 5)
    assert "Here is the needle." in found.text
    assert len(found.text) <= EXCERPT + 2
    assert found.text.startswith("…Nothing to see")
    assert found.text.endswith("…")


def test_no_more_is_found_than_was_asked_for(pages: Pages) -> None:
    assert len(pages.search("refunds code amount words", 2)) == 2


def test_nothing_is_found_where_nothing_speaks_of_it(pages: Pages) -> None:
    assert pages.search("zeppelin", 5) == []


SYNTAX = [
    '"', "'", '""', "*", "^refund", "title:refund", "sections:x", "NEAR(a b, 2)", "refund AND", "NOT refund", "OR",
    "AND OR NOT NEAR", "(refund", "refund)", "{title text} : x", "-refund", "+refund", "a+b", ";DROP TABLE sections;--",
    "refund\x00 x", "_", "__", "\u0301", "﷽", "ﬁ", "x" * 300, "\ud800", "'; SELECT 1", "rank:bm25()", "%", "?1", ":a",
]  # fmt: skip


@pytest.mark.parametrize("query", SYNTAX)
def test_no_query_is_syntax(pages: Pages, query: str) -> None:
    pages.search(query, 5)
    assert headings(pages, "amount")[0] == ("refunds.md", "In part")


def test_an_operator_is_a_word(folder: Path) -> None:
    (folder / "near.md").write_text("# Near\n\nA bank that is near.\n")
    assert headings(Pages(folder), "NEAR(zeppelin)") == [("near.md", "")]
    assert headings(Pages(folder), "title:zeppelin") == headings(Pages(folder), "title")
    assert headings(Pages(folder), "zeppelin NOT amount")[0] == ("refunds.md", "In part")


@given(query=st.text(max_size=300))
def test_any_text_can_be_asked_for(tmp_path_factory: pytest.TempPathFactory, query: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    (folder / "page.md").write_text("# A page\n\nOf words.\n")
    assert len(Pages(folder).search(query, 3)) <= 1


def test_threads_may_ask_at_once(pages: Pages) -> None:
    found: list[int] = []
    threads = [Thread(target=lambda: found.append(len(pages.search("amount", 5)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 8


def test_a_page_that_is_not_utf_8_hides_no_other(folder: Path) -> None:
    (folder / "bad.md").write_bytes(b"# Caf\xe9\n\nzeppelin \xff\n")
    assert [found.page for found in Pages(folder).search("zeppelin", 5)] == ["bad.md"]
