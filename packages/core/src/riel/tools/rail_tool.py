"""A rail's own tools: checked and answered like the three. One that pays is confirmed like any payment."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from riel.catalog import ActiveRail
from riel.errors import NothingLearned, NothingSent, OutcomeUnknown, Rejected
from riel.journal import Topic
from riel.payments import PaymentEngine
from riel.rail import Tool, WireModel
from riel.redaction import Redactor
from riel.text import clean_text
from riel.tools.arguments import check, with_code
from riel.tools.derived_payment import confirm_derived_payment
from riel.tools.envelope import Envelope, enveloped, output_schema, success
from riel.tools.scopes import Scopes

T = TypeVar("T")

MODE: dict[str, Any] = {
    "type": "string",
    "enum": ["live", "test", "sandbox"],
    "description": "Where the money is.",
}
KEPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["recorded"],
            "description": "It is written down, and is delivered if it can.",
        },
        "messageId": {"type": "string", "description": "The number of the message."},
        "mode": MODE,
    },
    "required": ["status"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RailTool:
    """One tool that a rail declares besides the three."""

    engine: PaymentEngine
    rail: ActiveRail
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
        return self.tool.build_payment is None and (self.tool.build_notification is not None or self.tool.read_only)

    @property
    def title(self) -> str:
        """For people."""
        return self.tool.title

    @property
    def description(self) -> str:
        """For the model."""
        return self.tool.description

    @property
    def model(self) -> type[WireModel]:
        """Its arguments."""
        return with_code(self.tool.input) if self.tool.build_payment else self.tool.input

    @property
    def output_schema(self) -> dict[str, Any]:
        """Its answers."""
        if self.tool.output is None:
            return output_schema(self.rail.declaration) if self.tool.build_payment else enveloped(KEPT)
        answer = self.tool.output.model_json_schema(by_alias=True, mode="serialization")
        return enveloped({**answer, "properties": {**answer.get("properties", {}), "mode": MODE}})

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Do it on behalf of ``principal``."""
        asked = check(self.model, arguments, self.rail)
        if self.tool.scope_of is not None and not self.scopes.has(scope := self.tool.scope_of(asked)):
            raise self.scopes.refusal(scope)
        if self.tool.build_notification is not None:
            return await self._tell(self.tool.build_notification(asked), principal)
        if self.tool.run is not None:
            answer = await self._provider(self.tool.run, asked)
            return success(answer.model_dump(mode="json", by_alias=True) | {"mode": self.rail.mode})
        assert self.tool.build_payment is not None  # noqa: S101 (the catalog offers no tool that does nothing)
        making = partial(self._provider, self.tool.build_payment, asked)
        return await confirm_derived_payment(self, self.tool.name, asked, principal, making)

    async def _provider(self, does: Callable[[Any, Any], Awaitable[T]], asked: WireModel) -> T:
        """What the rail's own code makes of ``asked``, in time, or what its provider has against it."""
        client = await self.engine.context.clients.of(self.rail.declaration.name)
        try:
            async with asyncio.timeout(self.engine.context.timing.answer_within.total_seconds()):
                return await does(client, asked)
        except (NothingLearned, OutcomeUnknown, TimeoutError) as failure:
            raise NothingSent(
                f"{self.rail.declaration.title} gave no answer.",
                code="RAIL_UNREACHABLE",
                retryable=True,
                next_action="Repeat exactly this call in a moment.",
            ) from failure
        except Rejected as refused:
            raise self._refusal(refused) from refused

    def _refusal(self, refused: Rejected) -> NothingSent:
        """What the provider has against it, in the words of the rail's table where it stands there."""
        declaration, clean = self.rail.declaration, self.engine.context.clean
        known = declaration.errors.get(refused.provider_code)
        theirs = {"providerMessage": refused.provider_message, "providerCode": "" if known else refused.provider_code}
        untrusted = {name: clean_text(clean(words)) for name, words in theirs.items() if words}
        details = {"untrusted": untrusted} if untrusted else {}
        if known is None:
            return NothingSent(
                f"{declaration.title} refused this. Nothing was done.",
                code="RAIL_REJECTED",
                next_action="Tell the person; the operator can read the declaration's own code.",
                details=details,
            )
        return NothingSent(
            known.meaning, code=known.code, retryable=known.retryable, next_action=known.remedy, details=details
        )

    async def _tell(self, message: Mapping[str, Any], principal: str) -> Envelope:
        """Keep it as a message: it waits in the journal until somebody receives notifications."""
        context, rail_name = self.engine.context, self.rail.declaration.name
        number = f"{rail_name}_{self.tool.name}_{context.new_id().removeprefix('pay_')}"
        facts = {"rail": rail_name, "mode": self.rail.mode, "tool": self.tool.name, "principal": principal}
        told: dict[str, Any] = self.logs.clean(message)
        await context.journal.enqueue(number, Topic.TOOL_NOTICE, {**told, **facts}, context.now())
        return success({"status": "recorded", "messageId": number, "mode": self.rail.mode})
