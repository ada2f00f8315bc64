"""A rail's tools as an agent calls them, and the messages that wait in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from riel.journal import Message
from riel.redaction import Redactor
from riel.tools import build_tools

from .engine_support import EngineFixture

SECRET = "pretend_key"
ACCOUNT = "0123456789"


@dataclass
class EngineAgent:
    """Calls the tools of one world's only rail."""

    world: EngineFixture
    principal: str = "ana"

    async def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        tools = build_tools(self.world.engine, Redactor([SECRET]), Redactor())
        answer: dict[str, Any] = await tools[f"toy_{verb}"].run(arguments, self.principal)
        return answer

    async def refund(self, key: str, reason: str = "Sent twice", **other: Any) -> dict[str, Any]:
        """Ask for a refund and expect an answer that is no error."""
        answer = await self("request_refund", trackingKey=key, reason=reason, **other)
        assert answer["error"] is None, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def refused(self, key: str, reason: str = "Sent twice", **other: Any) -> Mapping[str, Any]:
        """Ask for a refund and expect an error."""
        answer = await self("request_refund", trackingKey=key, reason=reason, **other)
        assert answer["data"] is None, answer
        error: Mapping[str, Any] = answer["error"]
        return error


async def messages(world: EngineFixture, topic: str) -> list[Message]:
    """What waits in the outbox about ``topic``."""
    waiting = await world.journal.lease_messages(world.now, lease=timedelta(0), most=100)
    return [message for message in waiting if message.topic == topic]
