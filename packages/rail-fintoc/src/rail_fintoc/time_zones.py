"""The time zones whose days decide about money, by the rules of a package.

A system may have no rules, or some from before Chile and Mexico changed theirs in 2022.
"""

from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo


def _zone(name: str) -> ZoneInfo:
    with files("tzdata.zoneinfo.America").joinpath(name).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=f"America/{name}")


MEXICO_CITY: Final = _zone("Mexico_City")
SANTIAGO: Final = _zone("Santiago")
