"""Hypothesis seeks the shortest sequence of calls, crashes, pauses, faults and decisions that breaks a promise."""

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

from .simulator import Simulation, running_simulation
from .simulator.agents import (
    Confirmation,
    SimAgent,
    SimOperator,
    alter_terms,
    confirm_after_cut,
    confirm_as_another_principal,
    confirm_in_parallel,
    decline_challenge,
    guess_codes,
)
from .simulator.bank_traits import SKEW
from .simulator.faults import SEND_FAULTS

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

BEHAVIOURS = (
    *(alter_terms, confirm_in_parallel, confirm_after_cut, decline_challenge, guess_codes),
    confirm_as_another_principal,
)

places = st.integers(0, 1)


class SimulationMachine(RuleBasedStateMachine):
    confirmations = Bundle("confirmations")
    payments = Bundle("payments")

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed: int) -> None:
        self.simulation = simulation = Simulation(seed, profile="", rail="sim")
        faults = simulation.faults
        faults.of_the_rail = faults.of_the_journal = faults.of_the_bank = simulation.crash_rate = 0.0
        self.open.enter_context(running_simulation(simulation))
        simulation.start(2)
        self.agent = SimAgent(simulation, 0)

    def wait_for(self, work: Coroutine[Any, Any, Any], most: float = PATIENCE) -> Any:
        """What comes of it, or ``None`` where that takes too long."""
        task = self.simulation.agents.begin(work)
        self.simulation.run(task.done, self.simulation.loop.time() + most)
        return task.result() if task.done() else None

    # Agents and persons

    @rule(target=confirmations, account=st.sampled_from(("0001", "0002")), amount=st.sampled_from((500, 1300)))
    def ask(self, account: str, amount: int) -> Any:
        confirmation = self.wait_for(self.agent.ask(self.simulation.payment(account, amount)))
        return multiple() if confirmation is None else confirmation

    @rule(target=payments, confirmation=confirmations)
    def confirm(self, confirmation: Confirmation) -> Any:
        answer = self.wait_for(self.agent.confirm(confirmation))
        return answer if isinstance(answer, PaymentRecord) else multiple()

    @rule(confirmation=confirmations, behaviour=st.sampled_from(BEHAVIOURS))
    def confirm_in_another_way(self, confirmation: Confirmation, behaviour: Any) -> None:
        self.wait_for(behaviour(self.agent, confirmation))

    @rule(confirmation=confirmations)
    def go_away(self, confirmation: Confirmation) -> None:
        self.wait_for(self.agent.confirm(confirmation, cut=0.01))

    @rule(payment=payments)
    def check_status(self, payment: PaymentRecord) -> None:
        self.wait_for(self.agent.follow(payment, most=1))

    @rule(target=payments, payment=consumes(payments), parts=st.sampled_from((1, 2, 3)))
    def refund(self, payment: PaymentRecord, parts: int) -> Any:
        if payment.kind == "refund":
            return payment
        calls = [
            self.simulation.refund(payment, payment.money.amount // parts, f"part {nth}") for nth in range(parts + 1)
        ]
        confirmations = [confirmation for call in calls if (confirmation := self.wait_for(self.agent.ask(call)))]
        self.wait_for(
            self.agent.together([self.agent.call_until_answered(confirmation) for confirmation in confirmations])
        )
        return payment

    @rule()
    def decide(self) -> None:
        self.wait_for(SimOperator(self.simulation).decide())

    # What goes wrong

    @rule(place=places, point=st.sampled_from(POINTS))
    def die_at(self, place: int, point: str) -> None:
        self.simulation.scheduled_faults[self.simulation.replicas[place].process.name] = ("dies", point)

    @rule(place=places)
    def die_now(self, place: int) -> None:
        if not self.simulation.replicas[place].process.dead:
            self.simulation.crash(self.simulation.replicas[place], "once")

    @rule(place=places)
    def restart(self, place: int) -> None:
        self.simulation.restart(place)

    @rule(place=places, seconds=st.sampled_from((2.0, 20.0, 70.0)))
    def stop(self, place: int, seconds: float) -> None:
        replica = self.simulation.replicas[place]
        if not replica.process.dead and replica.process.stopped_at is None:
            self.simulation.stop(replica, "once", seconds)

    @rule(place=places, skew=st.sampled_from((-SKEW, 0.0, SKEW)))
    def set_the_clock(self, place: int, skew: float) -> None:
        self.simulation.replicas[place].process.skew = skew

    @rule(faults=st.lists(st.sampled_from(SEND_FAULTS), min_size=1, max_size=3))
    def fail_the_next_sends(self, faults: list[str]) -> None:
        self.simulation.faults.forced = list(faults)

    @rule(rail=st.sampled_from((0.0, 0.5)), journal=st.sampled_from((0.0, 0.1)), bank=st.sampled_from((0.0, 0.4)))
    def change_the_weather(self, rail: float, journal: float, bank: float) -> None:
        faults = self.simulation.faults
        faults.of_the_rail, faults.of_the_journal, faults.of_the_bank = rail, journal, bank

    @rule(seconds=st.sampled_from((0.005, 0.3, 3.0, 30.0)))
    def let_time_pass(self, seconds: float) -> None:
        self.simulation.run(lambda: False, self.simulation.loop.time() + seconds)

    # The promises

    @precondition(lambda self: hasattr(self, "simulation"))
    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.simulation.checks.broken is None, self.transcript()

    def transcript(self) -> str:
        """The history, and how it ended."""
        lines = [f"{at:9.3f}  {who:<10} {what}" for at, who, what in self.simulation.history]
        return "\n".join([*lines, str(self.simulation.checks.broken)])

    def teardown(self) -> None:
        with self.open:
            if not hasattr(self, "simulation") or self.simulation.checks.broken is not None:
                return
            simulation = self.simulation
            simulation.calm_down()
            simulation.run(simulation.quiet, simulation.loop.time() + simulation.rail.gives_up)
            simulation.checks.at_the_end()
            if simulation.checks.broken is None:
                simulation.verify()
            assert simulation.checks.broken is None, self.transcript()


TestMachine = SimulationMachine.TestCase
TestMachine.settings = settings(
    max_examples=500,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
