"""A step of the story: what was asked, what was answered, and whether it is as it should be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from riel.demo.environment import DemoEnvironment


class UnexpectedResult(Exception):
    """Something was not as the story has it: one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStep:
    """One thing that happened, and how many debits the bank had booked after it.

    ``shown`` is what a person got to see, ``untrue`` what should be so and is not.
    """

    title: str
    request: Mapping[str, Any]
    response: Any
    debits: int
    shown: Mapping[str, str] = field(default_factory=dict)
    untrue: tuple[str, ...] = ()


class Narrator:
    """Hands each step over, checked."""

    def __init__(self, stage: DemoEnvironment, tell: Callable[[DemoStep], None]) -> None:
        self.stage = stage
        self._tell = tell

    async def step(
        self,
        title: str,
        request: Mapping[str, Any],
        response: Any,
        *,
        debits: int,
        must: Mapping[str, bool],
        shown: Mapping[str, str] | None = None,
    ) -> None:
        """Tell one step.

        :param must: what has to be so, by the sentence that says it.
        :raises UnexpectedResult: it is not, or the bank has booked another number of debits.
        """
        booked = len(await self.stage.debits())
        truths = {**must, f"the bank has booked {debits} debits (it has booked {booked})": booked == debits}
        untrue = tuple(sentence for sentence, true in truths.items() if not true)
        self._tell(
            DemoStep(title=title, request=request, response=response, debits=booked, shown=shown or {}, untrue=untrue)
        )
        if untrue:
            raise UnexpectedResult(f"This should be so, and is not: {'; '.join(untrue)}.")
