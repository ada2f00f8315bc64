"""Payments that we received, as far as they can be given back."""

import hashlib
import string
from datetime import date, timedelta

from rail_spei.models import SpeiRefund, SpeiReturn
from rail_spei.settings import SpeiSettings
from rail_spei.stp.answers import Told
from rail_spei.stp.api import Stp
from riel import NotAllowed, NothingLearned

LOOKED_BACK = 7
"""Days for which a received payment is looked for: STP is asked once for each."""

ALPHABET = string.digits + string.ascii_uppercase


async def to_give_back(refund: SpeiRefund, stp: Stp, today: date, settings: SpeiSettings) -> SpeiReturn | None:
    """The payment that gives back what was received under that key; ``None`` where STP knows none of the last days.

    :raises NotAllowed: it has not been credited. :raises NothingLearned: STP did not tell what is needed.
    """
    told = await _received(refund.tracking_key, stp, today)
    if told is None:
        return None
    state = told.state(sent=False)
    if state.word == "pending" or (state.word == "failed" and state.inbound):
        raise NotAllowed(
            "It has not been credited, so there is nothing to give back. Nothing was sent.",
            code="SPEI_REFUND_NOT_POSSIBLE",
            next_action="Check it again later.",
        )
    if told.amount is None or told.payer_account is None or told.day is None:
        raise NothingLearned("STP does not tell who paid it, how much, or when")
    bank = settings.catalogue.by_code.get(told.payer_account[:3])
    return SpeiReturn(
        amount=told.amount,
        account=told.payer_account,
        name=told.payer_name,
        institution=bank.name if bank else "",
        tracking_key=told.key,
        operation_date=told.day,
        reason=refund.reason,
    )


async def _received(key: str, stp: Stp, today: date) -> Told | None:
    for day in (None, *(today - timedelta(days=back) for back in range(1, LOOKED_BACK + 1))):
        if day is not None and day.weekday() >= 5:
            continue
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
