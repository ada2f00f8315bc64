"""What an agent is told where a code did not confirm: a stable code, a sentence, and what to do next."""

from riel.errors import NotConfirmed, NothingSent
from riel.journal import ConfirmFailure, PaymentRecord, State


def mismatch(left: int | None = None) -> NotConfirmed:
    """The code is another's, or the arguments are not the ones that were confirmed."""
    told = {} if left is None else {"attemptsLeft": left}
    return NotConfirmed("The code does not belong to exactly this payment. Nothing was sent.", details=told)


def already_done(known: PaymentRecord, principal: str) -> NothingSent:
    """The rail makes it only once, and ``known`` is that once. What became of it only its principal is told."""
    ours = known.principal == principal
    if ours and known.state is State.REJECTED:
        return NothingSent(
            "Exactly this was tried before and did not happen, and the rail takes it only once. Nothing was sent.",
            code="MADE_BEFORE",
            next_action="Tell the person that only the operator can do it now, and not with riel.",
            details={"paymentId": known.id},
        )
    return NothingSent(
        "Exactly this was made before, and the rail makes it only once. Nothing more was sent.",
        code="MADE_BEFORE",
        next_action="Do not try it again, whatever became of it: check the status of paymentId, or tell the operator.",
        details={"paymentId": known.id} if ours else {},
    )


def not_confirmed(why: ConfirmFailure) -> NothingSent:
    """What an agent is told where the journal did not confirm."""
    again = "Call again without verificationCode to ask the person anew. Nothing was sent."
    match why:
        case "expired":
            return NotConfirmed("The code's time is over. Nothing was sent.", code="2FA_EXPIRED", next_action=again)
        case "locked":
            return NotConfirmed(
                "Too many wrong codes: this confirmation is closed. Nothing was sent.",
                code="2FA_LOCKED",
                next_action=again,
            )
        case "declined":
            return NotConfirmed(
                "The person declined exactly this. Nothing was sent.",
                code="2FA_DECLINED",
                next_action="Do not ask again. Talk to the person about what they want instead.",
            )
        case "rate_limited":
            return NotConfirmed(
                "Too many wrong codes within an hour. Nothing was sent.",
                code="2FA_RATE_LIMITED",
                retryable=True,
                next_action="Wait an hour. Asking for a new code does not help.",
            )
        case "code_reused":
            return NotConfirmed(
                "This code was used before. Wait for the next one. Nothing was sent.",
                code="2FA_USED",
                next_action=again,
            )
        case "exceeds_payment":
            return NothingSent(
                "The refund is more than what is left of the payment. Nothing was sent.",
                code="REFUND_EXCEEDS_PAYMENT",
                next_action="Check the payment's status: refundedAmount is what was paid back already.",
            )
        case "not_settled":
            return NothingSent(
                "Only a settled payment can be refunded. Nothing was sent.",
                code="NOT_REFUNDABLE",
                next_action="Check its status first.",
            )
        case _:
            return mismatch()
