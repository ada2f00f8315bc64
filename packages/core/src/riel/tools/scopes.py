"""What a session may do: which scopes it was granted, and whether it may only read."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from riel.errors import Misconfigured, NotAllowed


@dataclass(frozen=True, slots=True)
class Scopes:
    """``granted`` scopes, or all of them where it is ``None``; with ``read_only``, no tool that changes anything."""

    granted: frozenset[str] | None = None
    read_only: bool = False

    def allow(self, scope: str, *, read_only: bool) -> bool:
        """Whether a tool of that scope may be listed and called. An empty one needs nothing."""
        return (read_only or not self.read_only) and self.has(scope)

    def has(self, scope: str) -> bool:
        """Whether that scope is granted."""
        return not scope or self.granted is None or scope in self.granted

    def refusal(self, scope: str) -> NotAllowed:
        """What is said of a tool of that scope which this session may not call."""
        told = "more than reading" if self.has(scope) else f"the scope {scope}"
        return NotAllowed(
            f"This session was not granted {told}. Nothing was done.",
            code="SCOPE_NOT_GRANTED",
            next_action="Tell the person: only the operator can grant it (RIEL_SCOPES, riel serve --read-only).",
        )

    def must_be_among(self, known: Collection[str]) -> None:
        """Nothing, where every granted scope is one of a tool's: a misspelt one would grant nothing, and say nothing.

        :raises Misconfigured: one is not.
        """
        for name in sorted((self.granted or frozenset()) - set(known)):
            near = difflib.get_close_matches(name, sorted(known), n=1)
            perhaps = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise Misconfigured(f"RIEL_SCOPES: no tool has the scope {name!r}; {perhaps}")
