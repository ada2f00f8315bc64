"""The life of transfers and their effects on balances: each is deducted, given back and credited once at most."""

from collections.abc import Callable
from datetime import UTC, datetime

from rail_fintoc.sandbox.ledger.accounts import Movement
from rail_fintoc.sandbox.ledger.organisation import ModeStore, WebhookEvent
from rail_fintoc.sandbox.ledger.transfer import NEVER_PAID, Transfer
from riel import Debit

CEP_LINK = "https://cep.invalid/cep-beta/go"
"""Where a link to a CEP leads: to no place that exists, since Banxico has no receipt of play money."""


class WithheldEvents:
    """Events that wait until a later one was emitted."""

    def __init__(self) -> None:
        self.events: dict[str, WebhookEvent] = {}


class TransferLedger:
    """The transfers of one mode, and their changes of status."""

    def __init__(self, store: ModeStore) -> None:
        self._store = store
        self._organisation = store.organisation
        self._withheld_events = store.single(WithheldEvents)

    def create_outbound(self, transfer: Transfer) -> Transfer:
        """Book an outbound transfer: its money is deducted now."""
        transfer.movement = self._move(transfer, "outbound")
        self._add(transfer)
        return transfer

    def start(self, transfer: Transfer) -> None:
        """Schedule the end of an outbound transfer, as its scenario says."""
        self._schedule(
            transfer.scenario.webhook_order != "before the answer", "settled_seconds", lambda: self._end(transfer)
        )

    def create_inbound(self, transfer: Transfer) -> Transfer:
        """Book an inbound transfer, which is credited later, or rejected where its number does not accept it."""
        self._register_inbound(transfer)
        self._schedule(True, "received_seconds", lambda: self._credit(transfer))
        return transfer

    def credit_at_once(self, transfer: Transfer) -> None:
        """Book and credit an inbound transfer without an event, as part of the seed."""
        self._register_inbound(transfer)
        transfer.movement, transfer.status = self._move(transfer, "inbound"), "succeeded"

    def return_inbound(self, transfer: Transfer, key: str, fails: bool) -> None:
        """Return an inbound transfer: its money is set aside now, and comes back to the account where that fails."""
        taken = self._move(transfer, "outbound", transfer.movement)
        transfer.status, transfer.return_key, transfer.return_requested_at = (
            "return_pending",
            key,
            self._organisation.now,
        )

        def end() -> None:
            if fails:
                self._move(transfer, "inbound", taken)
                transfer.return_requested_at = None
            self._set_status(transfer, "succeeded" if fails else "returned", "return_failed" if fails else "")

        self._schedule(True, "return_seconds", end)

    def force_status(self, transfer: Transfer, status: str, reason: str | None) -> None:
        """Put a transfer into a status, with its movements and its event, as a control route does for a bank."""
        gone = {"returned", *NEVER_PAID}
        if transfer.direction == "outbound" and status in gone and transfer.status not in gone:
            self._move(transfer, "inbound", transfer.movement)
        transfer.return_reason, transfer.error_reason = _reasons(transfer, reason)
        self._set_status(transfer, status)

    def debits(self) -> list[Debit]:
        """The money that has left: every order but those that end unpaid, and every return of a received transfer.

        What comes back later has left all the same. An account verification is no payment: nobody ordered its centavo.
        """
        left = []
        for transfer in self._store.table(Transfer):
            if transfer.direction == "outbound":
                unpaid = {transfer.status, transfer.scenario.final_status} & NEVER_PAID
                if not unpaid and not transfer.for_verification:
                    left.append(_debit(transfer, transfer.key or transfer.id, transfer.at))
            elif transfer.return_requested_at is not None:
                left.append(_debit(transfer, transfer.return_key or transfer.id, transfer.return_requested_at))
        return left

    def _schedule(self, later: bool, name: str, action: Callable[[], None]) -> None:
        self._organisation.schedule(getattr(self._organisation.behaviour, name) if later else 0, action)

    def _register_inbound(self, transfer: Transfer) -> None:
        transfer.post_date = _midnight(transfer.at)
        transfer.number.last_transfer_at = transfer.at
        self._add(transfer)

    def _add(self, transfer: Transfer) -> None:
        table = self._store.table(Transfer)
        if transfer.currency == "MXN" and transfer.tracking_key is None:
            transfer.tracking_key = f"{transfer.day}90735{len(table) + 1:017d}"
        table.add(transfer)

    def _move(self, transfer: Transfer, direction: str, pair: Movement | None = None) -> Movement:
        id_, now = self._organisation.id("mov"), self._organisation.now
        return transfer.account.add_movement(id_, transfer.id, direction, transfer.amount, now, pair)

    def _end(self, transfer: Transfer) -> None:
        scenario = transfer.scenario
        if transfer.status != "pending" or scenario.final_status == "pending":
            return
        if scenario.final_status in NEVER_PAID:
            self._move(transfer, "inbound", transfer.movement)
            transfer.return_reason, transfer.error_reason = _reasons(transfer, scenario.reason)
            self._set_status(transfer, scenario.final_status)
        elif scenario.final_status == "returned":
            self._succeed(transfer)
            self._schedule(True, "returned_seconds", lambda: self._return(transfer))
        elif scenario.final_status == "succeeded":
            self._succeed(transfer)
        else:
            transfer.status = scenario.final_status

    def _succeed(self, transfer: Transfer) -> None:
        transfer.post_date = _midnight(self._organisation.now)
        if transfer.currency == "MXN":
            transfer.receipt_url = f"{CEP_LINK}?i=90735&s={transfer.day}&d={transfer.id}"
        self._set_status(transfer, "succeeded")

    def _return(self, transfer: Transfer) -> None:
        if transfer.status == "succeeded":
            self._move(transfer, "inbound", transfer.movement)
            transfer.return_reason, transfer.error_reason = _reasons(transfer, transfer.scenario.reason)
            self._set_status(transfer, "returned")

    def _credit(self, transfer: Transfer) -> None:
        if transfer.status != "pending":
            return
        if not transfer.number.accepts(transfer.amount) or transfer.account.status == "closed":
            self._set_status(transfer, "rejected")
            return
        transfer.movement = self._move(transfer, "inbound")
        if transfer.currency == "MXN":
            transfer.receipt_url = f"{CEP_LINK}?i=90735&s={transfer.day}&d={transfer.id}"
        self._set_status(transfer, "succeeded")

    def _set_status(self, transfer: Transfer, status: str, event: str = "") -> None:
        transfer.status = status
        if transfer.for_verification:
            return
        data = transfer.to_json(self._organisation.behaviour.pinned_version)
        happened = self._store.emit(f"transfer.{transfer.direction}.{event or status}", data)
        if transfer.scenario.webhook_order == "twice":
            self._store.unsent_events.append(happened)
        if transfer.scenario.webhook_order == "backwards":
            if status == "succeeded":
                self._withheld_events.events[transfer.id] = self._store.unsent_events.pop()
            elif transfer.id in self._withheld_events.events:
                self._store.unsent_events.append(self._withheld_events.events.pop(transfer.id))


def _debit(transfer: Transfer, reference: str, at: datetime) -> Debit:
    payee = str(transfer.counterparty["account_number"])
    return Debit(reference=reference, amount=transfer.amount, currency=transfer.currency, beneficiary=payee, at=at)


def _reasons(transfer: Transfer, reason: str | None) -> tuple[str | None, str | None]:
    """Mexico tells a ``return_reason``, Chile an ``error_reason``."""
    return (reason, None) if transfer.currency == "MXN" else (None, reason)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
