"""What a session may do: which scopes it was granted, and whether it may only read."""

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
        return (read_only or not self.read_only) and (not scope or self.granted is None or scope in self.granted)

    def refuse_without(self, scope: str) -> None:
        """Nothing, where ``scope`` is granted.

        :raises NotAllowed: it is not.
        """
        if not self.allow(scope, read_only=True):
            raise not_granted(scope)

    def must_be_among(self, known: Collection[str]) -> None:
        """Nothing, where every granted scope is one of a tool's: a misspelt one would grant nothing, and say nothing.

        :raises Misconfigured: one is not.
        """
        for name in sorted((self.granted or frozenset()) - set(known)):
            raise Misconfigured(f"RIEL_SCOPES: no tool has the scope {name!r}; there are {', '.join(sorted(known))}")


def not_granted(scope: str) -> NotAllowed:
    """The refusal of a tool that this session may not call."""
    told = f"the scope {scope}" if scope else "more than reading"
    return NotAllowed(
        f"This session was not granted {told}. Nothing was done.",
        code="SCOPE_NOT_GRANTED",
        next_action="Tell the person: only the operator can grant it (RIEL_SCOPES, riel serve --read-only).",
    )
