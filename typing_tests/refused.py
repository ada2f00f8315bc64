"""Mistakes that a rail's author cannot make unseen: mypy must complain of each line that says so, and of no other.

An ignore that silences nothing is itself an error under --strict, so this file fails when a mistake is no longer found.
"""

from collections.abc import Iterable
from datetime import timedelta

import httpx

from riel import (
    Answer,
    Capabilities,
    Client,
    Draft,
    ErrorCode,
    Guarantees,
    Money,
    Order,
    Prepared,
    Rail,
    RailSettings,
    ReferenceSource,
    Status,
    Tool,
    WireModel,
)
from riel import Recept as Misspelt  # type: ignore[attr-defined]  # noqa: F401

Money(500.0, "MXN")  # type: ignore[arg-type]
Money("500", "MXN")  # type: ignore[arg-type]
Money(500, "MXN").amount = 5  # type: ignore[misc]

Answer(status="settled")  # type: ignore[arg-type]
Answer(Status.SETTLED)  # type: ignore[call-arg]
Answer(status=Status.SETTLED, amount="500.00")  # type: ignore[arg-type]

ErrorCode(code="ZAP_NO", message="No.")  # type: ignore[call-arg]
Capabilities(refund=True, partial_refund=False)  # type: ignore[arg-type]
Guarantees(dedupe="by_key", dedupe_window=timedelta(days=1))  # type: ignore[call-arg]
Rail(name="zap")  # type: ignore[call-arg]


class Forgetful:
    """A client that cannot be asked."""

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """Make a reference."""
        return Prepared(reference=references.random(12))

    async def send(self, order: Order) -> Answer:
        """Pay."""
        return Answer(status=Status.PENDING)

    async def refund(self, order: Order) -> Answer:
        """Pay back."""
        return Answer(status=Status.PENDING)


class Blocking(Forgetful):
    """A client that is not asynchronous."""

    def status(self, order: Order) -> Answer | None:
        """Look up."""
        return None


def clients() -> Iterable[Client]:
    """Neither is one."""
    yield Forgetful()  # type: ignore[misc]
    yield Blocking()  # type: ignore[misc]


class RefusedSettings(RailSettings):
    """The settings of a rail."""

    @property
    def payer(self) -> str:
        """The account that pays."""
        return "refused"


class OtherSettings(RailSettings):
    """The settings of another rail."""

    @property
    def payer(self) -> str:
        """Its account that pays."""
        return "other"


class PayerlessSettings(RailSettings):
    """Settings that do not say whose money leaves."""


PayerlessSettings(base_url="https://bank.example")  # type: ignore[abstract]


class Complete(Forgetful):
    """A client that can be asked."""

    async def status(self, order: Order) -> Answer | None:
        """Look up."""
        return None


class Question(WireModel):
    """The arguments of a tool."""


class Reply(WireModel):
    """The answer of a tool."""


async def answer_others(client: Complete, arguments: Reply) -> Reply:
    """Take arguments of another type than the tool's."""
    return arguments


Tool[Complete, Question](
    name="ask",
    title="Ask",
    description="Ask.",
    scope="",
    input=Question,
    output=Reply,
    run=answer_others,  # type: ignore[arg-type]
)


def parts(
    rail: Rail[RefusedSettings, Complete],
    other: OtherSettings,
    http: httpx.AsyncClient,
    tool: Tool[Forgetful],  # type: ignore[type-var]
) -> None:
    """A rail's functions take its own settings, and its tools its own client."""
    rail.connect(other, http)  # type: ignore[arg-type]
    if rail.parse_webhook is not None:
        rail.parse_webhook(other, {}, b"")  # type: ignore[arg-type]
    if rail.docs_server is not None:
        rail.docs_server(other)  # type: ignore[arg-type]


def incomplete(rail: Rail[RefusedSettings, Forgetful]) -> None:  # type: ignore[type-var]
    """A rail whose client does not keep the contract."""
