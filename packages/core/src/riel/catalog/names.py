"""Names and titles that an agent or a person could take for another rail's; they are refused before they are shown."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from riel.catalog.validation import TOOL_NAME
from riel.rail import Rail

_ALIKE = str.maketrans(
    "01i5|аесорхукмтвніјѕԁԛԝɡαβεικμνορτυχ",
    "ollsl" + "aecopxykmtbhijsdqwg" + "abeikmvoptyx",
)
"""Characters that are read as another one: figures, Cyrillic and Greek letters."""

_PAIRS = (("rn", "m"), ("vv", "w"))


def skeleton(text: str) -> str:
    """What a hasty reader sees of ``text``: two texts with one skeleton can be taken for each other.

    Letters and underscores are left, without accents, case and spaces.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = "".join(c for c in plain if c.isalnum() or c in "_|").translate(_ALIKE).translate(_ALIKE)
    for pair, one in _PAIRS:
        letters = letters.replace(pair, one)
    return letters


def look_alike_names(names: Iterable[str]) -> Mapping[str, Collection[str]]:
    """Each name that can be taken for others, with those others."""
    by_skeleton: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_skeleton[skeleton(name)].append(name)
    return {name: set(alike) - {name} for alike in by_skeleton.values() if alike[1:] for name in alike}


def look_alike_titles(rails: Sequence[Rail]) -> Mapping[str, str]:
    """The name of each rail whose title can be taken for another rail's title or name, with the other's name.

    Of two equal titles the one that holds its rail's own name stands; without such a one, neither does.
    """
    titles = {rail.name: skeleton(rail.title) for rail in rails}
    alike: dict[str, str] = {}
    for name, title in titles.items():
        for other, others_title in titles.items():
            if other == name:
                continue
            named_like = title == skeleton(other)
            titled_like = title == others_title and skeleton(name) not in title
            if named_like or titled_like:
                alike[name] = other
    return alike


def tool_name_problems(rails: Sequence[tuple[Rail, str]], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The name of each rail whose own tools cannot have their names, and the end of a sentence about it.

    :param rails: the active rails, each with the prefix of its own tools.
    :param names: the names of all rails that are installed, active or not.
    """
    owners: dict[str, list[Rail]] = defaultdict(list)
    for rail, prefix in rails:
        for tool in rail.tools:
            owners[f"{prefix}{tool.name}"].append(rail)
    for rail, prefix in rails:
        others = [name for name in names if name != rail.name]
        if problem := next(_name_problems(rail, prefix, others, owners), None):
            yield rail.name, problem


def _name_problems(
    rail: Rail, prefix: str, others: Collection[str], owners: Mapping[str, Sequence[Rail]]
) -> Iterator[str]:
    reserved = {f"{rail.name}_{suffix}" for suffix in (*Rail.tool_suffixes, Rail.search_tool)}
    for tool in rail.tools:
        name = f"{prefix}{tool.name}"
        if not TOOL_NAME.fullmatch(name):
            yield f"cannot have a tool {name!r}: write a to z, 0 to 9 and _, 64 at most"
        for other in others:
            if skeleton(name).startswith(f"{skeleton(other)}_"):
                yield f"cannot have a tool {name!r}, which can be taken for one of the rail {other!r}"
        if skeleton(name).rstrip("s") in {skeleton(each).rstrip("s") for each in reserved}:
            yield f"cannot have a tool {name!r}, which can be taken for one that riel gives it"
        if len(owners[name]) > 1:
            owned = sorted({repr(owner.name) for owner in owners[name]})
            yield f"cannot have a tool {name!r}: {' and '.join(owned)} would each have one of that name"
