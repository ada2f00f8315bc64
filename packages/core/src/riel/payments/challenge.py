"""Ask a person to confirm exactly one request. Nothing moves here."""

import asyncio

from riel.confirm import NONCE, PriorPayment, Wording, render_challenge
from riel.errors import Code, NotAllowed, NotConfirmed, NothingSent
from riel.journal import Challenge, ChallengeState, LimitReached, TooManyOpen
from riel.journal.epochs import Gap
from riel.journal.freeze import FROZEN
from riel.payments.context import Context, PaymentRequest, confirmation_request


def new_challenge(context: Context, request: PaymentRequest) -> Challenge:
    """Return a challenge for ``request``, with an id of its own."""
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
        key_id=context.keys.current.id,
        text="",
        money=request.terms.money,
        payee=request.terms.payee,
        created_at=now,
        expires_at=now + context.timing.code_ttl,
    )


async def open_challenge(context: Context, request: PaymentRequest) -> tuple[Challenge, str]:
    """Return the challenge that now waits for a code, and a sentence on where the person finds it.

    An open challenge for the same request is used again; it is delivered once more only after a pause.

    :raises NotAllowed: a guard refused.
    :raises NotConfirmed: the person declined exactly this request, which stays declined, or could not be reached.
    """
    now = context.now()
    challenge = await _open(context, request)
    if challenge.state is ChallengeState.DECLINED:
        raise NotConfirmed(Code.TWO_FA_DECLINED, details={"paymentId": challenge.id})
    context.recent_terms.remember(request.terms, challenge.expires_at)
    if challenge.delivered_at is not None and now < challenge.delivered_at + context.timing.resend_challenge_after:
        return challenge, "The code was sent a moment ago."
    delivery = await _deliver(context, challenge)
    await context.journal.mark_delivered(challenge.id, now)
    return challenge, delivery


async def _open(context: Context, request: PaymentRequest) -> Challenge:
    """Return the challenge that waits for a code, or the one that was declined.

    :raises NotAllowed: a guard refused, or a limit is reached; the refusal is in the record.
    """
    new = new_challenge(context, request)
    try:
        context.guard(request.terms)
        gap = await context.gaps.gap(context.journal, request.rail, new.created_at)
        opened = await context.journal.open_challenge(
            new,
            lambda prior: _text(context, request, prior, gap),
            close_others=not context.factor.dynamic_linking,
            duplicate_window=context.timing.duplicate_window,
            decline_ttl=context.timing.decline_ttl,
            reservations=context.reservations(request.terms),
            max_open=context.timing.max_open_challenges,
        )
        if opened == FROZEN:
            raise NotConfirmed(Code.FROZEN)
        if isinstance(opened, LimitReached):
            raise opened.reservation.error(opened.left)
        if isinstance(opened, TooManyOpen):
            raise NotConfirmed(Code.TWO_FA_TOO_MANY, count=opened.count)
    except (NotAllowed, NotConfirmed) as refusal:
        await context.journal.record_refusal(new, refusal.error.code, str(refusal))
        raise
    return opened.challenge


def _text(context: Context, request: PaymentRequest, prior: PriorPayment | None, gap: Gap | None) -> str:
    """Return what the person reads, with the account masked."""
    wording = Wording(
        title=request.rail.declaration.title,
        payer=request.rail.payer_label,
        purpose=request.purpose,
        details=request.details,
        reference=request.original.reference if request.original else "",
        by_others=request.by_others,
    )
    missing_since = gap.since if gap else None
    return render_challenge(request.terms, wording, language=context.language, prior=prior, missing_since=missing_since)


async def _deliver(context: Context, challenge: Challenge) -> str:
    """Deliver the challenge to the person, and return a sentence on where they find the code.

    :raises NotConfirmed: it could not be delivered.
    """
    try:
        async with asyncio.timeout(context.timing.answer_within.total_seconds()):
            return await context.factor.ask(confirmation_request(challenge))
    except NothingSent:
        raise
    except Exception as failure:
        raise NotConfirmed(Code.TWO_FA_NOT_DELIVERED, details={"paymentId": challenge.id}) from failure
