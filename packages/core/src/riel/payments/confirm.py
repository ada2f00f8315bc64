"""From a code to a payment: counted, compared, and born in one transaction with the end of its challenge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from riel.confirm import Proof
from riel.errors import Code, JournalUnavailable, NotAllowed, NothingSent
from riel.journal import Attempt, Challenge, ChallengeState, ConfirmFailure, Intent, PaymentRecord
from riel.payments.attempt_limiter import PrincipalAttempts
from riel.payments.challenge import new_challenge
from riel.payments.context import Context, PaymentRequest, confirmation_request
from riel.payments.refusals import already_done, mismatch, not_confirmed
from riel.rail import Draft, Payment, Prepared, ReferenceSource, Refund

RIGHT_ALL_THE_SAME: tuple[ConfirmFailure, ...] = ("exceeds_payment", "not_settled")
"""Reasons against a refund whose code was right: the journal counts no wrong try for them."""

REFERENCES = 3
"""How often a new reference is minted where one is taken."""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """One code on its way: what it is for, which question it answers, and how many others are compared meanwhile."""

    context: Context
    request: PaymentRequest
    code: str
    challenge: Challenge
    turn: PrincipalAttempts


async def confirm(context: Context, request: PaymentRequest, code: str) -> tuple[PaymentRecord, bool]:
    """The payment that ``code`` confirms, and whether it was born just now.

    A newborn payment is ``sending`` and ours, and nothing of it has left yet. Whatever can fail without a person is
    done before a try is counted.

    :raises NotConfirmed: the code does not belong to exactly this. :raises NotAllowed: a guard refused.
    """
    challenges = await _challenges(context, request)
    if (known := await _replay_of(context, code, challenges)) is not None:
        return known, False
    challenge = next((c for c in challenges if c.state is ChallengeState.OPEN), None)
    if challenge is None or challenge.factor != context.factor.name:
        raise await _no_open_challenge(context, request, challenges)
    await _guard(context, request, challenge)
    prepared = await _prepare(context, request)
    with context.attempt_limiter.attempt(request.terms.principal) as turn:
        return await _compare(OpenAttempt(context, request, code, challenge, turn), prepared)


async def _replay_of(context: Context, code: str, challenges: Sequence[Challenge]) -> PaymentRecord | None:
    """The payment which this same code already confirmed: a repeated call joins it and pays nothing more."""
    for challenge in challenges:
        ours = challenge.state is ChallengeState.CONSUMED and challenge.factor == context.factor.name
        if ours and context.factor.is_replay(confirmation_request(challenge), code, Proof(challenge.replay_key)):
            return await context.journal.payment(challenge.id)
    return None


async def _guard(context: Context, request: PaymentRequest, challenge: Challenge) -> None:
    """Ask every guard once more; a refusal stands in the record of what was asked."""
    try:
        context.guard(request.terms)
    except NotAllowed as refusal:
        told = {"code": refusal.error.code, "reason": str(refusal)}
        await context.journal.append_event(challenge.id, "attempt.refused", told, context.now())
        raise


async def _compare(open_attempt: OpenAttempt, prepared: Prepared) -> tuple[PaymentRecord, bool]:
    """Count the try, then compare the code, then give birth."""
    context, challenge, limits = (
        open_attempt.context,
        open_attempt.challenge,
        open_attempt.context.timing.attempt_limits,
    )
    while True:
        rights = open_attempt.turn.successes
        attempt = await context.journal.count_attempt(challenge.id, challenge.principal, context.now(), limits)
        if attempt != "rate_limited" or not await open_attempt.turn.wait_for_slot(rights):
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
    """The one transaction. It is marked as ours before it is born, so that the rounds never take it for an orphan."""
    context, request, challenge_id = open_attempt.context, open_attempt.request, open_attempt.challenge.id
    born: PaymentRecord | ConfirmFailure = "reference_taken"
    context.busy.add(challenge_id)
    try:
        for _ in range(REFERENCES):
            intent = _intent(context, request, prepared)
            born = await context.journal.create_payment(attempt, challenge_id, proof.replay_key, intent, context.now())
            if isinstance(born, PaymentRecord) or born in RIGHT_ALL_THE_SAME:
                open_attempt.turn.succeeded()
            if isinstance(born, PaymentRecord):
                return born, True
            if born != "reference_taken":
                return await _lost_race(open_attempt, born)
            again = await _prepare(context, request)
            if again.reference == prepared.reference:
                await _refuse_known_reference(context, request, again)
            prepared = again
    except JournalUnavailable as failure:
        return await _reread_after_commit_error(context, challenge_id, failure), False
    finally:
        if not isinstance(born, PaymentRecord):
            context.busy.discard(challenge_id)
    raise NothingSent(Code.RAIL_BROKEN, rail=request.terms.rail, problem="its references are already taken")


async def refuse_duplicate(context: Context, request: PaymentRequest) -> None:
    """Refuse what the rail makes under one reference only, where that is taken: nobody need be asked.

    :raises NothingSent: exactly this was made before.
    """
    await _refuse_known_reference(context, request, await _prepare(context, request))


async def _refuse_known_reference(context: Context, request: PaymentRequest, prepared: Prepared) -> None:
    """Say so where the reference belongs to a payment of the same money to the same payee.

    Where it belongs to any other, the rail's references are not unique, and that is another matter.
    """
    terms = request.terms
    known = await context.journal.by_reference(terms.rail, terms.mode, prepared.reference)
    if known is not None and (known.money, known.payee.account) == (terms.money, terms.payee.account):
        raise already_done(known, terms.principal)


async def _lost_race(open_attempt: OpenAttempt, why: ConfirmFailure) -> tuple[PaymentRecord, bool]:
    """Another process was first with the same code: join its payment. Otherwise it is refused."""
    if why == "consumed":
        challenges = await _challenges(open_attempt.context, open_attempt.request)
        if (record := await _replay_of(open_attempt.context, open_attempt.code, challenges)) is not None:
            return record, False
    raise not_confirmed(why)


async def _reread_after_commit_error(context: Context, challenge_id: str, failure: JournalUnavailable) -> PaymentRecord:
    """The payment whose commit failed, where it was written nevertheless: it is left to the rounds, which look first.

    :raises JournalUnavailable: it was not written, or that cannot be told.
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
    """There is nothing to compare the code with: a guess all the same, and counted as one."""
    ended = challenges[0].state.value if challenges else "consumed"
    if ended in {"expired", "locked", "declined"}:
        return not_confirmed(ended)  # type: ignore[arg-type]
    attempt = await context.journal.count_attempt(
        None, request.terms.principal, context.now(), context.timing.attempt_limits
    )
    refusal = not_confirmed("rate_limited") if attempt == "rate_limited" else mismatch()
    await context.journal.record_refusal(new_challenge(context, request), refusal.error.code, str(refusal))
    return refusal


