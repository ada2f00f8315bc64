"""Mistakes one could make in the code, each put into the real one: the simulation must see every one of them.

A bug that a second defence hides is given with that defence taken off too, and says so.
"""

from . import challenges, dispatch, fintoc, journal, provider, restore, rules, spei
from .registry import BUGS, PROFILES, RAILS

__all__ = [
    "BUGS",
    "PROFILES",
    "RAILS",
    "challenges",
    "dispatch",
    "fintoc",
    "journal",
    "provider",
    "restore",
    "rules",
    "spei",
]
