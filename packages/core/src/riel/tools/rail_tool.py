"""A rail's own tool, checked and answered like the payment tools; if it pays, it is confirmed like a payment."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from riel.catalog import ActiveRail
from riel.errors import Rejected
from riel.payments import PaymentEngine
from riel.payments.rail_calls import tool_notification, tool_scope
from riel.rail import Tool, WireModel
from riel.redaction import Redactor
from riel.tools.arguments import check, check_with_code, with_code
from riel.tools.derived_payment import confirm_derived_payment
from riel.tools.envelope import MODE, Envelope, payment_answer, success
from riel.tools.provenance import separate, separate_schema, trusted_names
from riel.tools.provider_refusal import provider_refusal
from riel.tools.schema import Schema, answer_schema, enveloped
from riel.tools.scopes import Scopes

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
        """Whether it changes nothing, here or at the provider."""
        return self.tool.build_payment is None and not self.notifies and self.tool.read_only

    @property
    def notifies(self) -> bool:
        """Whether it leaves a message for the operator, another one with each call."""
        return self.tool.build_notification is not None

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
        model: type[WireModel] = self.tool.input
        return with_code(model) if self.tool.build_payment else model

    @property
    def output_schema(self) -> Schema:
        """The schema of its envelope."""
        if self.tool.output is None:
            return enveloped(payment_answer(self.rail.declaration) if self.tool.build_payment else NOTICE)
        answer = separate_schema(answer_schema(self.tool.output), trusted_names(self.tool.output), {"type": "object"})
        return enveloped({**answer, "properties": {**answer.get("properties", {}), "mode": MODE}})

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Check the arguments and the scope, then run it on behalf of ``principal``."""
        pays, model = self.tool.build_payment is not None, self.tool.input
        checked, code = (
            check_with_code(model, arguments, self.rail) if pays else (check(model, arguments, self.rail), None)
        )
        if self.tool.scope_of is not None and not self.scopes.has(scope := tool_scope(self.rail, self.tool, checked)):
            raise self.scopes.refusal(scope)
        if self.tool.build_notification is not None:
            body: dict[str, Any] = self.logs.clean(tool_notification(self.rail, self.tool, checked))
            message_id = await self.engine.notify(self.rail, self.tool, body, principal)
            return success({"status": "recorded", "messageId": message_id, "mode": self.rail.mode})
        if self.tool.run is not None and self.tool.output is not None:
            try:
                answer = await self.engine.run_tool(self.rail, self.tool, checked)
            except Rejected as refused:
                raise provider_refusal(self, refused) from refused
            return success(separate(answer, trusted_names(self.tool.output)) | {"mode": self.rail.mode})
        build = partial(self.engine.build_payment, self.rail, self.tool, checked)
        return await confirm_derived_payment(self, self.tool.name, checked, code, principal, build)
