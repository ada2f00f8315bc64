"""Payments that we received, as far as they can be given back."""

import hashlib
import string
from dataclasses import replace
from datetime import datetime

from rail_spei.codes import CODES
from rail_spei.days import latest_days
from rail_spei.models import SpeiRefund, SpeiReturn
from rail_spei.settings import SpeiSettings
from rail_spei.stp.api import Stp
from rail_spei.stp.models import Told
from riel import NotAllowed, NothingLearned

ALPHABET = string.digits + string.ascii_uppercase

RETURNING = {"XD", "XR", "D", "TD", "RE"}
"""States of a received payment that goes back, or has gone: by us, by STP's staff, or by whoever acted first."""


async def to_give_back(refund: SpeiRefund, stp: Stp, now: datetime, settings: SpeiSettings) -> SpeiReturn | None:
    """The payment that gives back what was received under that key; ``None`` where STP knows none of the last days.

    :raises NotAllowed: it is not there to be given back. :raises NothingLearned: STP did not tell what is needed.
    """
    told = await _received(refund.tracking_key, stp, now, settings)
    if told is None:
        return None
    if not told.amount or told.payer_account is None or told.day is None:
        raise NothingLearned("STP does not tell who paid it, how much, or when")
    if told.payee_account not in {None, settings.account}:
        other_account = replace(
            CODES["SPEI_REFUND_NOT_POSSIBLE"],
            message="It was received on another account than the one that this server pays from. Nothing was sent.",
            remedy="Tell the person that the operator of that account can return it.",
        )
        raise NotAllowed(other_account)
    bank = settings.catalogue.by_code.get(told.payer_account[:3])
    back = SpeiReturn(
        amount=told.amount,
        account=told.payer_account,
        name=told.payer_name,
        institution=bank.name if bank else "",
        tracking_key=told.key,
        operation_date=told.day,
        reason=refund.reason,
    )
    if told.state(sent=False).word != "success":
        raise _not_there(told, return_key(settings.key_prefix, back))
    return back


def _not_there(told: Told, key: str) -> NotAllowed:
    """Why it cannot be given back now. One that is on its way back is followed by the key of its return."""
    if told.state_code in RETURNING:
        returning = replace(
            CODES["SPEI_REFUND_NOT_POSSIBLE"],
            message="It was returned already, or is being returned; a payment is returned only once.",
            remedy=f"Check the status of the return: its trackingKey is {key}.",
        )
        return NotAllowed(returning, details={"returnTrackingKey": key})
    not_credited = "It is not credited, so there is nothing to return. Nothing was sent."
    return NotAllowed(replace(CODES["SPEI_REFUND_NOT_POSSIBLE"], message=not_credited, remedy="Check it again later."))


async def _received(key: str, stp: Stp, now: datetime, settings: SpeiSettings) -> Told | None:
    """The last payment of that key: banks use theirs again."""
    for day in latest_days(now, settings.calendar):
        found = await stp.query(key, "R", day)
        if isinstance(found, Told):
            return found
    return None


def return_key(prefix: str, back: SpeiReturn) -> str:
    """The key of a return: always the same for the same received payment, so that it can be given back once only."""
    said = f"{back.tracking_key} {back.operation_date} {back.amount} {back.account}"
    number = int.from_bytes(hashlib.sha256(said.encode()).digest())
    text = "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(20))
    return f"{prefix}DEV{text}"
