"""Hypothesis looks for the shortest way to break a promise: calls, crashes, pauses, faults, decisions in any order."""

from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from riel.journal import PaymentRecord

from .simulator import World, living
from .simulator.agents import Agent, Operator, Question, altered, at_once, cut_off, declined, guessing, stolen
from .simulator.faults import FATES
from .simulator.kinds import SKEW

POINTS = (
    "create_payment",
    "commit:before",
    "commit:after",
    "send",
    "record@",
    "claim",
    "record@resend",
    "status",
    "count_attempt",
)
PATIENCE = 12.0
"""How many virtual seconds a rule waits for what it began; what takes longer goes on behind the next rules."""

places = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    questions = Bundle("questions")
    payments = Bundle("payments")

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed: int) -> None:
        self.world = world = World(seed, mood="", rail="sim")
        faults = world.faults
        faults.of_the_rail = faults.of_the_journal = faults.of_the_bank = world.dying = 0.0
        self.open.enter_context(living(world))
        world.start(2)
        self.agent = Agent(world, 0)

    def wait_for(self, work: Coroutine[Any, Any, Any], most: float = PATIENCE) -> Any:
        """What comes of it, or ``None`` where that takes too long."""
        task = self.world.agents.begin(work)
        self.world.run(task.done, self.world.loop.time() + most)
        return task.result() if task.done() else None

    # Agents and persons

    @rule(target=questions, account=st.sampled_from(("0001", "0002")), amount=st.sampled_from((500, 1300)))
    def ask(self, account: str, amount: int) -> Any:
        question = self.wait_for(self.agent.ask(self.world.payment(account, amount)))
        return multiple() if question is None else question

    @rule(target=payments, question=questions)
    def confirm(self, question: Question) -> Any:
        answer = self.wait_for(self.agent.confirm(question))
        return answer if isinstance(answer, PaymentRecord) else multiple()

    @rule(question=questions, way=st.sampled_from((altered, at_once, cut_off, declined, guessing, stolen)))
    def confirm_in_another_way(self, question: Question, way: Any) -> None:
        self.wait_for(way(self.agent, question))

    @rule(question=questions)
    def go_away(self, question: Question) -> None:
        self.wait_for(self.agent.confirm(question, cut=0.01))

    @rule(payment=payments)
    def check_status(self, payment: PaymentRecord) -> None:
        self.wait_for(self.agent.follow(payment, most=1))

    @rule(target=payments, payment=consumes(payments), parts=st.sampled_from((1, 2, 3)))
    def refund(self, payment: PaymentRecord, parts: int) -> Any:
        if payment.kind == "refund":
            return payment
        calls = [self.world.refund(payment, payment.money.amount // parts, f"part {nth}") for nth in range(parts + 1)]
        questions = [question for call in calls if (question := self.wait_for(self.agent.ask(call)))]
        self.wait_for(self.agent.together([self.agent.hurry(question) for question in questions]))
        return payment

    @rule()
    def decide(self) -> None:
        self.wait_for(Operator(self.world).decide())

    # What goes wrong

    @rule(place=places, point=st.sampled_from(POINTS))
    def die_at(self, place: int, point: str) -> None:
        self.world.doomed[self.world.replicas[place].process.name] = ("dies", point)

    @rule(place=places)
    def die_now(self, place: int) -> None:
        if not self.world.replicas[place].process.dead:
            self.world.crash(self.world.replicas[place], "once")

    @rule(place=places)
    def restart(self, place: int) -> None:
        self.world.restart(place)

    @rule(place=places, seconds=st.sampled_from((2.0, 20.0, 70.0)))
    def stop(self, place: int, seconds: float) -> None:
        replica = self.world.replicas[place]
        if not replica.process.dead and replica.process.stopped_at is None:
            self.world.stop(replica, "once", seconds)

    @rule(place=places, skew=st.sampled_from((-SKEW, 0.0, SKEW)))
    def set_the_clock(self, place: int, skew: float) -> None:
        self.world.replicas[place].process.skew = skew

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=3))
    def fail_the_next_sends(self, fates: list[str]) -> None:
        self.world.faults.forced = list(fates)

    @rule(rail=st.sampled_from((0.0, 0.5)), journal=st.sampled_from((0.0, 0.1)), bank=st.sampled_from((0.0, 0.4)))
    def change_the_weather(self, rail: float, journal: float, bank: float) -> None:
        faults = self.world.faults
        faults.of_the_rail, faults.of_the_journal, faults.of_the_bank = rail, journal, bank

    @rule(seconds=st.sampled_from((0.005, 0.3, 3.0, 30.0)))
    def let_time_pass(self, seconds: float) -> None:
        self.world.run(lambda: False, self.world.loop.time() + seconds)

    # The promises

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.world.checks.broken is None, self.told()

    def told(self) -> str:
        """The history, and how it ended."""
        lines = [f"{at:9.3f}  {who:<10} {what}" for at, who, what in self.world.history]
        return "\n".join([*lines, str(self.world.checks.broken)])

    def teardown(self) -> None:
        with self.open:
            if not hasattr(self, "world") or self.world.checks.broken is not None:
                return
            world = self.world
            world.calm_down()
            world.run(world.quiet, world.loop.time() + world.rail.gives_up)
            world.checks.at_the_end()
            if world.checks.broken is None:
                world.verified()
            assert world.checks.broken is None, self.told()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=500,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
