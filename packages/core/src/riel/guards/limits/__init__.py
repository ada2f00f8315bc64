"""Limits on amounts, payees and hours, from ``[limits]`` in ``riel.toml``: for everybody, a rail or a principal.

They come from that file alone; no tool reads or changes one.
"""

from riel.guards.limits.accounts import ParseAccount, check_accounts
from riel.guards.limits.guard import Limits
from riel.guards.limits.quota import EVERYBODY, Quota, Scope
from riel.guards.limits.settings import LimitsSettings, LimitsTable, read_limits

__all__ = [
    "EVERYBODY",
    "Limits",
    "LimitsSettings",
    "LimitsTable",
    "ParseAccount",
    "Quota",
    "Scope",
    "check_accounts",
    "read_limits",
]
