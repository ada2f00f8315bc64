"""The refusals of a confirmation: the journal's reasons as codes of the catalogue."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from riel.errors import CATALOGUE, Code, NotConfirmed, NothingSent
from riel.journal import ConfirmFailure, PaymentRecord, State

_NOT_CONFIRMED: Mapping[ConfirmFailure, Code] = {
    "expired": Code.TWO_FA_EXPIRED,
    "locked": Code.TWO_FA_LOCKED,
    "declined": Code.TWO_FA_DECLINED,
    "rate_limited": Code.TWO_FA_RATE_LIMITED,
    "code_reused": Code.TWO_FA_USED,
    "tampered": Code.RECORD_TAMPERED,
    "frozen": Code.FROZEN,
}
_NOT_REFUNDED: Mapping[ConfirmFailure, Code] = {
    "exceeds_payment": Code.REFUND_EXCEEDS_PAYMENT,
    "not_settled": Code.NOT_REFUNDABLE,
}


def mismatch(left: int | None = None) -> NotConfirmed:
    """The code is another payment's, or the arguments are not the confirmed ones.

    :param left: how many attempts are left for the challenge.
    """
    return NotConfirmed(Code.TWO_FA_MISMATCH, details={} if left is None else {"attemptsLeft": left})


def used_before(known: PaymentRecord) -> NotConfirmed:
    """The code confirmed ``known``; a newer challenge for the same is open, and it does not answer that one."""
    return NotConfirmed(Code.TWO_FA_USED, details={"paymentId": known.id})


def not_requested(differing: Collection[str] | None) -> NotConfirmed:
    """A code for which nobody was asked: nothing is compared, so it is no attempt.

    :param differing: the arguments that differ from those of the last challenge of the same tool; ``None`` if there
        is none.
    """
    if differing is None:
        return NotConfirmed(Code.TWO_FA_NOT_REQUESTED)
    if not differing:
        return mismatch()
    names = " and ".join(differing)
    are = "are" if len(differing) > 1 else "is"
    row = replace(
        CATALOGUE[Code.TWO_FA_MISMATCH],
        message=f"The person was asked about something else: {names} {are} not as it was then. Nothing was sent.",
        remedy=f"Repeat the call with {names} exactly as it was when the code was requested; or call without "
        "verificationCode to have the person asked about this.",
    )
    return NotConfirmed(row, details={"differing": list(differing)})


def already_done(known: PaymentRecord, principal: str) -> NothingSent:
    """The rail accepts this payment only once, and ``known`` is that one; only its own principal learns of it."""
    ours = known.principal == principal
    code = Code.ALREADY_REJECTED if ours and known.state is State.REJECTED else Code.ALREADY_DONE
    return NothingSent(code, details={"paymentId": known.id} if ours else {})


def not_confirmed(why: ConfirmFailure) -> NothingSent:
    """The refusal where the journal did not confirm."""
    if why in _NOT_REFUNDED:
        return NothingSent(_NOT_REFUNDED[why])
    return NotConfirmed(_NOT_CONFIRMED[why]) if why in _NOT_CONFIRMED else mismatch()
