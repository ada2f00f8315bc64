"""What a rail is: one typed, frozen value that declares how money travels and what the rail guarantees.

A rail author writes a :class:`Rail`; the core does the rest (confirmation, journal, retries, recovery, tools).
Nothing here acts.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel

from riel.errors import ErrorCode
from riel.rail.client import Client, Order, WebhookResult
from riel.rail.guarantees import Capabilities, Guarantees
from riel.rail.models import Lookup, Payment, Receipt, Refund, WireModel
from riel.rail.sandbox import Sandbox
from riel.rail.settings import RailSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CliTable:
    """Something that a rail shows on the command line, under ``riel <rail> <name>``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of a rail's own besides the three. What it does is exactly one of ``run``, ``pays`` and ``tells``.

    :param scope: what a session must be granted; empty where nothing is needed, or where ``scope_of`` tells it from
        the checked input.
    :param run: asks the provider, or makes something there that is no money, and makes it once however often it is
        asked for it: ``run(client, asked)``. What the provider has against it is :class:`Rejected`.
    :param pays: makes the payment that a person is then asked to confirm, or ``None`` where there never was anything
        to pay: ``pays(client, asked)``. It answers as ``{rail}_send_payment`` does. The second call, with the code,
        asks it again, and must get the same payment, also where it was made meanwhile.
    :param tells: makes the message that is kept in the journal, and delivered to whoever receives notifications.
    :param read_only: whether ``run`` changes nothing at the provider.
    """

    name: str
    title: str
    description: str
    scope: str
    input: type[WireModel]
    output: type[BaseModel] | None = None
    run: Callable[[Any, Any], Awaitable[BaseModel]] | None = None
    build_payment: Callable[[Any, Any], Awaitable[Payment | None]] | None = None
    build_notification: Callable[[Any], Mapping[str, Any]] | None = None
    scope_of: Callable[[Any], str] | None = None
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """A payment rail, whole.

    :param name: one word in lower case: the entry point, the prefix of the tools, ``RIEL_<NAME>_*``.
    :param currency: ISO 4217; several where the payment has a field ``currency``.
    :param connect: opens a client: ``connect(settings, transport=None)``, with an httpx transport in tests.
    :param errors: the rail's own codes and what they mean to an agent.
    :param guarantees: one value, or a function of the settings where they decide.
    :param docs: a folder of markdown in the package, as an absolute path (``str(Path(__file__).with_name("docs"))``):
        an agent can search it.
    :param docs_server: the URL of the provider's own documentation over MCP, or ``None`` where there is none under
        these settings. It is asked first, and ``docs`` answer where it does not.
    :param sandbox: makes the pretend bank from whatever settings are there.
    :param by_hand: where the rail cannot refund: what a person needs to ask for the money back, in names and words.
    :param hear: reads a message that the provider sends of its own accord: ``hear(settings, headers, body)``.
    :param tables: what ``riel <rail> <name>`` shows, each made from whatever settings are there.
    """

    name: str
    title: str
    currency: str | tuple[str, ...]
    payment: type[Payment]
    lookup: type[Lookup]
    refund: type[Refund]
    receipt: type[Receipt]
    connect: Callable[..., AbstractAsyncContextManager[Client]]
    settings: type[RailSettings]
    errors: Mapping[str, ErrorCode]
    capabilities: Capabilities
    guarantees: Guarantees | Callable[[Any], Guarantees]
    tools: tuple[Tool, ...] = ()
    docs: str = ""
    docs_server: Callable[[Any], str | None] | None = None
    sandbox: Callable[[Mapping[str, str]], Sandbox] | None = None
    manual_refund: Callable[[Order], Mapping[str, str]] | None = None
    parse_webhook: Callable[[Any, Mapping[str, str], bytes], WebhookResult] | None = None
    tables: Mapping[str, Callable[[Mapping[str, str]], CliTable]] = field(default_factory=dict)

    tool_suffixes: ClassVar[tuple[str, str, str]] = ("send_payment", "check_status", "request_refund")
    search_tool: ClassVar[str] = "search_docs"

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency the rail moves."""
        return (self.currency,) if isinstance(self.currency, str) else self.currency

    @property
    def reference_field(self) -> str:
        """What the rail calls a payment's reference, in Python: the only field of its look-up."""
        return _only_field(self.lookup)


@cache
def _only_field(lookup: type[Lookup]) -> str:
    (name,) = lookup.model_fields
    return name
