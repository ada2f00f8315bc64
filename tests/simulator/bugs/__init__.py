"""Mistakes one could make in the code, each put into the real one: the simulation must see every one of them.

A bug that a second defence hides is given with that defence taken off too, and says so.
"""

from . import challenges, dispatch, fintoc, journal, provider, restore, rows, rules, spei
from .registry import ATTACKED, BUGS, PROFILES, RAILS

__all__ = ["ATTACKED", "BUGS", "PROFILES", "RAILS"]
__all__ += ["challenges", "dispatch", "fintoc", "journal", "provider", "restore", "rows", "rules", "spei"]
