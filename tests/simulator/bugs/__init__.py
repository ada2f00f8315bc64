"""Mistakes one could make in the code, each put into the real one: the simulation must see every one of them.

A bug that a second defence hides is given with that defence taken off too, and says so.
"""

from . import asking, concluding, fintoc, recording, sending, spei
from .registry import BUGS, MOODS, RAILS

__all__ = ["BUGS", "MOODS", "RAILS", "asking", "concluding", "fintoc", "recording", "sending", "spei"]
