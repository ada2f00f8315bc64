"""A rail's own tools: checked and answered like the three. One that pays is confirmed like any payment."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riel.catalog import Offered
from riel.errors import NotFound, NothingLearned, NothingSent
from riel.journal import Topic
from riel.rail import Tool, Wire
from riel.redact import Redactor
from riel.teller import Teller
from riel.tools.arguments import CODE_FIELD, check, with_code
from riel.tools.envelope import Envelope, enveloped, output_schema, success
from riel.tools.scopes import Scopes
from riel.tools.three import paid, plain

KEPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["kept"],
            "description": "It is written down, and is delivered if it can.",
        },
        "messageId": {"type": "string", "description": "The number of the message."},
        "mode": {"type": "string", "enum": ["live", "test", "sandbox"]},
    },
    "required": ["status"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """One tool that a rail declares besides the three."""

    teller: Teller
    offered: Offered
    tool: Tool
    scopes: Scopes
    logs: Redactor

    @property
    def name(self) -> str:
        """Without a prefix."""
        return self.tool.name

    @property
    def scope(self) -> str:
        """What a session needs to be granted."""
        return self.tool.scope

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing anywhere but in our own record."""
        return self.tool.pays is None and (self.tool.tells is not None or self.tool.read_only)

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
        return with_code(self.tool.input) if self.tool.pays else self.tool.input

    @property
    def output_schema(self) -> dict[str, Any]:
        """Its answers."""
        if self.tool.output is not None:
            return enveloped(self.tool.output.model_json_schema(by_alias=True, mode="serialization"))
        return output_schema(self.offered.rail) if self.tool.pays else enveloped(KEPT)

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Do it on behalf of ``principal``."""
        asked = check(self.model, arguments, self.offered)
        if self.tool.scope_of is not None:
            self.scopes.refuse_without(self.tool.scope_of(asked))
        if self.tool.tells is not None:
            return await self._tell(self.tool.tells(asked), principal)
        client = await self.teller.desk.clients.of(self.offered.rail.name)
        try:
            async with asyncio.timeout(self.teller.desk.pace.answer_within.total_seconds()):
                if self.tool.run is not None:
                    answer = (await self.tool.run(client, asked)).model_dump(mode="json", by_alias=True)
                    return success(answer | {"mode": self.offered.mode})
                assert self.tool.pays is not None  # noqa: S101 (the catalog offers no tool that does nothing)
                payment = await self.tool.pays(client, asked)
        except (NothingLearned, TimeoutError) as failure:
            raise NothingSent(
                f"{self.offered.rail.title} gave no answer.",
                code="RAIL_UNREACHABLE",
                retryable=True,
                next_action="Repeat exactly this call in a moment.",
            ) from failure
        if payment is None:
            raise NotFound("There is nothing of that name to pay.")
        return await paid(self, payment, plain(asked), principal, getattr(asked, CODE_FIELD))

    async def _tell(self, message: Mapping[str, Any], principal: str) -> Envelope:
        """Keep it as a message: it waits in the journal until somebody receives notices."""
        desk = self.teller.desk
        number = f"{self.offered.rail.name}_{self.tool.name}_{desk.new_id().removeprefix('pay_')}"
        told = {"rail": self.offered.rail.name, "mode": self.offered.mode, "tool": self.tool.name, **message}
        await desk.journal.post(number, Topic.TOLD, told | {"principal": principal}, desk.now())
        return success({"status": "kept", "messageId": number, "mode": self.offered.mode})
