"""Returns of received payments: which ones can be returned, and the payment that returns them."""

import hashlib
import string
from dataclasses import replace
from datetime import datetime

from rail_spei.codes import CODES
from rail_spei.days import latest_days
from rail_spei.models import SpeiRefund, SpeiReturn
from rail_spei.settings import SpeiSettings
from rail_spei.stp.api import Stp
from rail_spei.stp.clock import ClocksDiffer
from rail_spei.stp.models import OrderStatus
from riel import NotAllowed, NothingLearned

ALPHABET = string.digits + string.ascii_uppercase

RETURN_STATES = {"XD", "XR", "D", "TD", "RE"}
"""States of a received payment that is being returned or was returned, by us or by STP's staff."""


async def build_return(refund: SpeiRefund, stp: Stp, now: datetime, settings: SpeiSettings) -> SpeiReturn | None:
    """Build the payment that returns the received one of that key; ``None`` where STP has none of the last days.

    :raises NotAllowed: the payment cannot be returned. :raises NothingLearned: STP's answer lacks payer, amount or day.
    """
    status = await _find_received(refund.tracking_key, stp, now, settings)
    if status is None:
        return None
    if not status.amount or status.payer_account is None or status.day is None:
        raise NothingLearned("STP's answer has no payer, no amount or no day")
    if status.payee_account not in {None, settings.account}:
        other_account = replace(
            CODES["SPEI_REFUND_NOT_POSSIBLE"],
            message="It was received on another account than the one that this server pays from. Nothing was sent.",
            remedy="Tell the person that the operator of that account can return it.",
        )
        raise NotAllowed(other_account)
    bank = settings.catalogue.by_code.get(status.payer_account[:3])
    payment = SpeiReturn(
        amount=status.amount,
        account=status.payer_account,
        name=status.payer_name,
        institution=bank.name if bank else "",
        tracking_key=status.key,
        operation_date=status.day,
        reason=refund.reason,
    )
    if status.state(sent=False).kind != "success":
        raise _not_returnable(status, return_key(settings.key_prefix, payment))
    return payment


def _not_returnable(status: OrderStatus, key: str) -> NotAllowed:
    """Say why the payment cannot be returned now. ``key`` is the tracking key of its return."""
    if status.state_code in RETURN_STATES:
        returning = replace(
            CODES["SPEI_REFUND_NOT_POSSIBLE"],
            message="It was returned already, or is being returned; a payment is returned only once.",
            remedy=f"Check the status of the return: its trackingKey is {key}.",
        )
        return NotAllowed(returning, details={"returnTrackingKey": key})
    not_credited = "It is not credited, so there is nothing to return. Nothing was sent."
    return NotAllowed(replace(CODES["SPEI_REFUND_NOT_POSSIBLE"], message=not_credited, remedy="Check it again later."))


async def _find_received(key: str, stp: Stp, now: datetime, settings: SpeiSettings) -> OrderStatus | None:
    """Find the last received payment of that key: a bank may use a key again on another day."""
    doubt: ClocksDiffer | None = None
    for day in latest_days(now, settings.holiday_calendar):
        try:
            status = await stp.query(key, "R", day)
        except ClocksDiffer as failure:  # STP has none on that day; whether the days are the right ones is not known
            doubt = failure
            continue
        if isinstance(status, OrderStatus):
            return status
    if doubt is not None:
        raise doubt
    return None


def return_key(prefix: str, payment: SpeiReturn) -> str:
    """The tracking key of a return. It depends on the received payment alone, so that STP books one return only."""
    identity = f"{payment.tracking_key} {payment.operation_date} {payment.amount} {payment.account}"
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest())
    text = "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(20))
    return f"{prefix}DEV{text}"
