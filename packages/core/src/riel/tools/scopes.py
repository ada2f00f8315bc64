"""The scopes that a session was granted, and whether it may only read."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from riel.errors import Code, Misconfigured, NotAllowed


@dataclass(frozen=True, slots=True)
class Scopes:
    """The ``granted`` scopes (``None``: all); ``read_only`` excludes every tool that changes anything."""

    granted: frozenset[str] | None = None
    read_only: bool = False

    def allow(self, scope: str, *, read_only: bool) -> bool:
        """Whether a tool of ``scope`` may be listed and called; an empty scope is always granted."""
        return (read_only or not self.read_only) and self.has(scope)

    def has(self, scope: str) -> bool:
        """Whether ``scope`` is granted."""
        return not scope or self.granted is None or scope in self.granted

    def refusal(self, scope: str) -> NotAllowed:
        """The refusal of a tool that this session may not call."""
        permission = "more than reading" if self.has(scope) else f"the scope {scope}"
        return NotAllowed(Code.SCOPE_NOT_GRANTED, permission=permission)

    def must_be_among(self, known: Collection[str]) -> None:
        """Check that each granted scope is in ``known``: a misspelt one would silently grant nothing.

        :raises Misconfigured: a granted scope belongs to no tool.
        """
        for name in sorted((self.granted or frozenset()) - set(known)):
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise Misconfigured(f"RIEL_SCOPES: no tool has the scope {name!r}; {hint}")
