"""Limits on amounts, payees and hours, from ``[limits]`` in ``riel.toml``: for everybody, a rail or a principal.

They come from that file alone; no tool reads or changes one.
"""

from riel.guards.limits.guard import Limits
from riel.guards.limits.quota import EVERYBODY, Quota, Scope
from riel.guards.limits.settings import LimitsSettings, LimitsTable, read_limits

__all__ = ["EVERYBODY", "Limits", "LimitsSettings", "LimitsTable", "Quota", "Scope", "read_limits"]
