"""A rail's own tool, checked and answered like the payment tools; if it pays, it is confirmed like a payment."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from riel.catalog import ActiveRail
from riel.errors import Code, NothingLearned, NothingSent, OutcomeUnknown, Rejected
from riel.journal import Topic
from riel.payments import PaymentEngine
from riel.rail import Tool, WireModel
from riel.redaction import Redactor
from riel.text import clean_text
from riel.tools.arguments import check, with_code
from riel.tools.derived_payment import confirm_derived_payment
from riel.tools.envelope import MODE, Envelope, payment_answer, success
from riel.tools.schema import Schema, answer_schema, enveloped
from riel.tools.scopes import Scopes

T = TypeVar("T")

NOTICE: Schema = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["recorded"],
            "description": "It is in the journal, and is delivered when a receiver is configured.",
        },
        "messageId": {"type": "string", "description": "The number of the message."},
        "mode": MODE,
    },
    "required": ["status"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RailTool:
    """One tool that a rail declares besides the payment tools."""

    engine: PaymentEngine
    rail: ActiveRail
    tool: Tool
    scopes: Scopes
    logs: Redactor

    @property
    def name(self) -> str:
        """The name without its prefix."""
        return self.tool.name

    @property
    def scope(self) -> str:
        """The scope that a session needs; empty: none."""
        return self.tool.scope

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing outside the journal."""
        return self.tool.build_payment is None and (self.tool.build_notification is not None or self.tool.read_only)

    @property
    def title(self) -> str:
        """The title for people."""
        return self.tool.title

    @property
    def description(self) -> str:
        """The description for the model."""
        return self.tool.description

    @property
    def model(self) -> type[WireModel]:
        """The model of its arguments."""
        return with_code(self.tool.input) if self.tool.build_payment else self.tool.input

    @property
    def output_schema(self) -> Schema:
        """The schema of its envelope."""
        if self.tool.output is None:
            return enveloped(payment_answer(self.rail.declaration) if self.tool.build_payment else NOTICE)
        answer = answer_schema(self.tool.output)
        return enveloped({**answer, "properties": {**answer.get("properties", {}), "mode": MODE}})

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Check the arguments and the scope, then run it on behalf of ``principal``."""
        checked = check(self.model, arguments, self.rail)
        if self.tool.scope_of is not None and not self.scopes.has(scope := self.tool.scope_of(checked)):
            raise self.scopes.refusal(scope)
        if self.tool.build_notification is not None:
            return await self._enqueue(self.tool.build_notification(checked), principal)
        if self.tool.run is not None:
            answer = await self._call(self.tool.run, checked)
            return success(answer.model_dump(mode="json", by_alias=True) | {"mode": self.rail.mode})
        assert self.tool.build_payment is not None  # noqa: S101 (the catalog offers no tool that does nothing)
        build = partial(self._call, self.tool.build_payment, checked)
        return await confirm_derived_payment(self, self.tool.name, checked, principal, build)

    async def _call(self, function: Callable[[Any, Any], Awaitable[T]], arguments: WireModel) -> T:
        """Call the rail's own code within the time for an answer.

        :raises NothingSent: the provider refused, or did not answer.
        """
        client = await self.engine.context.clients.of(self.rail.declaration.name)
        try:
            async with asyncio.timeout(self.engine.context.timing.answer_within.total_seconds()):
                return await function(client, arguments)
        except (NothingLearned, OutcomeUnknown, TimeoutError) as failure:
            raise NothingSent(Code.RAIL_NO_ANSWER, rail=self.rail.declaration.title) from failure
        except Rejected as refused:
            raise self._refusal(refused) from refused

    def _refusal(self, refused: Rejected) -> NothingSent:
        """The provider's refusal, in the words of the rail's table if its code is listed there."""
        declaration, clean = self.rail.declaration, self.engine.context.clean
        known = declaration.errors.get(refused.provider_code)
        theirs = {"providerMessage": refused.provider_message, "providerCode": "" if known else refused.provider_code}
        untrusted = {name: clean_text(clean(words)) for name, words in theirs.items() if words}
        details = {"untrusted": untrusted} if untrusted else {}
        if known is None:
            return NothingSent(Code.RAIL_REJECTED, rail=declaration.title, details=details)
        return NothingSent(known, details=details)

    async def _enqueue(self, message: Mapping[str, Any], principal: str) -> Envelope:
        """Put ``message`` into the outbox, where it waits for a receiver of notifications."""
        context, rail_name = self.engine.context, self.rail.declaration.name
        number = f"{rail_name}_{self.tool.name}_{context.new_id().removeprefix('pay_')}"
        facts = {"rail": rail_name, "mode": self.rail.mode, "tool": self.tool.name, "principal": principal}
        cleaned: dict[str, Any] = self.logs.clean(message)
        await context.journal.enqueue(number, Topic.TOOL_NOTICE, {**cleaned, **facts}, context.now())
        return success({"status": "recorded", "messageId": number, "mode": self.rail.mode})
