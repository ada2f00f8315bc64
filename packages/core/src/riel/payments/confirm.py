"""From a code to a payment: counted, compared, and born in one transaction with the end of its challenge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from riel.confirm import Proof
from riel.crash import step
from riel.errors import JournalUnavailable, NotAllowed, NothingSent
from riel.journal import Attempt, Challenge, ChallengeState, ConfirmFailure, Intent, PaymentRecord
from riel.payments.attempt_limiter import PrincipalAttempts
from riel.payments.challenge import new_challenge
from riel.payments.context import Context, PaymentRequest, confirmation_request
from riel.payments.refusals import already_done, mismatch, not_confirmed
from riel.rail import Draft, Payment, Prepared, ReferenceSource, Refund

RIGHT_ALL_THE_SAME: tuple[ConfirmFailure, ...] = ("exceeds", "not_settled")
"""Reasons against a refund whose code was right: the journal counts no wrong try for them."""

REFERENCES = 3
"""How often a new reference is minted where one is taken."""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """One code on its way: what it is for, which question it answers, and how many others are compared meanwhile."""

    desk: Context
    call: PaymentRequest
    code: str
    challenge: Challenge
    turn: PrincipalAttempts


async def confirm(desk: Context, call: PaymentRequest, code: str) -> tuple[PaymentRecord, bool]:
    """The payment that ``code`` confirms, and whether it was born just now.

    A newborn payment is ``sending`` and ours, and nothing of it has left yet. Whatever can fail without a person is
    done before a try is counted.

    :raises NotConfirmed: the code does not belong to exactly this. :raises NotAllowed: a guard refused.
    """
    challenges = await _challenges(desk, call)
    if (known := await _replay_of(desk, code, challenges)) is not None:
        return known, False
    challenge = next((c for c in challenges if c.state is ChallengeState.OPEN), None)
    if challenge is None or challenge.factor != desk.factor.name:
        raise await _no_open_challenge(desk, call, challenges)
    await _guard(desk, call, challenge)
    prepared = await _prepare(desk, call)
    with desk.turnstile.attempt(call.terms.principal) as turn:
        return await _compare(OpenAttempt(desk, call, code, challenge, turn), prepared)


async def _replay_of(desk: Context, code: str, challenges: Sequence[Challenge]) -> PaymentRecord | None:
    """The payment which this same code already confirmed: a repeated call joins it and pays nothing more."""
    for challenge in challenges:
        ours = challenge.state is ChallengeState.CONSUMED and challenge.factor == desk.factor.name
        if ours and desk.factor.is_replay(confirmation_request(challenge), code, Proof(challenge.replay_key)):
            return await step("join", desk.journal.payment(challenge.id))
    return None


async def _guard(desk: Context, call: PaymentRequest, challenge: Challenge) -> None:
    """Ask every guard once more; a refusal stands in the record of what was asked."""
    try:
        desk.guard(call.terms)
    except NotAllowed as refusal:
        told = {"code": refusal.problem.code, "why": str(refusal)}
        await step("note_refusal", desk.journal.append_event(challenge.id, "refused", told, desk.now()))
        raise


async def _compare(a_try: OpenAttempt, prepared: Prepared) -> tuple[PaymentRecord, bool]:
    """Count the try, then compare the code, then give birth."""
    desk, challenge, tally = a_try.desk, a_try.challenge, a_try.desk.timing.attempt_limits
    while True:
        rights = a_try.turn.successes
        counting = desk.journal.count_attempt(challenge.id, challenge.principal, desk.now(), tally)
        counted = await step("count_try", counting)
        if counted != "hourly" or not await a_try.turn.wait_for_slot(rights):
            break
    if not isinstance(counted, Attempt):
        return await _lost_race(a_try, counted)
    proof = desk.factor.check(confirmation_request(challenge), a_try.code, desk.now())
    if proof is not None:
        return await _create(a_try, counted, proof, prepared)
    state = await step("wrong", desk.journal.record_wrong_code(counted, challenge.id, desk.now(), tally))
    raise not_confirmed("locked") if state is ChallengeState.LOCKED else mismatch(counted.left)


async def _create(a_try: OpenAttempt, counted: Attempt, proof: Proof, prepared: Prepared) -> tuple[PaymentRecord, bool]:
    """The one transaction. It is marked as ours before it is born, so that the rounds never take it for an orphan."""
    desk, call, challenge_id = a_try.desk, a_try.call, a_try.challenge.id
    born: PaymentRecord | ConfirmFailure = "reference"
    desk.busy.add(challenge_id)
    try:
        for _ in range(REFERENCES):
            intent = _intent(desk, call, prepared)
            intending = desk.journal.create_payment(counted, challenge_id, proof.replay_key, intent, desk.now())
            born = await step("intend", intending)
            if isinstance(born, PaymentRecord) or born in RIGHT_ALL_THE_SAME:
                a_try.turn.succeeded()
            if isinstance(born, PaymentRecord):
                return born, True
            if born != "reference":
                return await _lost_race(a_try, born)
            again = await _prepare(desk, call)
            if again.reference == prepared.reference:
                await _refuse_known_reference(desk, call, again)
            prepared = again
    except JournalUnavailable as failure:
        return await _reread_after_commit_error(desk, challenge_id, failure), False
    finally:
        if not isinstance(born, PaymentRecord):
            desk.busy.discard(challenge_id)
    raise NothingSent(f"The rail {call.terms.rail!r} makes references that are already taken.", code="RAIL_BROKEN")


async def refuse_duplicate(desk: Context, call: PaymentRequest) -> None:
    """Refuse what the rail makes under one reference only, where that is taken: nobody need be asked.

    :raises NothingSent: exactly this was made before.
    """
    await _refuse_known_reference(desk, call, await _prepare(desk, call))


async def _refuse_known_reference(desk: Context, call: PaymentRequest, prepared: Prepared) -> None:
    """Say so where the reference belongs to a payment of the same money to the same payee.

    Where it belongs to any other, the rail's references are not unique, and that is another matter.
    """
    terms = call.terms
    known = await step("made_before", desk.journal.by_reference(terms.rail, terms.mode, prepared.reference))
    if known is not None and (known.money, known.payee.account) == (terms.money, terms.payee.account):
        raise already_done(known, terms.principal)


async def _lost_race(a_try: OpenAttempt, why: ConfirmFailure) -> tuple[PaymentRecord, bool]:
    """Another process was first with the same code: join its payment. Otherwise it is refused."""
    if why == "consumed":
        challenges = await _challenges(a_try.desk, a_try.call)
        if (record := await _replay_of(a_try.desk, a_try.code, challenges)) is not None:
            return record, False
    raise not_confirmed(why)


async def _reread_after_commit_error(desk: Context, challenge_id: str, failure: JournalUnavailable) -> PaymentRecord:
    """The payment whose commit failed, where it was written nevertheless: it is left to the rounds, which look first.

    :raises JournalUnavailable: it was not written, or that cannot be told.
    """
    try:
        record = await step("read_again", desk.journal.payment(challenge_id))
    except JournalUnavailable:
        raise JournalUnavailable(
            "The journal failed, and whether this was written down cannot be told.",
            next_action="Repeat exactly this call with the same code: it is paid once at most. "
            "Do not pay in another way before that was answered.",
        ) from failure
    if record is None:
        raise failure
    return record


async def _challenges(desk: Context, call: PaymentRequest) -> Sequence[Challenge]:
    return await step("challenges", desk.journal.challenges(call.terms.principal, call.digest))


async def _no_open_challenge(desk: Context, call: PaymentRequest, challenges: Sequence[Challenge]) -> NothingSent:
    """There is nothing to compare the code with: a guess all the same, and counted as one."""
    ended = challenges[0].state.value if challenges else "consumed"
    if ended in {"expired", "locked", "declined"}:
        return not_confirmed(ended)  # type: ignore[arg-type]
    counted = await step(
        "count_guess", desk.journal.count_attempt(None, call.terms.principal, desk.now(), desk.timing.attempt_limits)
    )
    refusal = not_confirmed("hourly") if counted == "hourly" else mismatch()
    await step(
        "refuse_guess", desk.journal.record_refusal(new_challenge(desk, call), refusal.problem.code, str(refusal))
    )
    return refusal


async def _prepare(desk: Context, call: PaymentRequest) -> Prepared:
    client = await desk.clients.of(call.terms.rail)
    draft = Draft(
        kind=call.terms.kind,
        money=call.terms.money,
        payment=call.model if isinstance(call.model, Payment) else None,
        refund=call.model if isinstance(call.model, Refund) else None,
        original=call.original.order() if call.original else None,
    )
    try:
        prepared = client.prepare(draft, ReferenceSource(desk.now(), desk.below))
    except NothingSent:
        raise
    except (Exception, SystemExit) as failure:
        sentence = (
            f"The rail {call.terms.rail!r} could not prepare the payment ({type(failure).__name__}). Nothing was sent."
        )
        raise NothingSent(sentence, code="RAIL_BROKEN", next_action="Tell the operator.") from failure
    if not isinstance(prepared, Prepared) or not prepared.reference:
        sentence = f"The rail {call.terms.rail!r} prepared no reference. Nothing was sent."
        raise NothingSent(sentence, code="RAIL_BROKEN", next_action="Tell the operator.")
    return prepared


def _resend_until(desk: Context, call: PaymentRequest, prepared: Prepared) -> datetime:
    """Until when this order may be sent again: what the rail promises as of now, whatever it promises later.

    Never for longer than ``resend_within``, since a person confirmed it today and not weeks from now.
    """
    rules, now = call.rail.guarantees, desk.now()
    if rules.dedupe == "no":
        return now
    until = now + min(rules.dedupe_window, desk.timing.resend_within)
    return min(until, prepared.resend_until) if prepared.resend_until else until


def _intent(desk: Context, call: PaymentRequest, prepared: Prepared) -> Intent:
    return Intent(
        reference=prepared.reference,
        body=prepared.body,
        facts=prepared.facts,
        arguments=call.terms.arguments,
        resend_until=_resend_until(desk, call, prepared),
        absent_after=prepared.absent_after,
        refund_of=call.original.id if call.original else None,
        payer=call.rail.payer,
    )
