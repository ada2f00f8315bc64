"""An engine as one would first write it: it calls the bank, tries again where that failed, and writes it down after.

It stands in the real server behind the real tools, so that whoever watches the real engine watches this one as well.
"""

from riel import Answer, Draft, NotSent, Order, OutcomeUnknown, Payment, ReferenceSource
from riel.errors import NotConfirmed
from riel.journal import Attempt, ChallengeState, Intent, PaymentRecord
from riel.payments import PaymentEngine, PaymentRequest
from riel.payments.context import confirmation_request
from riel.payments.rules import from_answer

TRIES = 3


class NaiveEngine(PaymentEngine):
    """Asks a person as the real one does, and compares the code as well. Only the money is handled naively."""

    async def confirm(self, request: PaymentRequest, code: str) -> PaymentRecord:
        """Pay, then write it down."""
        context, who = self.context, request.terms.principal
        known = await context.journal.challenges(who, request.digest)
        challenge = next((one for one in known if one.state is ChallengeState.OPEN), None)
        proof = challenge and context.factor.check(confirmation_request(challenge), code, context.now())
        if challenge is None or proof is None:
            raise NotConfirmed
        order, answer = await self._paid(request)
        counted = await context.journal.count_attempt(challenge.id, who, context.now(), context.timing.attempt_limits)
        assert isinstance(counted, Attempt)
        intent = Intent(
            reference=order.reference,
            body=order.body,
            facts=order.facts,
            arguments=request.terms.arguments,
            resend_until=None,
            absent_after=None,
            payer=request.rail.payer,
        )
        intending = context.journal.create_payment(counted, challenge.id, proof.replay_key, intent, context.now())
        born = await intending
        assert isinstance(born, PaymentRecord)
        change = from_answer(born, request.rail.guarantees, answer, context.now(), context.timing.backoff)
        written, _ = await context.journal.record(born.id, change, context.now())
        return written

    async def _paid(self, request: PaymentRequest) -> tuple[Order, Answer]:
        """The answer of the bank, asked anew where none came."""
        client = await self.context.clients.of(request.terms.rail)
        assert isinstance(request.model, Payment)
        draft = Draft(kind="payment", money=request.terms.money, payment=request.model)
        for _ in range(TRIES):
            now = self.context.now()
            prepared = client.prepare(draft, ReferenceSource(now, now, self.context.random_bytes(32)))
            order = Order(
                kind="payment",
                id=prepared.reference,
                reference=prepared.reference,
                money=request.terms.money,
                payee=request.terms.payee,
                body=prepared.body,
                created_at=self.context.now(),
            )
            try:
                return order, await client.send(order)
            except (NotSent, OutcomeUnknown):
                continue
        raise NotSent("The bank cannot be reached.")


def install() -> None:
    """Put it in the place of the real one."""
    import one_round

    import riel.app

    one_round.install()
    riel.app.PaymentEngine = NaiveEngine  # type: ignore[misc]
