"""A deterministic simulation of the engine: each seed gives one history, with faults of its own."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random

from .agents import SimAgent, SimOperator
from .attacker import SimAttacker
from .profiles import CALM_AFTER
from .simulation import Simulation, running_simulation

__all__ = ["Outcome", "Simulation", "running_simulation", "simulate", "transcript"]


@dataclass
class Outcome:
    """The result of one seed. ``broken`` is the promise that was broken first, and the sentence that says how."""

    seed: int
    broken: tuple[str, str] | None
    history: list[tuple[float, str, str]] = field(repr=False)
    counted: Counter[str]


def simulate(
    seed: int,
    bug: Callable[[], AbstractContextManager[None]] = nullcontext,
    profile: str | None = None,
    rail: str | None = None,
    attacked: bool = False,
) -> Outcome:
    """Run the simulation of ``seed``, with ``bug`` in the code.

    ``profile`` and ``rail`` take the place of those that the seed draws. ``attacked``: somebody without the key edits
    rows of the journal.
    """
    simulation = Simulation(seed, profile=profile, rail=rail)
    with bug(), running_simulation(simulation):
        _run(simulation, attacked=attacked)
    (payments,) = simulation.db.execute("SELECT count(*) FROM payments").fetchone()
    counted = Counter(
        {
            "payments": payments,
            "crashes": simulation.crashes,
            "pauses": simulation.stops,
            "seconds": int(simulation.loop.time()),
        }
    )
    counted += Counter({f"fault: {name}": count for name, count in simulation.faults.counted.items()})
    return Outcome(seed, simulation.checks.broken, simulation.history, counted)


def _run(simulation: Simulation, *, attacked: bool) -> None:
    random: Random = simulation.random
    simulation.start(random.choice((1, 2, 2, 3)))
    agents = [SimAgent(simulation, random.choice((1, 2))) for _ in range(random.choice((1, 2, 2, 3)))]
    tasks = [simulation.agents.begin(agent.run()) for agent in agents]
    simulation.agents.begin((SimAttacker if attacked else SimOperator)(simulation).run())
    simulation.checks.attacked = attacked
    simulation.run(
        lambda: not simulation.profile and all(task.done() for task in tasks),
        CALM_AFTER[simulation.profile] * simulation.rail.stretch,
    )
    simulation.calm_down()
    simulation.rest(tasks)
    if attacked:
        simulation.checks.at_the_end_of_an_attack()
        return
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
    if simulation.checks.broken is None:
        simulation.checks.at_the_end()
    if simulation.checks.broken is None:
        simulation.verify()


def transcript(outcome: Outcome) -> str:
    """The history of a seed, line by line."""
    lines = [f"{at:9.3f}  {who:<10} {what}" for at, who, what in outcome.history]
    if outcome.broken is not None:
        promise, sentence = outcome.broken
        lines.append(f"seed {outcome.seed} breaks {promise!r}: {sentence}")
    return "\n".join(lines)
