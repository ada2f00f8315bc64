"""Turn a code into a payment: count the attempt, compare the code, and create the payment with its challenge's end.

The payment is created in the transaction that consumes its challenge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from riel.confirm import Proof
from riel.errors import Code, JournalUnavailable, NotAllowed, NothingSent
from riel.journal import Attempt, Challenge, ChallengeState, ConfirmFailure, Intent, LimitReached, PaymentRecord, State
from riel.payments import rail_calls
from riel.payments.attempt_limiter import PrincipalAttempts
from riel.payments.challenge import new_challenge
from riel.payments.context import Context, PaymentRequest, confirmation_request
from riel.payments.refundable import refundable
from riel.payments.refusals import already_done, mismatch, not_confirmed, not_requested, used_before
from riel.payments.rules import NEVER_SENT
from riel.rail import Prepared, ReferenceSource


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """One code to compare: its request and challenge, and the attempts of its principal that are under way."""

    context: Context
    request: PaymentRequest
    code: str
    challenge: Challenge
    attempts: PrincipalAttempts


async def confirm(context: Context, request: PaymentRequest, code: str) -> tuple[PaymentRecord, bool]:
    """Return the payment that ``code`` confirms, and whether this call created it.

    A new payment is ``sending`` and ours, and nothing of it has left yet. Everything that can fail without a person is
    done before an attempt is counted.

    :raises NotConfirmed: the code does not belong to exactly this request.
    :raises NotAllowed: a guard refused.
    """
    challenges = await _challenges(context, request)
    challenge = next((c for c in challenges if c.state is ChallengeState.OPEN), None)
    if (known := await _replay_of(context, code, challenges)) is not None:
        if challenge is None or challenge.expires_at <= context.now():
            return known, False
        raise used_before(known)  # it was asked for once more, and this code is not the answer to that
    if challenge is None and challenges and challenges[0].tampered:
        raise not_confirmed("tampered")
    if challenge is None or challenge.factor != context.factor.name:
        raise await _no_open_challenge(context, request, challenges)
    await _guard(context, request, challenge)
    if (references := context.references(challenge)) is None:
        raise not_confirmed("expired")  # it was opened under a key that is not here
    prepared = await rail_calls.prepare(context, request, references)
    with context.attempt_limiter.attempt(request.terms.principal) as attempts:
        return await _compare(OpenAttempt(context, request, code, challenge, attempts), prepared)


async def _replay_of(context: Context, code: str, challenges: Sequence[Challenge]) -> PaymentRecord | None:
    """Return the payment that this same code confirmed before: a repeated call joins it and pays nothing more."""
    for challenge in challenges:
        ours = challenge.state is ChallengeState.CONSUMED and challenge.factor == context.factor.name
        if ours and context.factor.is_replay(confirmation_request(challenge), code, Proof(challenge.replay_key)):
            return await context.journal.payment(challenge.id)
    return None


async def _guard(context: Context, request: PaymentRequest, challenge: Challenge) -> None:
    """Ask every guard once more; a refusal goes into the challenge's record."""
    try:
        context.guard(request.terms)
    except NotAllowed as refusal:
        await _record_refused_attempt(context, challenge.id, refusal)
        raise


async def _record_refused_attempt(context: Context, challenge_id: str, refusal: NotAllowed) -> None:
    """Put the first refusal into the challenge's record: a client may repeat the call without end."""
    facts = {"code": refusal.error.code, "reason": str(refusal)}
    await context.journal.append_event(challenge_id, "attempt.refused", facts, context.now(), once=True)


async def _compare(open_attempt: OpenAttempt, prepared: Prepared) -> tuple[PaymentRecord, bool]:
    """Count the attempt, then compare the code, then create the payment."""
    context, challenge, limits = (
        open_attempt.context,
        open_attempt.challenge,
        open_attempt.context.timing.attempt_limits,
    )
    while True:
        successes = open_attempt.attempts.successes
        attempt = await context.journal.count_attempt(challenge.id, challenge.principal, context.now(), limits)
        if attempt != "rate_limited" or not await open_attempt.attempts.wait_for_slot(successes):
            break
    if not isinstance(attempt, Attempt):
        return await _lost_race(open_attempt, attempt)
    proof = context.factor.check(confirmation_request(challenge), open_attempt.code, context.now())
    if proof is not None:
        return await _create(open_attempt, attempt, proof, prepared)
    state = await context.journal.record_wrong_code(attempt, challenge.id, context.now(), limits)
    raise not_confirmed("locked") if state is ChallengeState.LOCKED else mismatch(attempt.left)


