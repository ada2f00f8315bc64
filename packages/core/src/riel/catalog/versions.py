"""Whether a distribution was made for this riel: what its metadata requires, against what is installed."""

import re
from collections.abc import Iterable

BOUND = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")


def unmet(requires: Iterable[str], installed: str) -> str:
    """What these requirements ask of riel, where ``installed`` is not it; nothing, where it is.

    A pre-release of riel is taken for what it is, wherever the bounds allow it.
    """
    for requirement in requires:
        name = re.match(r"[\w.-]+", requirement)
        if name is None or name[0].lower() != "riel" or plainly_within(requirement[name.end() :], installed):
            continue
        from packaging.requirements import Requirement

        asked = Requirement(requirement)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        if not asked.specifier.contains(installed, prereleases=True):
            return str(asked.specifier)
    return ""


def plainly_within(bounds: str, version: str) -> bool:
    """Whether plain bounds hold for a plain version, which is the usual case.

    ``packaging`` says the same, and everything else, but takes 40 ms to import, which every start would pay.
    """
    wanted = [BOUND.fullmatch(bound.strip()) for bound in bounds.strip().strip("()").split(",") if bound.strip()]
    if None in wanted or not re.fullmatch(r"\d+(\.\d+)*", version):
        return False
    return all((_release(version) >= _release(bound[2])) == (bound[1] == ">=") for bound in wanted if bound)


def _release(version: str) -> list[int]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
