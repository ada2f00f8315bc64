"""The query of a request, in its order and with its repeated names."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """Name and value of each parameter."""

    pairs: Sequence[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The last value of a parameter; ``None`` where it is missing or empty."""
        values = self.get_all(name)
        return values[-1] if values else None

    def get_all(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated: ``status=a&status=b``, ``status[]=a``."""
        return [value for key, value in self.pairs if key in {name, f"{name}[]"} and value]
