"""Ask a person whether exactly this may be done. Nothing moves here."""

import asyncio

from riel.confirm import NONCE, render_challenge
from riel.errors import Code, NotAllowed, NotConfirmed, NothingSent
from riel.journal import Challenge, ChallengeState, DuplicateOf, LimitReached
from riel.payments.context import Context, PaymentRequest, confirmation_request


def new_challenge(context: Context, request: PaymentRequest) -> Challenge:
    """The question that ``call`` would ask, under an id of its own."""
    now = context.now()
    return Challenge(
        id=context.new_id(),
        principal=request.terms.principal,
        rail=request.terms.rail,
        mode=request.terms.mode,
        kind=request.terms.kind,
        digest=request.digest,
        nonce=context.random_bytes(NONCE),
        factor=context.factor.name,
        text="",
        money=request.terms.money,
        payee=request.terms.payee,
        created_at=now,
        expires_at=now + context.timing.code_ttl,
    )


async def open_challenge(context: Context, request: PaymentRequest) -> tuple[Challenge, str]:
    """The challenge that now waits for a code, and where the person finds it.

    An open challenge for the same thing is used again, and its question repeated only after a pause.

    :raises NotAllowed: a guard refused. :raises NotConfirmed: the person said no to exactly this, and a no stays.
    """
    now = context.now()
    challenge = await _open(context, request)
    if challenge.state is ChallengeState.DECLINED:
        raise NotConfirmed(Code.TWO_FA_DECLINED, details={"paymentId": challenge.id})
    if challenge.delivered_at is not None and now < challenge.delivered_at + context.timing.resend_challenge_after:
        return challenge, "The code was sent a moment ago."
    where = await _deliver(context, challenge)
    await context.journal.mark_delivered(challenge.id, now)
    return challenge, where


async def _open(context: Context, request: PaymentRequest) -> Challenge:
    """The question that waits for a code, or the one that was declined.

    :raises NotAllowed: a guard refused, or a limit has no room; that stands in the record.
    """
    wanted = new_challenge(context, request)
    try:
        context.guard(request.terms)
        opened = await context.journal.open_challenge(
            wanted,
            lambda earlier: _text(context, request, earlier),
            close_others=not context.factor.dynamic_linking,
            duplicate_window=context.timing.duplicate_window,
            decline_ttl=context.timing.decline_ttl,
            reservations=context.reservations(request.terms),
        )
        if isinstance(opened, LimitReached):
            raise opened.reservation.error(opened.left)
    except NotAllowed as refusal:
        await context.journal.record_refusal(wanted, refusal.error.code, str(refusal))
        raise
    return opened.challenge


def _text(context: Context, request: PaymentRequest, earlier: DuplicateOf | None) -> str:
    """What the person is shown."""
    return render_challenge(
        request.terms,
        title=request.rail.declaration.title,
        purpose=request.purpose,
        reference=request.original.reference if request.original else "",
        language=context.language,
        duplicate_of=earlier.reference if earlier else None,
        nth=earlier.count + 1 if earlier else 1,
    )


async def _deliver(context: Context, challenge: Challenge) -> str:
    """Where the person finds the code.

    :raises NotConfirmed: it could not be delivered.
    """
    try:
        async with asyncio.timeout(context.timing.answer_within.total_seconds()):
            return await context.factor.ask(confirmation_request(challenge))
    except NothingSent:
        raise
    except Exception as failure:
        raise NotConfirmed(Code.TWO_FA_NOT_DELIVERED, details={"paymentId": challenge.id}) from failure
