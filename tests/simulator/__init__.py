"""A deterministic simulation of the engine: many seeds, each a world in which everything goes wrong in its own way."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random

from .agents import Agent, Operator
from .world import CALM_AFTER, World, living

__all__ = ["Outcome", "World", "living", "simulate", "story"]


@dataclass
class Outcome:
    """How the world of one seed ended. ``broken`` is the promise that was broken first, and how."""

    seed: int
    broken: tuple[str, str] | None
    history: list[tuple[float, str, str]] = field(repr=False)
    counted: Counter[str]


def simulate(
    seed: int,
    bug: Callable[[], AbstractContextManager[None]] = nullcontext,
    mood: str | None = None,
    rail: str | None = None,
) -> Outcome:
    """Live through the world of ``seed``, with ``bug`` in the code.

    ``mood`` and ``rail`` take the place of those that it draws.
    """
    world = World(seed, mood=mood, rail=rail)
    with bug(), living(world):
        _live(world)
    (payments,) = world.db.execute("SELECT count(*) FROM payments").fetchone()
    counted = Counter(
        {"payments": payments, "crashes": world.crashes, "pauses": world.stops, "seconds": int(world.loop.time())}
    )
    counted += Counter({f"fault: {name}": count for name, count in world.faults.counted.items()})
    return Outcome(seed, world.checks.broken, world.history, counted)


def _live(world: World) -> None:
    random: Random = world.random
    world.start(random.choice((1, 2, 2, 3)))
    agents = [Agent(world, random.choice((1, 2))) for _ in range(random.choice((1, 2, 2, 3)))]
    lives = [world.agents.begin(agent.live()) for agent in agents]
    world.agents.begin(Operator(world).live())
    world.run(
        lambda: not world.mood and all(life.done() for life in lives), CALM_AFTER[world.mood] * world.rail.stretch
    )
    world.calm_down()
    world.rest(lives)
    for life in lives:
        if life.done() and not life.cancelled():
            life.result()
    if world.checks.broken is None:
        world.checks.at_the_end()
    if world.checks.broken is None:
        world.verified()


def story(outcome: Outcome) -> str:
    """What happened, line by line."""
    lines = [f"{at:9.3f}  {who:<10} {what}" for at, who, what in outcome.history]
    if outcome.broken is not None:
        promise, sentence = outcome.broken
        lines.append(f"seed {outcome.seed} breaks {promise!r}: {sentence}")
    return "\n".join(lines)
