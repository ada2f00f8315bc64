"""A teller as one would first write it: it calls the bank, tries again where that failed, and writes it down after.

It stands in the real server behind the real tools, so that whoever watches the real teller watches this one as well.
"""

from riel import Answer, Draft, Mint, NotSent, Order, OutcomeUnknown, Payment
from riel.crash import step
from riel.errors import NotConfirmed
from riel.journal import ChallengeState, Counted, Intent, PaymentRecord
from riel.payments import Call, Teller
from riel.payments.context import asked_of
from riel.payments.rules import from_answer

TRIES = 3


class NaiveTeller(Teller):
    """Asks a person as the real one does, and compares the code as well. Only the money is handled naively."""

    async def confirm(self, call: Call, code: str) -> PaymentRecord:
        """Pay, then write it down."""
        desk, who = self.desk, call.terms.principal
        known = await step("challenges", desk.journal.challenges(who, call.digest))
        challenge = next((one for one in known if one.state is ChallengeState.OPEN), None)
        proof = challenge and desk.factor.check(asked_of(challenge), code, desk.now())
        if challenge is None or proof is None:
            raise NotConfirmed("The code is wrong.")
        order, answer = await self._paid(call)
        counted = await step("count_try", desk.journal.count_try(challenge.id, who, desk.now(), desk.pace.tally))
        assert isinstance(counted, Counted)
        intent = Intent(
            reference=order.reference,
            body=order.body,
            facts=order.facts,
            arguments=call.terms.arguments,
            resend_until=None,
            absent_after=None,
        )
        intending = desk.journal.confirm_and_intend(counted, challenge.id, proof.once, intent, desk.now())
        born = await step("intend", intending)
        assert isinstance(born, PaymentRecord)
        change = from_answer(born, call.offered.guarantees, answer, desk.now(), desk.pace.patience)
        written, _ = await step("record", desk.journal.record(born.id, change, desk.now()))
        return written

    async def _paid(self, call: Call) -> tuple[Order, Answer]:
        """The answer of the bank, asked anew where none came."""
        client = await step("open_client", self.desk.clients.of(call.terms.rail))
        assert isinstance(call.model, Payment)
        draft = Draft(kind="payment", money=call.terms.money, payment=call.model)
        for _ in range(TRIES):
            prepared = client.prepare(draft, Mint(self.desk.now()))
            order = Order(
                kind="payment",
                id=prepared.reference,
                reference=prepared.reference,
                money=call.terms.money,
                payee=call.terms.payee,
                body=prepared.body,
                created_at=self.desk.now(),
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
    riel.app.Teller = NaiveTeller  # type: ignore[misc]
