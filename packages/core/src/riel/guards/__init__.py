"""May this happen at all? Guards are asked before a person is, and once more before the code is compared."""

from datetime import datetime
from typing import Protocol

from riel.confirm.digest import Terms


class Guard(Protocol):
    """Something that may refuse."""

    name: str

    def check(self, terms: Terms, now: datetime) -> None:
        """Return where it may happen.

        :raises NotAllowed: with the limit that refused it, and what is left of it.
        """
