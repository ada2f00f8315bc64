"""One line of a bank's ledger, as the checks read it, whichever bank it is."""

from dataclasses import dataclass

from riel import Status


@dataclass
class SimBooking:
    """One line of the ledger. ``live`` as long as the money is not back.

    ``payer``: the account that it left, where the bank has several.
    """

    reference: str
    kind: str
    amount: int
    account: str
    original: str
    at: float
    status: Status
    payer: str = ""
    settled_at: float | None = None
    ended_at: float | None = None

    @property
    def live(self) -> bool:
        return self.status is not Status.REJECTED

    def as_of(self, at: float) -> Status:
        """What was known of it then."""
        if self.ended_at is not None and self.ended_at <= at:
            return self.status
        return Status.SETTLED if self.settled_at is not None and self.settled_at <= at else Status.PENDING
