"""May this happen at all? Guards are asked before a person is, and once more in front of the send."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from riel.money import Money
from riel.rail import Mode, Payee


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted, as a guard sees it."""

    principal: str
    rail: str
    mode: Mode
    kind: Literal["payment", "refund"]
    money: Money
    payee: Payee
    at: datetime


class Guard(Protocol):
    """Something that may refuse."""

    name: str

    def check(self, wanted: Wanted) -> None:
        """Return where it may happen.

        :raises NotAllowed: with the limit that refused it, and what is left of it.
        """
