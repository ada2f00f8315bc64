"""What becomes of a transfer, and what that does to the balance: deducted once, given back once, credited once."""

from collections.abc import Callable
from datetime import UTC, datetime

from rail_fintoc.sandbox.ledger.accounts import Movement
from rail_fintoc.sandbox.ledger.organisation import Books, Event
from rail_fintoc.sandbox.ledger.transfer import NEVER_PAID, Transfer
from riel import Debit

CEP_LINK = "https://cep.invalid/cep-beta/go"
"""Where a link to a CEP leads: to no place that exists, since Banxico has no receipt of play money."""


class Withheld:
    """Events that wait until a later one has been told."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}


class Ledger:
    """Every transfer of one mode, and the changes that they can undergo."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._world = books.world
        self._withheld = books.the(Withheld)

    def order(self, transfer: Transfer) -> Transfer:
        """Take an outbound transfer: its money is deducted now."""
        transfer.movement = self._move(transfer, "outbound")
        self._keep(transfer)
        return transfer

    def send(self, transfer: Transfer) -> None:
        """Let one that was taken end as its fate wants it, in its time."""
        self._later(transfer.fate.telling != "before the answer", "settled_seconds", lambda: self._end(transfer))

    def receive(self, transfer: Transfer) -> Transfer:
        """Take an inbound transfer, which is credited later, or rejected where its number does not take it."""
        self._arrive(transfer)
        self._later(True, "received_seconds", lambda: self._credit(transfer))
        return transfer

    def arrived(self, transfer: Transfer) -> None:
        """Take an inbound transfer that came before anybody could be told."""
        self._arrive(transfer)
        transfer.movement, transfer.status = self._move(transfer, "inbound"), "succeeded"

    def give_back(self, transfer: Transfer, key: str, fails: bool) -> None:
        """Return an inbound transfer: its money is set aside now, and comes back to the account where that fails."""
        taken = self._move(transfer, "outbound", transfer.movement)
        transfer.status, transfer.given_back_with, transfer.given_back_at = "return_pending", key, self._world.now

        def end() -> None:
            if fails:
                self._move(transfer, "inbound", taken)
                transfer.given_back_at = None
            self._become(transfer, "succeeded" if fails else "returned", "return_failed" if fails else "")

        self._later(True, "giving_back_seconds", end)

    def become(self, transfer: Transfer, status: str, reason: str | None) -> None:
        """Put a transfer into a status, with what belongs to it: for whoever plays the other bank."""
        gone = {"returned", *NEVER_PAID}
        if transfer.direction == "outbound" and status in gone and transfer.status not in gone:
            self._move(transfer, "inbound", transfer.movement)
        transfer.return_reason, transfer.error_reason = _reasons(transfer, reason)
        self._become(transfer, status)

    def debits(self) -> list[Debit]:
        """The money that has left: every order but those that end unpaid, and every return of a received transfer.

        What comes back later has left all the same. An account verification is no payment: nobody ordered its centavo.
        """
        left = []
        for transfer in self._books.shelf(Transfer):
            if transfer.direction == "outbound":
                unpaid = {transfer.status, transfer.fate.ends} & NEVER_PAID
                if not unpaid and not transfer.for_verification:
                    left.append(_debit(transfer, transfer.key or transfer.id, transfer.at))
            elif transfer.given_back_at is not None:
                left.append(_debit(transfer, transfer.given_back_with or transfer.id, transfer.given_back_at))
        return left

    def _later(self, later: bool, name: str, act: Callable[[], None]) -> None:
        self._world.due(getattr(self._world.behaviour, name) if later else 0, act)

    def _arrive(self, transfer: Transfer) -> None:
        transfer.post_date = _midnight(transfer.at)
        transfer.number.last_transfer_at = transfer.at
        self._keep(transfer)

    def _keep(self, transfer: Transfer) -> None:
        shelf = self._books.shelf(Transfer)
        if transfer.currency == "MXN" and transfer.tracking_key is None:
            transfer.tracking_key = f"{transfer.day}90735{len(shelf) + 1:017d}"
        shelf.put(transfer)

    def _move(self, transfer: Transfer, direction: str, pair: Movement | None = None) -> Movement:
        id_, now = self._world.id("mov"), self._world.now
        return transfer.account.book(id_, transfer.id, direction, transfer.amount, now, pair)

    def _end(self, transfer: Transfer) -> None:
        fate = transfer.fate
        if transfer.status != "pending" or fate.ends == "pending":
            return
        if fate.ends in NEVER_PAID:
            self._move(transfer, "inbound", transfer.movement)
            transfer.return_reason, transfer.error_reason = _reasons(transfer, fate.reason)
            self._become(transfer, fate.ends)
        elif fate.ends == "returned":
            self._succeed(transfer)
            self._later(True, "returned_seconds", lambda: self._come_back(transfer))
        elif fate.ends == "succeeded":
            self._succeed(transfer)
        else:
            transfer.status = fate.ends

    def _succeed(self, transfer: Transfer) -> None:
        transfer.post_date = _midnight(self._world.now)
        if transfer.currency == "MXN":
            transfer.receipt_url = f"{CEP_LINK}?i=90735&s={transfer.day}&d={transfer.id}"
        self._become(transfer, "succeeded")

    def _come_back(self, transfer: Transfer) -> None:
        if transfer.status == "succeeded":
            self._move(transfer, "inbound", transfer.movement)
            transfer.return_reason, transfer.error_reason = _reasons(transfer, transfer.fate.reason)
            self._become(transfer, "returned")

    def _credit(self, transfer: Transfer) -> None:
        if transfer.status != "pending":
            return
        if not transfer.number.takes(transfer.amount) or transfer.account.status == "closed":
            self._become(transfer, "rejected")
            return
        transfer.movement = self._move(transfer, "inbound")
        if transfer.currency == "MXN":
            transfer.receipt_url = f"{CEP_LINK}?i=90735&s={transfer.day}&d={transfer.id}"
        self._become(transfer, "succeeded")

    def _become(self, transfer: Transfer, status: str, event: str = "") -> None:
        transfer.status = status
        if transfer.for_verification:
            return
        told = transfer.told(self._world.behaviour.pinned_version)
        happened = self._books.tell(f"transfer.{transfer.direction}.{event or status}", told)
        if transfer.fate.telling == "twice":
            self._books.untold.append(happened)
        if transfer.fate.telling == "backwards":
            if status == "succeeded":
                self._withheld.events[transfer.id] = self._books.untold.pop()
            elif transfer.id in self._withheld.events:
                self._books.untold.append(self._withheld.events.pop(transfer.id))


def _debit(transfer: Transfer, reference: str, at: datetime) -> Debit:
    payee = str(transfer.counterparty["account_number"])
    return Debit(reference=reference, amount=transfer.amount, currency=transfer.currency, beneficiary=payee, at=at)


def _reasons(transfer: Transfer, reason: str | None) -> tuple[str | None, str | None]:
    """Mexico tells a ``return_reason``, Chile an ``error_reason``."""
    return (reason, None) if transfer.currency == "MXN" else (None, reason)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