async def _prepare(context: Context, request: PaymentRequest) -> Prepared:
    client = await context.clients.of(request.terms.rail)
    draft = Draft(
        kind=request.terms.kind,
        money=request.terms.money,
        payment=request.model if isinstance(request.model, Payment) else None,
        refund=request.model if isinstance(request.model, Refund) else None,
        original=request.original.order() if request.original else None,
    )
    try:
        prepared = client.prepare(draft, ReferenceSource(context.now(), context.below))
    except NothingSent:
        raise
    except (Exception, SystemExit) as failure:
        problem = f"it could not prepare the payment ({type(failure).__name__})"
        raise NothingSent(Code.RAIL_BROKEN, rail=request.terms.rail, problem=problem) from failure
    if not isinstance(prepared, Prepared) or not prepared.reference:
        raise NothingSent(Code.RAIL_BROKEN, rail=request.terms.rail, problem="it prepared no reference")
    return prepared


def _resend_until(context: Context, request: PaymentRequest, prepared: Prepared) -> datetime:
    """Until when this order may be sent again: what the rail promises as of now, whatever it promises later.

    Never for longer than ``resend_within``, since a person confirmed it today and not weeks from now.
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
        arguments=request.terms.arguments,
        resend_until=_resend_until(context, request, prepared),
        absent_after=prepared.absent_after,
        refund_of=request.original.id if request.original else None,
        payer=request.rail.payer,
    )
