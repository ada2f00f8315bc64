"""Agents that repeat calls, send wrong codes and break off; the approver who confirms; the operator who decides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from riel.errors import JournalUnavailable, NotConfirmed, NotFound, NothingSent, RielError
from riel.journal import Challenge, PaymentRecord, State
from riel.payments import PaymentEngine, PaymentRequest

from .simulation import TIMING, ProcessDied

if TYPE_CHECKING:
    from .simulation import Simulation

T = TypeVar("T")

TRIES = 6
"""How often an agent repeats a call that got no answer."""
CODE_TTL = TIMING.code_ttl.total_seconds()


@dataclass
class Confirmation:
    """A request, the challenge that the approver was sent for it, and its code."""

    request: PaymentRequest
    challenge: Challenge
    code: str


class SimAgent:
    """One agent, and the approver who reads its codes."""

    def __init__(self, simulation: "Simulation", errands: int) -> None:
        self.simulation = simulation
        self.errands = errands
        self.settled: list[PaymentRecord] = []

    async def run(self) -> None:
        """Run some errands."""
        random = self.simulation.random
        for _ in range(self.errands):
            await self.simulation.pause(random.random() * 8)
            if self.simulation.rail.refunds and self.settled and random.random() < 0.4:
                await self.refund_some()
            elif random.random() < 0.1:
                await self.spend()
            else:
                await self.pay()

    # Errands

    async def pay(self) -> PaymentRecord | None:
        """Make one payment; how it is confirmed is drawn from :data:`BEHAVIOURS`."""
        random = self.simulation.random
        account = random.choice(("0001", "0002"))
        request = self.simulation.payment(account, self.simulation.rail.amount(account))
        confirmation = await self.ask(request)
        if confirmation is None:
            return None
        behaviour = random.choice(BEHAVIOURS)
        if self.simulation.restore.expected and random.random() < 0.5:
            behaviour = confirm_around_restore
        self.simulation.trace("agents", f"has the code of {confirmation.challenge.id[-6:]}: {behaviour.__name__}")
        record = await behaviour(self, confirmation)
        if record is not None:
            record = await self.follow(record)
        return record

    async def refund_some(self) -> None:
        """Refund a settled payment, whole or in several parts at once."""
        random = self.simulation.random
        original = random.choice(self.settled)
        whole = original.money.amount
        amounts = random.choice(([whole], [whole // 3], [whole // 3] * 4, [whole, whole], [whole // 2 + 1] * 2))
        calls = [self.simulation.refund(original, amount, f"part {nth}") for nth, amount in enumerate(amounts)]
        confirmations = [confirmation for request in calls if (confirmation := await self.ask(request))]
        for record in await self.together([self.call_until_answered(confirmation) for confirmation in confirmations]):
            if record is not None:
                await self.follow_refund(original, record)

    async def follow_refund(self, original: PaymentRecord, record: PaymentRecord) -> None:
        """Check the status, and ask for the same money once more where the refund was rejected."""
        late = self.simulation.profile == "lateness"
        record = await self.follow(record, most=8 if late else 1)
        if record.state is State.REJECTED:
            again = await self.ask(self.simulation.refund(original, record.money.amount, "once more"))
            if again is not None and (second := await self.call_until_answered(again)) is not None:
                await self.follow(second, most=1)

    async def spend(self) -> None:
        """Open challenges for several payments at once on any replica, and confirm them."""
        random = self.simulation.random
        calls = [self.simulation.payment("0003", random.choice((700, 1100)) + nth) for nth in range(4)]
        confirmations = [
            confirmation
            for confirmation in await self.together([self.ask(request) for request in calls])
            if confirmation
        ]
        for record in await self.together([self.call_until_answered(confirmation) for confirmation in confirmations]):
            if record is not None:
                await self.follow(record, most=1)

    # Calls

    async def ask(self, request: PaymentRequest) -> Confirmation | None:
        """Open a challenge."""
        for _ in range(TRIES):
            replica = self.simulation.alive(request.terms.payer if request.original else "")
            request = self.simulation.as_built_at(replica, request)
            try:
                challenge, _ = await self.simulation.serve(replica, lambda engine, r=request: engine.ask(r))  # type: ignore[misc]
            except (ProcessDied, JournalUnavailable):
                await self.simulation.pause(self.simulation.random.random() * 4)
                continue
            except NothingSent:
                return None
            original = request.original.id if request.original else ""
            self.simulation.checks.shown_challenge(challenge, request.terms.payer, original, CODE_TTL)
            return Confirmation(request, challenge, self.simulation.code(challenge, replica))
        return None

    async def confirm(
        self,
        confirmation: Confirmation,
        *,
        request: PaymentRequest | None = None,
        code: str | None = None,
        cut: float | None = None,
    ) -> PaymentRecord | RielError | ProcessDied:
        """Call once with a code; the record, or the failure."""
        simulation, wanted, given = self.simulation, request or confirmation.request, code or confirmation.code
        before = simulation.db.execute("SELECT 1 FROM payments WHERE id = ?", (confirmation.challenge.id,)).fetchone()
        replica = simulation.alive(wanted.terms.payer)
        built = simulation.as_built_at(replica, wanted)
        mine = given == confirmation.code and built.terms == confirmation.request.terms
        asked_again = simulation.asked_again(confirmation.challenge)
        try:
            record = await simulation.serve(replica, lambda engine: engine.confirm(built, given), cut)
        except (NothingSent, ProcessDied) as failure:
            simulation.trace("agents", f"hears of {confirmation.challenge.id[-6:]}: {failure or 'nothing'}")
            refused = isinstance(failure, NotConfirmed) and simulation.bound_codes
            if mine and before is not None and refused and not asked_again():
                simulation.checks.fail(
                    "joined", f"{confirmation.challenge.id} was paid, and its code refused: {failure}"
                )
            return failure
        simulation.checks.answered(record)
        challenge = confirmation.challenge
        asked_for = built.digest == challenge.digest  # a server of another account builds another request
        if record.id != challenge.id and asked_for and simulation.is_open(challenge, replica):
            simulation.checks.fail("joined", f"{record.id} answers for {challenge.id}, which is open")
        if record.id == confirmation.challenge.id and not mine:
            simulation.checks.fail("confirmed", f"{record.id} was answered to a call that did not confirm it")
        return record

    async def call_until_answered(self, confirmation: Confirmation) -> PaymentRecord | None:
        """Repeat a call until there is an answer."""
        for _ in range(TRIES):
            answer = await self.confirm(confirmation)
            if isinstance(answer, PaymentRecord):
                return answer
            if not isinstance(answer, ProcessDied | JournalUnavailable):
                return None
            await self.simulation.pause(self.simulation.random.random() * 3)
        return None

    async def follow(self, record: PaymentRecord, most: int = 4) -> PaymentRecord:
        """Check the status until it is final, at most ``most`` times."""
        for _ in range(most):
            await self.simulation.pause(self.simulation.random.random() * 8)
            found = await self.call(lambda engine, r=record: engine.status(r.rail, r.reference, r.principal))
            if isinstance(found, PaymentRecord):
                self.simulation.checks.answered(found)
                record = found
                if record.state not in {State.SENDING, State.UNKNOWN, State.PENDING}:
                    break
        if record.state is State.SETTLED and record.kind == "payment":
            self.settled.append(record)
        return record

    async def call(self, work: Callable[[PaymentEngine], Awaitable[T]]) -> T | None:
        """Any other call; ``None`` where it failed."""
        try:
            return await self.simulation.serve(self.simulation.alive(), work)
        except NotFound as failure:
            if not self.simulation.restore.done:
                self.simulation.checks.fail("told", f"what an agent was told of is not there: {failure}")
        except (NothingSent, ProcessDied):
            pass
        return None

    async def together(self, works: list[Awaitable[T]]) -> list[T]:
        """Run all at once."""
        return list(await asyncio.gather(*works))


# Behaviours: how a challenge is confirmed


async def confirm_once(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    return await agent.call_until_answered(confirmation)


async def confirm_again(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Confirm, and repeat the call later."""
    first = await agent.call_until_answered(confirmation)
    await agent.simulation.pause(agent.simulation.random.random() * 20)
    second = await agent.call_until_answered(confirmation)
    return second or first