async def _create(
    open_attempt: OpenAttempt, attempt: Attempt, proof: Proof, prepared: Prepared
) -> tuple[PaymentRecord, bool]:
    """Run the one transaction. The payment is marked as busy before it exists, so that recovery does not claim it."""
    context, request, challenge_id = open_attempt.context, open_attempt.request, open_attempt.challenge.id
    created: PaymentRecord | ConfirmFailure | LimitReached = "expired"
    context.busy.add(challenge_id)
    try:
        intent = _intent(context, request, prepared)
        created = await context.journal.create_payment(attempt, challenge_id, proof.replay_key, intent, context.now())
    except JournalUnavailable as failure:
        return await _reread_after_commit_error(context, challenge_id, failure), False
    finally:
        if not isinstance(created, PaymentRecord):
            context.busy.discard(challenge_id)
    if created != "code_reused":
        open_attempt.attempts.succeeded()
    if isinstance(created, PaymentRecord):
        return created, True
    if isinstance(created, LimitReached):
        refusal = created.reservation.error(created.left)
        await _record_refused_attempt(context, challenge_id, refusal)
        raise refusal
    if created == "reference_taken":
        await _refuse_known_reference(context, request, prepared)
        raise NothingSent(Code.RAIL_BROKEN, rail=request.terms.rail, problem="its reference is already taken")
    if created == "exceeds_payment" and request.original is not None:
        left = await refundable(context, request.original)
        raise NothingSent(Code.REFUND_EXCEEDS_PAYMENT, details=left.details)
    return await _lost_race(open_attempt, created)


async def refuse_duplicate(context: Context, request: PaymentRequest) -> None:
    """Refuse a payment that the rail makes only once, before a person is asked.

    :raises NothingSent: exactly this payment was made before.
    """
    unused = ReferenceSource(context.now(), context.now(), context.random_bytes(32))
    await _refuse_known_reference(context, request, await rail_calls.prepare(context, request, unused))


async def _refuse_known_reference(context: Context, request: PaymentRequest, prepared: Prepared) -> None:
    """Refuse the request if its reference belongs to a payment of the same money to the same payee.

    If the reference belongs to another payment, the rail's references are not unique; that fails later.
    """
    terms = request.terms
    known = await context.journal.by_reference(terms.rail, terms.mode, prepared.reference)
    if known is not None and known.state is State.REJECTED and known.code == NEVER_SENT:
        return  # nothing of it ever left, so it can be asked for again
    if known is not None and (known.money, known.payee.account) == (terms.money, terms.payee.account):
        raise already_done(known, terms.principal)


async def _lost_race(open_attempt: OpenAttempt, why: ConfirmFailure) -> tuple[PaymentRecord, bool]:
    """Join the payment of another process that was first with the same code; raise if there is none."""
    if why == "consumed":
        challenges = await _challenges(open_attempt.context, open_attempt.request)
        if (record := await _replay_of(open_attempt.context, open_attempt.code, challenges)) is not None:
            return record, False
    raise not_confirmed(why)


async def _reread_after_commit_error(context: Context, challenge_id: str, failure: JournalUnavailable) -> PaymentRecord:
    """Return the payment whose commit failed but was written. It is left to recovery, which looks it up first.

    :raises JournalUnavailable: it was not written, or nobody knows.
    """
    try:
        record = await context.journal.payment(challenge_id)
    except JournalUnavailable:
        raise JournalUnavailable(code=Code.JOURNAL_UNCERTAIN) from failure
    if record is None:
        raise failure
    return record


async def _challenges(context: Context, request: PaymentRequest) -> Sequence[Challenge]:
    return await context.journal.challenges(request.terms.principal, request.digest)


async def _no_open_challenge(context: Context, request: PaymentRequest, challenges: Sequence[Challenge]) -> NothingSent:
    """Return the refusal of a code for which no challenge is open.

    It counts as a wrong one where the challenge was consumed, since it was compared with the code that did so. Where
    nobody was asked there is nothing to guess, so such a code is no attempt; it is recorded where a person was asked
    about something else.
    """
    if not challenges:
        differing = context.recent_terms.differing(request.terms, context.now())
        unasked = not_requested(differing)
        if differing is not None:
            await context.journal.record_refusal(new_challenge(context, request), unasked.error.code, str(unasked))
        return unasked
    ended = challenges[0].state.value
    if ended in {"expired", "locked", "declined"}:
        return not_confirmed(ended)  # type: ignore[arg-type]
    attempt = await context.journal.count_attempt(
        None, request.terms.principal, context.now(), context.timing.attempt_limits
    )
    refusal = not_confirmed("rate_limited") if attempt == "rate_limited" else mismatch()
    await context.journal.record_refusal(new_challenge(context, request), refusal.error.code, str(refusal))
    return refusal


def _resend_until(context: Context, request: PaymentRequest, prepared: Prepared) -> datetime:
    """Return until when this order may be sent again, by what the rail guarantees now.

    It is never longer than ``resend_within``, since a person confirmed the payment for today and not for next week.
    """
    rules, now = request.rail.guarantees, context.now()
    if rules.dedupe == "no":
        return now
    until = now + min(rules.dedupe_window, context.timing.resend_within)
    return min(until, prepared.resend_until) if prepared.resend_until else until


def _intent(context: Context, request: PaymentRequest, prepared: Prepared) -> Intent:
    return Intent(
        reference=prepared.reference,
        body=prepared.body,
        facts=prepared.facts,
        arguments={
            "tool": request.terms.tool,
            "arguments": request.terms.tool_arguments,
            "payment": request.terms.arguments,
        },
        resend_until=_resend_until(context, request, prepared),
        absent_after=prepared.absent_after,
        refund_of=request.original.id if request.original else None,
        payer=request.rail.payer,
        reservations=context.reservations(request.terms),
    )
