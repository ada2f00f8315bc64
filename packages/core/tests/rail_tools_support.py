"""A rail whose own tools the test declares, called as agents call them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mcp import Client
from pydantic import SecretStr

from riel import Payment, Tool, WireModel
from riel.mcp import mcp_server
from riel.payments import PaymentEngine, Timing
from riel.redaction import Redactor
from riel.tools import AskDocs, Scopes, ToolSpec, build_tools

from .bad_rails.toy import ToyPayment, ToySettings
from .engine_support import EngineFixture, working

SECRET = "sk_a_key_nobody_may_see"
MODES = ("legacy", "auto")
BILLS = {"rent": 120_000, "water": 30_000}


class NameArguments(WireModel):
    """What the tools of these tests are asked."""

    name: str = "ana"


class NameAnswer(WireModel):
    """What they answer. It is as strict as an input: a schema that refuses what it does not know."""

    name: str


class Prefixed(ToySettings):
    """Settings that say what the names of the rail's own tools begin with."""

    own: str | None = None

    @property
    def rail_tool_prefix(self) -> str | None:
        return self.own


async def greet(client: Any, asked: Any) -> NameAnswer:
    """What a tool does that asks the provider."""
    return NameAnswer(name=asked.name)


def reading(name: str = "read_it", **declared: Any) -> Tool:
    """A tool that asks the provider, unless ``declared`` says otherwise."""
    does: dict[str, Any] = (
        {} if {"build_payment", "build_notification"} & set(declared) else {"run": greet, "output": NameAnswer}
    )
    told = {"title": "Read it", "description": "Reads it.", "scope": "things:read", "input": NameArguments}
    return Tool(name=name, **(told | does | declared))


class Bill(WireModel):
    """A bill by its name."""

    bill: str


async def pay_bill(client: Any, asked: Any) -> Payment | None:
    """What is owed for a bill of that name."""
    amount = BILLS.get(asked.bill)
    return None if amount is None else ToyPayment(account="0123456789", amount=amount)


def paying(**declared: Any) -> Tool:
    """A tool that pays a bill."""
    return reading("pay_bill", **({"input": Bill, "build_payment": pay_bill, "scope": "bills:pay"} | declared))


def words_of(asked: Any) -> dict[str, Any]:
    """A message, which lies about where it comes from."""
    return {"words": asked.name, "rail": "another", "principal": "somebody else", "mode": "live"}


def feedback(**declared: Any) -> Tool:
    """A tool that tells somebody."""
    return reading("feedback", **({"build_notification": words_of, "scope": ""} | declared))


@dataclass
class ToolAgent:
    """Whoever calls the tools, and the world they are in."""

    world: EngineFixture
    tools: Mapping[str, ToolSpec]
    answers: Redactor
    logs: Redactor

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The envelope."""
        return await self.tools[tool].run(arguments, "ana")

    async def data(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What an answer holds that is no error."""
        answer = await self.call(tool, **arguments)
        assert answer["error"] is None, answer
        told: dict[str, Any] = answer["data"]
        return told

    async def refusal(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error."""
        answer = await self.call(tool, **arguments)
        assert answer["data"] is None, answer
        told: dict[str, Any] = answer["error"]
        return told

    def code(self) -> str:
        """What the person was sent last."""
        return self.world.person._right(self.world.person.asked[-1])

    def client(self, mode: str = "auto") -> Client:
        """The official client, connected to a server with these tools."""
        return Client(mcp_server(self.tools, "ana", "1"), mode=mode)


@asynccontextmanager
async def agent(
    folder: Path,
    *own: Tool,
    scopes: Scopes | None = None,
    settings: Mapping[str, Any] | None = None,
    ask_docs: AskDocs | None = None,
    answer_within: timedelta | None = None,
    mode: str = "sandbox",
    rail: Mapping[str, Any] | None = None,
    **worlds: Any,
) -> AsyncIterator[ToolAgent]:
    """An agent before the rail ``toy``, which has these tools of its own."""
    async with working(folder, **worlds) as world:
        context = world.engine.context
        known = {"base_url": "http://bank.invalid", "api_key": SecretStr(SECRET)}
        active = replace(
            world.rail,
            declaration=replace(world.rail.declaration, tools=own, **(rail or {})),
            settings=Prefixed(**(known | dict(settings or {}))),
            mode=mode,  # type: ignore[arg-type]
        )
        context.rails["toy"] = world.rail = active  # type: ignore[index]
        answers, logs = Redactor([SECRET]), Redactor([SECRET])
        if answer_within is not None:
            world.engine = PaymentEngine(replace(context, timing=Timing(answer_within=answer_within)))
        tools = build_tools(world.engine, answers, logs, scopes, ask_docs)
        yield ToolAgent(world, tools, answers, logs)
