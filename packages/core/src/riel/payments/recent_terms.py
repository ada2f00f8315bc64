"""The terms that this process asked people about a short time ago, to say what differs where a code fits none of them.

It is a help for the answer and decides nothing: the journal decides which challenge a code may confirm.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from riel.confirm import Terms
from riel.confirm.terms import canonical

MAX_TERMS = 1000


class RecentTerms:
    """The last terms of challenges, each by principal, rail, mode and tool."""

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[str, ...], tuple[Terms, datetime]] = OrderedDict()

    def remember(self, terms: Terms, expires_at: datetime) -> None:
        """Keep the terms of a challenge that is open until ``expires_at``."""
        key = _key(terms)
        self._asked[key] = terms, expires_at
        self._asked.move_to_end(key)
        while len(self._asked) > MAX_TERMS:
            self._asked.popitem(last=False)

    def differing(self, terms: Terms, now: datetime) -> list[str] | None:
        """The arguments of the call that differ from those of its tool's last challenge; ``None`` if there is none."""
        asked, expires_at = self._asked.get(_key(terms), (terms, now - timedelta(1)))
        if expires_at <= now:
            return None
        one, other = asked.tool_arguments or asked.arguments, terms.tool_arguments or terms.arguments
        names = sorted({*one, *other})
        return [name for name in names if canonical({"": one.get(name)}) != canonical({"": other.get(name)})]


def _key(terms: Terms) -> tuple[str, ...]:
    return terms.principal, terms.rail, terms.mode, terms.kind, terms.tool
