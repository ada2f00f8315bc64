"""Ask a person whether exactly this may be done. Nothing moves here."""

import asyncio

from riel.confirm import NONCE, render_challenge
from riel.crash import step
from riel.errors import NotAllowed, NotConfirmed, NothingSent
from riel.journal import Challenge, ChallengeState, DuplicateOf, LimitReached
from riel.payments.context import Context, PaymentRequest, confirmation_request


def new_challenge(desk: Context, call: PaymentRequest) -> Challenge:
    """The question that ``call`` would ask, under an id of its own."""
    now = desk.now()
    return Challenge(
        id=desk.new_id(),
        principal=call.terms.principal,
        rail=call.terms.rail,
        mode=call.terms.mode,
        kind=call.terms.kind,
        digest=call.digest,
        nonce=desk.random_bytes(NONCE),
        factor=desk.factor.name,
        text="",
        money=call.terms.money,
        payee=call.terms.payee,
        created_at=now,
        expires_at=now + desk.timing.code_ttl,
    )


async def open_challenge(desk: Context, call: PaymentRequest) -> tuple[Challenge, str]:
    """The challenge that now waits for a code, and where the person finds it.

    An open challenge for the same thing is used again, and its question repeated only after a pause.

    :raises NotAllowed: a guard refused. :raises NotConfirmed: the person said no to exactly this, and a no stays.
    """
    now = desk.now()
    challenge = await _opened(desk, call)
    if challenge.state is ChallengeState.DECLINED:
        raise NotConfirmed(
            "The person declined exactly this. It was not asked again, and nothing was sent.",
            code="2FA_DECLINED",
            next_action="Do not ask again. Talk to the person about what they want instead.",
            details={"paymentId": challenge.id},
        )
    if challenge.delivered_at is not None and now < challenge.delivered_at + desk.timing.resend_challenge_after:
        return challenge, "The code was sent a moment ago."
    where = await _delivered(desk, challenge)
    await step("asked", desk.journal.mark_delivered(challenge.id, now))
    return challenge, where


async def _opened(desk: Context, call: PaymentRequest) -> Challenge:
    """The question that waits for a code, or the one that was declined.

    :raises NotAllowed: a guard refused, or a limit has no room; that stands in the record.
    """
    wanted = new_challenge(desk, call)
    try:
        desk.guard(call.terms)
        opening = desk.journal.open_challenge(
            wanted,
            lambda earlier: _words(desk, call, earlier),
            close_others=not desk.factor.dynamic_linking,
            duplicate_window=desk.timing.duplicate_window,
            decline_ttl=desk.timing.decline_ttl,
            reservations=desk.reservations(call.terms),
        )
        opened = await step("open_challenge", opening)
        if isinstance(opened, LimitReached):
            raise opened.reservation.error(opened.left)
    except NotAllowed as refusal:
        await step("refuse", desk.journal.record_refusal(wanted, refusal.problem.code, str(refusal)))
        raise
    return opened.challenge


def _words(desk: Context, call: PaymentRequest, earlier: DuplicateOf | None) -> str:
    """What the person is shown."""
    return render_challenge(
        call.terms,
        title=call.rail.rail.title,
        purpose=call.purpose,
        reference=call.original.reference if call.original else "",
        language=desk.language,
        earlier=earlier.reference if earlier else None,
        nth=earlier.count + 1 if earlier else 1,
    )


async def _delivered(desk: Context, challenge: Challenge) -> str:
    """Where the person finds the code.

    :raises NotConfirmed: it could not be delivered.
    """
    try:
        async with asyncio.timeout(desk.timing.answer_within.total_seconds()):
            return await step("ask", desk.factor.ask(confirmation_request(challenge)))
    except NothingSent:
        raise
    except Exception as failure:
        raise NotConfirmed(
            "The code could not be delivered to the person. Nothing was sent to the rail.",
            code="2FA_NOT_DELIVERED",
            retryable=True,
            next_action="Call again in a moment, with the same arguments and without a code.",
            details={"paymentId": challenge.id},
        ) from failure
