"""Agents that hurry, repeat themselves, lie and go away; the person who confirms, and the operator who decides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from riel.errors import JournalUnavailable, NotConfirmed, NotFound, NothingSent, RielError
from riel.journal import Challenge, PaymentRecord, State
from riel.payments import PaymentEngine, PaymentRequest

from .world import PACE, Gone

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")

TRIES = 6
"""How often an agent calls again that got no answer."""
LIFE = PACE.code_ttl.total_seconds()


@dataclass
class Question:
    """What a person was asked, and the code they read out."""

    request: PaymentRequest
    challenge: Challenge
    code: str


class Agent:
    """One agent, and the person it pays for."""

    def __init__(self, world: "World", errands: int) -> None:
        self.world = world
        self.errands = errands
        self.settled: list[PaymentRecord] = []

    async def live(self) -> None:
        """Run some errands."""
        random = self.world.random
        for _ in range(self.errands):
            await self.world.pause(random.random() * 8)
            if self.world.rail.refunds and self.settled and random.random() < 0.4:
                await self.pay_back()
            elif random.random() < 0.1:
                await self.spend()
            else:
                await self.pay()

    # Errands

    async def pay(self) -> PaymentRecord | None:
        """One payment, in one of the many ways in which an agent goes about it."""
        random = self.world.random
        account = random.choice(("0001", "0002"))
        request = self.world.payment(account, self.world.rail.amount(account))
        question = await self.ask(request)
        if question is None:
            return None
        way = random.choice(WAYS)
        self.world.trace("agents", f"has the code of {question.challenge.id[-6:]}: {way.__name__}")
        record = await way(self, question)
        if record is not None:
            record = await self.follow(record)
        return record

    async def pay_back(self) -> None:
        """Refund something that was paid, whole or in parts at once."""
        random = self.world.random
        original = random.choice(self.settled)
        whole = original.money.amount
        amounts = random.choice(([whole], [whole // 3], [whole // 3] * 4, [whole, whole], [whole // 2 + 1] * 2))
        calls = [self.world.refund(original, amount, f"part {nth}") for nth, amount in enumerate(amounts)]
        questions = [question for request in calls if (question := await self.ask(request))]
        for record in await self.together([self.hurry(question) for question in questions]):
            if record is not None:
                await self.follow(record, most=1)

    async def spend(self) -> None:
        """Ask for several payments at once, wherever, and confirm what may be."""
        random = self.world.random
        calls = [self.world.payment("0003", random.choice((700, 1100)) + nth) for nth in range(4)]
        questions = [question for question in await self.together([self.ask(request) for request in calls]) if question]
        for record in await self.together([self.hurry(question) for question in questions]):
            if record is not None:
                await self.follow(record, most=1)

    # What they are made of

    async def ask(self, request: PaymentRequest) -> Question | None:
        """Have the person asked."""
        for _ in range(TRIES):
            replica = self.world.alive()
            try:
                challenge, _ = await self.world.serve(replica, lambda engine: engine.ask(request))
            except (Gone, JournalUnavailable):
                await self.world.pause(self.world.random.random() * 4)
                continue
            except NothingSent:
                return None
            original = request.original.id if request.original else ""
            self.world.checks.asked(challenge, request.terms.payer, original, LIFE)
            return Question(request, challenge, self.world.code(challenge, replica))
        return None

    async def confirm(
        self,
        question: Question,
        *,
        request: PaymentRequest | None = None,
        code: str | None = None,
        cut: float | None = None,
    ) -> PaymentRecord | RielError | Gone:
        """Call once with a code, and see what comes back."""
        world, wanted, given = self.world, request or question.request, code or question.code
        before = world.db.execute("SELECT 1 FROM payments WHERE id = ?", (question.challenge.id,)).fetchone()
        try:
            record = await world.serve(world.alive(), lambda engine: engine.confirm(wanted, given), cut)
        except (NothingSent, Gone) as failure:
            world.trace("agents", f"hears of {question.challenge.id[-6:]}: {failure or 'nothing'}")
            mine = request is None and code is None
            if mine and before is not None and isinstance(failure, NotConfirmed) and world.linked:
                world.checks.fail("joined", f"{question.challenge.id} was paid, and its code refused: {failure}")
            return failure
        world.checks.told(record)
        if record.id == question.challenge.id and (request is not None or code is not None):
            world.checks.fail("confirmed", f"{record.id} was given to who did not confirm it")
        return record

    async def hurry(self, question: Question) -> PaymentRecord | None:
        """Call, and call again until there is an answer."""
        for _ in range(TRIES):
            answer = await self.confirm(question)
            if isinstance(answer, PaymentRecord):
                return answer
            if not isinstance(answer, Gone | JournalUnavailable):
                return None
            await self.world.pause(self.world.random.random() * 3)
        return None

    async def follow(self, record: PaymentRecord, most: int = 4) -> PaymentRecord:
        """Ask what became of it until it is clear, or a few times."""
        for _ in range(most):
            await self.world.pause(self.world.random.random() * 8)
            found = await self.call(lambda engine, r=record: engine.status(r.rail, r.reference, r.principal))
            if isinstance(found, PaymentRecord):
                self.world.checks.told(found)
                record = found
                if record.state not in {State.SENDING, State.UNKNOWN, State.PENDING}:
                    break
        if record.state is State.SETTLED and record.kind == "payment":
            self.settled.append(record)
        return record

    async def call(self, work: Callable[[PaymentEngine], Awaitable[T]]) -> T | None:
        """Any other call; nothing where it failed."""
        try:
            return await self.world.serve(self.world.alive(), work)
        except NotFound as failure:
            self.world.checks.fail("told", f"what an agent was told of is not there: {failure}")
        except (NothingSent, Gone):
            pass
        return None

    async def together(self, works: list[Awaitable[T]]) -> list[T]:
        """All at once."""
        return list(await asyncio.gather(*works))


# Ways to confirm


async def rightly(agent: Agent, question: Question) -> PaymentRecord | None:
    return await agent.hurry(question)


async def again(agent: Agent, question: Question) -> PaymentRecord | None:
    """And once more later, as agents do."""
    first = await agent.hurry(question)
    await agent.world.pause(agent.world.random.random() * 20)
    second = await agent.hurry(question)
    return second or first


async def at_once(agent: Agent, question: Question) -> PaymentRecord | None:
    """Several times in parallel, wherever."""
    works = [agent.hurry(question) for _ in range(agent.world.random.choice((2, 3)))]
    records = [record for record in await agent.together(works) if record is not None]
    return records[0] if records else None


async def cut_off(agent: Agent, question: Question) -> PaymentRecord | None:
    """The call is cut off, and made again."""
    await agent.confirm(question, cut=agent.world.random.random() * 1.5)
    return await agent.hurry(question)


async def guessing(agent: Agent, question: Question) -> PaymentRecord | None:
    """Wrong codes first, sometimes too many."""
    wrong = "000000" if question.code != "000000" else "000001"
    for _ in range(agent.world.random.choice((1, 2, 6))):
        await agent.confirm(question, code=wrong)
    return await agent.hurry(question)


async def altered(agent: Agent, question: Question) -> PaymentRecord | None:
    """The right code for something else: another amount, payee or payer."""
    terms, world = question.request.terms, agent.world
    other = world.random.choice(
        (
            lambda: world.payment("0666", terms.money.amount),
            lambda: world.payment(terms.payee.account, terms.money.amount + 7_000_000),
            lambda: world.payment(terms.payee.account, terms.money.amount, payer="another"),
        )
    )()
    await agent.confirm(question, request=other)
    return await agent.hurry(question)


async def stolen(agent: Agent, question: Question) -> PaymentRecord | None:
    """The right code, by another principal."""
    terms = question.request.terms
    await agent.confirm(question, request=agent.world.payment(terms.payee.account, terms.money.amount, principal="eve"))
    return await agent.hurry(question)


async def too_late(agent: Agent, question: Question) -> PaymentRecord | None:
    """After its time."""
    await agent.world.pause(LIFE + 5)
    return await agent.hurry(question)


async def nearly_too_late(agent: Agent, question: Question) -> PaymentRecord | None:
    """At about the end of its time."""
    await agent.world.pause(LIFE - 2 + agent.world.random.random() * 3)
    return await agent.hurry(question)


async def declined(agent: Agent, question: Question) -> PaymentRecord | None:
    """The person says no, perhaps while it is being confirmed."""
    world, id_ = agent.world, question.challenge.id
    works = [agent.hurry(question)] if world.random.random() < 0.3 else []

    async def say_no() -> None:
        async def decline(engine: PaymentEngine) -> Challenge | None:
            return await engine.context.journal.decline(id_, "ana", engine.context.now())

        if await agent.call(decline) is not None:
            world.checks.shown[id_].declined = True

    await agent.together([*works, say_no()])
    return await agent.hurry(question)


async def for_another(agent: Agent, question: Question) -> PaymentRecord | None:
    """A code that was used, for the next question."""
    record, terms = await agent.hurry(question), question.request.terms
    other = await agent.ask(agent.world.payment("0004", terms.money.amount))
    if record is not None and other is not None:
        await agent.confirm(other, code=question.code)
    return record


async def never(agent: Agent, question: Question) -> PaymentRecord | None:
    """It loses interest."""
    return None


WAYS = (
    rightly, rightly, rightly, again, at_once, at_once, cut_off, cut_off, guessing, altered, altered, stolen, too_late,
    nearly_too_late, declined, for_another, never,
)  # fmt: skip


class Operator:
    """Decides what nobody else can, by what the bank's books say once nothing can be under way."""

    def __init__(self, world: "World") -> None:
        self.world = world

    async def live(self) -> None:
        """Look through what needs attention now and then."""
        while not self.world.faults.calm:
            await self.world.pause(20 + self.world.random.random() * 20)
            await self.decide()

    async def decide(self) -> None:
        """One look."""
        world = self.world
        if world.bank.under_way:
            return
        replica = world.alive()
        try:
            waiting = await world.serve(replica, lambda t: t.context.journal.payments(states={State.REVIEW}))
            for record in waiting:
                if world.bank.under_way:
                    return
                to = State.SETTLED if world.bank.live(record.reference) else State.REJECTED
                await world.serve(replica, lambda t, r=record, to=to: decision(t, r, to))
        except (NothingSent, Gone):
            return


async def decision(engine: PaymentEngine, record: PaymentRecord, to: State) -> None:
    """As ``riel payments decide`` does it."""
    await engine.context.journal.resolve_manually(
        record.id, to, "operator", "the bank's statement", engine.context.now()
    )
