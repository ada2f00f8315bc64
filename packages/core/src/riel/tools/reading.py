"""A rail's own tools for reading: checked like the three, answered in the same envelope, and unable to send."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riel.catalog import Offered
from riel.errors import NothingLearned, NothingSent
from riel.rail import Tool, Wire
from riel.teller import Teller
from riel.tools.arguments import check
from riel.tools.envelope import Envelope, enveloped, success


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One tool that a rail declares besides the three."""

    teller: Teller
    offered: Offered
    tool: Tool

    read_only = True

    @property
    def name(self) -> str:
        """Without the rail's prefix."""
        return self.tool.name

    @property
    def scope(self) -> str:
        """What a session needs to be granted."""
        return self.tool.scope

    @property
    def title(self) -> str:
        """For people."""
        return self.tool.title

    @property
    def description(self) -> str:
        """For the model."""
        return self.tool.description

    @property
    def model(self) -> type[Wire]:
        """Its arguments."""
        return self.tool.input

    @property
    def output_schema(self) -> dict[str, Any]:
        """Its answers."""
        return enveloped(self.tool.output.model_json_schema(by_alias=True, mode="serialization"))

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Ask the rail."""
        asked = check(self.tool.input, arguments, self.offered)
        client = await self.teller.desk.clients.of(self.offered.rail.name)
        try:
            async with asyncio.timeout(self.teller.desk.pace.answer_within.total_seconds()):
                answer = await self.tool.run(client, asked)
        except (NothingLearned, TimeoutError) as failure:
            raise NothingSent(
                f"{self.offered.rail.title} gave no answer.",
                code="RAIL_UNREACHABLE",
                retryable=True,
                next_action="Call again in a moment.",
            ) from failure
        return success(answer.model_dump(mode="json", by_alias=True, exclude_none=True) | {"mode": self.offered.mode})
