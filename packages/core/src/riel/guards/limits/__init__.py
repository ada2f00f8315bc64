"""How much may be paid, to whom and when: what ``[limits]`` in ``riel.toml`` says, for everybody, a rail, a principal.

Whoever can reach the tools cannot reach this: limits come from that file alone, and no tool reads or changes one.
"""

from riel.guards.limits.guard import Limits
from riel.guards.limits.quota import EVERYBODY, Quota, Scope
from riel.guards.limits.settings import LimitsSettings, Table, read_limits

__all__ = ["EVERYBODY", "Limits", "LimitsSettings", "Quota", "Scope", "Table", "read_limits"]
