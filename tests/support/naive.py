"""A teller as one would first write it: it calls the bank, tries again where that failed, and writes it down after.

It stands in the real server behind the real tools, so that whoever watches the real teller watches this one as well.
"""

from riel import Answer, Draft, NotSent, Order, OutcomeUnknown, Payment, ReferenceSource
from riel.crash import step
from riel.errors import NotConfirmed
from riel.journal import Attempt, ChallengeState, Intent, PaymentRecord
from riel.payments import PaymentEngine, PaymentRequest
from riel.payments.context import confirmation_request
from riel.payments.rules import from_answer

TRIES = 3


class NaiveTeller(PaymentEngine):
    """Asks a person as the real one does, and compares the code as well. Only the money is handled naively."""

    async def confirm(self, call: PaymentRequest, code: str) -> PaymentRecord:
        """Pay, then write it down."""
        desk, who = self.context, call.terms.principal
        known = await step("challenges", desk.journal.challenges(who, call.digest))
        challenge = next((one for one in known if one.state is ChallengeState.OPEN), None)
        proof = challenge and desk.factor.check(confirmation_request(challenge), code, desk.now())
        if challenge is None or proof is None:
            raise NotConfirmed("The code is wrong.")
        order, answer = await self._paid(call)
        counted = await step(
            "count_try", desk.journal.count_attempt(challenge.id, who, desk.now(), desk.timing.attempt_limits)
        )
        assert isinstance(counted, Attempt)
        intent = Intent(
            reference=order.reference,
            body=order.body,
            facts=order.facts,
            arguments=call.terms.arguments,
            resend_until=None,
            absent_after=None,
        )
        intending = desk.journal.create_payment(counted, challenge.id, proof.replay_key, intent, desk.now())
        born = await step("intend", intending)
        assert isinstance(born, PaymentRecord)
        change = from_answer(born, call.rail.guarantees, answer, desk.now(), desk.timing.backoff)
        written, _ = await step("record", desk.journal.record(born.id, change, desk.now()))
        return written

    async def _paid(self, call: PaymentRequest) -> tuple[Order, Answer]:
        """The answer of the bank, asked anew where none came."""
        client = await step("open_client", self.context.clients.of(call.terms.rail))
        assert isinstance(call.model, Payment)
        draft = Draft(kind="payment", money=call.terms.money, payment=call.model)
        for _ in range(TRIES):
            prepared = client.prepare(draft, ReferenceSource(self.context.now()))
            order = Order(
                kind="payment",
                id=prepared.reference,
                reference=prepared.reference,
                money=call.terms.money,
                payee=call.terms.payee,
                body=prepared.body,
                created_at=self.context.now(),
            )
            try:
                return order, await step("send", client.send(order))
            except (NotSent, OutcomeUnknown):
                continue
        raise NotSent("The bank cannot be reached.")


def install() -> None:
    """Put it in the place of the real one."""
    import one_round

    import riel.app

    one_round.install()
    riel.app.PaymentEngine = NaiveTeller  # type: ignore[misc]