async def confirm_around_restore(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Confirm what a copy of the journal holds as open, and repeat the call once that copy was put back."""
    simulation = agent.simulation
    simulation.restore.copy_journal()
    first = await agent.call_until_answered(confirmation)
    await simulation.restore.wait()
    second = await agent.call_until_answered(confirmation)
    return second or (None if simulation.restore.done else first)


async def confirm_in_parallel(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send the same code several times in parallel, to any replica."""
    works = [agent.call_until_answered(confirmation) for _ in range(agent.simulation.random.choice((2, 3)))]
    records = [record for record in await agent.together(works) if record is not None]
    return records[0] if records else None


async def confirm_after_cut(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """The connection of the call is cut, and the call repeated."""
    await agent.confirm(confirmation, cut=agent.simulation.random.random() * 1.5)
    return await agent.call_until_answered(confirmation)


async def guess_codes(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send wrong codes first, sometimes more than the limit allows."""
    wrong = "000000" if confirmation.code != "000000" else "000001"
    for _ in range(agent.simulation.random.choice((1, 2, 6))):
        await agent.confirm(confirmation, code=wrong)
    return await agent.call_until_answered(confirmation)


async def alter_terms(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send the right code with other terms: another amount, payee or payer."""
    terms, simulation = confirmation.request.terms, agent.simulation
    other = simulation.random.choice(
        (
            lambda: simulation.payment("0666", terms.money.amount),
            lambda: simulation.payment(terms.payee.account, terms.money.amount + 7_000_000),
            lambda: simulation.payment(terms.payee.account, terms.money.amount, payer="another"),
        )
    )()
    await agent.confirm(confirmation, request=other)
    return await agent.call_until_answered(confirmation)


async def confirm_as_another_principal(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send the right code as another principal."""
    terms = confirmation.request.terms
    await agent.confirm(
        confirmation, request=agent.simulation.payment(terms.payee.account, terms.money.amount, principal="eve")
    )
    return await agent.call_until_answered(confirmation)


async def confirm_after_expiry(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send the code after it has expired."""
    await agent.simulation.pause(CODE_TTL + 5)
    return await agent.call_until_answered(confirmation)


async def confirm_near_expiry(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send the code at about the time when it expires."""
    await agent.simulation.pause(CODE_TTL - 2 + agent.simulation.random.random() * 3)
    return await agent.call_until_answered(confirmation)


async def decline_challenge(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """The approver declines, perhaps while the code is being checked."""
    simulation, id_ = agent.simulation, confirmation.challenge.id
    works = [agent.call_until_answered(confirmation)] if simulation.random.random() < 0.3 else []

    async def say_no() -> None:
        async def decline(engine: PaymentEngine) -> Challenge | None:
            return await engine.context.journal.decline(id_, "ana", engine.context.now())

        if await agent.call(decline) is not None:
            simulation.checks.shown[id_].declined = True

    await agent.together([*works, say_no()])
    return await agent.call_until_answered(confirmation)


async def reuse_code(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Send a used code for the next challenge."""
    record, terms = await agent.call_until_answered(confirmation), confirmation.request.terms
    other = await agent.ask(agent.simulation.payment("0004", terms.money.amount))
    if record is not None and other is not None:
        await agent.confirm(other, code=confirmation.code)
    return record


async def abandon(agent: SimAgent, confirmation: Confirmation) -> PaymentRecord | None:
    """Never confirm."""
    return None


BEHAVIOURS = (
    *(confirm_once, confirm_once, confirm_once, confirm_again, confirm_in_parallel, confirm_in_parallel),
    *(confirm_after_cut, confirm_after_cut, guess_codes, alter_terms, alter_terms, confirm_as_another_principal),
    *(confirm_after_expiry, confirm_near_expiry, decline_challenge, reuse_code, abandon),
)


class SimOperator:
    """Decides payments in review by the bank's ledger, once nothing can be in transit."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation

    async def run(self) -> None:
        """Decide payments in review now and then."""
        while not self.simulation.faults.calm:
            await self.simulation.pause(20 + self.simulation.random.random() * 20)
            await self.decide()

    async def decide(self) -> None:
        """Decide those in review now."""
        simulation = self.simulation
        if simulation.bank.in_transit:
            return
        replica = simulation.alive()
        try:
            waiting = await simulation.serve(replica, lambda t: t.context.journal.payments(states={State.REVIEW}))
            for record in waiting:
                if simulation.bank.in_transit:
                    return
                to = State.SETTLED if simulation.bank.live(record.reference) else State.REJECTED
                await simulation.serve(replica, lambda t, r=record, to=to: decision(t, r, to))
        except (NothingSent, ProcessDied):
            return


async def decision(engine: PaymentEngine, record: PaymentRecord, to: State) -> None:
    """As ``riel payments decide`` does it."""
    await engine.context.journal.resolve_manually(
        record.id, to, "operator", "the bank's statement", engine.context.now()
    )
