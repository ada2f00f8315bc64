"""What a rail is: one typed, frozen value that declares how money travels and what the rail guarantees.

A rail author writes a :class:`Rail`; the core does the rest (confirmation, journal, retries, recovery, tools).
Nothing here acts.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from pydantic import BaseModel
from typing_extensions import TypeVar

from riel.errors import ErrorCode
from riel.rail.client import Client, Order, WebhookResult
from riel.rail.guarantees import Capabilities, Guarantees
from riel.rail.models import Lookup, Payment, Receipt, Refund, WireModel
from riel.rail.sandbox import Sandbox
from riel.rail.settings import RailSettings

if TYPE_CHECKING:
    import httpx

SettingsT = TypeVar("SettingsT", bound=RailSettings, default=Any)
ClientT = TypeVar("ClientT", bound=Client, default=Any)
InputT = TypeVar("InputT", bound=WireModel, default=Any)


@dataclass(frozen=True, slots=True, kw_only=True)
class CliTable:
    """A table that a rail shows on the command line, as ``riel <rail> <name>``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[ClientT, InputT]):
    """A tool of the rail's own. It does exactly one of ``run``, ``build_payment`` and ``build_notification``.

    :param scope: the scope that a session needs; empty if it needs none, or if ``scope_of`` computes it from the
        checked arguments.
    :param run: asks the provider, or creates something there that moves no money: ``run(client, arguments)``. Repeated
        with the same arguments it creates nothing more. It raises :class:`Rejected` if the provider refuses.
    :param build_payment: builds the payment that a person is then asked to confirm: ``build_payment(client,
        arguments)``; ``None`` if there never was anything to pay. The tool answers as ``{rail}_send_payment`` does. The
        second call, with the code, builds the payment again and must get the same one, even if it was made meanwhile.
    :param build_notification: builds a message for the operator, which waits in the outbox.
    :param read_only: whether ``run`` changes nothing at the provider.
    """

    name: str
    title: str
    description: str
    scope: str
    input: type[InputT]
    output: type[BaseModel] | None = None
    run: Callable[[ClientT, InputT], Awaitable[BaseModel]] | None = None
    build_payment: Callable[[ClientT, InputT], Awaitable[Payment | None]] | None = None
    build_notification: Callable[[InputT], Mapping[str, Any]] | None = None
    scope_of: Callable[[InputT], str] | None = None
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail(Generic[SettingsT, ClientT]):
    """A payment rail, whole. ``Rail[ZapSettings, ZapClient](...)`` lets a type checker compare all its parts.

    :param name: one word in lower case: the entry point, the prefix of the tools, ``RIEL_<NAME>_*``.
    :param currency: ISO 4217; several if the payment has a field ``currency``.
    :param connect: opens a client: ``connect(settings, http)``. ``http`` is the core's ``httpx.AsyncClient`` for this
        rail: its paths are relative to ``base_url``, it follows no redirects, and it counts what reaches the wire, by
        which :func:`riel.paying` knows what was never sent. A rail of another protocol ignores it. The client has the
        optional methods that ``capabilities`` declare (:class:`StatementClient`, :class:`ReturnClient`).
    :param errors: the rail's own codes and what they mean to an agent.
    :param guarantees: one value, or a function of the settings if they decide.
    :param docs: a folder of markdown in the package, as an absolute path (``str(Path(__file__).with_name("docs"))``):
        an agent can search it.
    :param docs_server: the URL of the provider's own documentation over MCP, or ``None`` if there is none under these
        settings. It is asked first; if it does not answer, ``docs`` are searched.
    :param sandbox: makes the pretend bank from the settings that are known.
    :param manual_refund: for a rail that cannot refund: what a person needs to ask for the money, in names and words.
    :param parse_account: returns a payee's account, as a person wrote it, in the form that ``Payment.payee()`` has, or
        raises ``ValueError``. The operator's lists of payees are read with it, so that no hyphen lets a payee pass.
    :param parse_webhook: reads a provider's message to us: ``parse_webhook(settings, headers, body)``.
    :param tables: what ``riel <rail> <name>`` shows, each made from the settings that are known.
    """

    name: str
    title: str
    currency: str | tuple[str, ...]
    payment: type[Payment]
    lookup: type[Lookup]
    refund: type[Refund]
    receipt: type[Receipt]
    connect: "Callable[[SettingsT, httpx.AsyncClient], AbstractAsyncContextManager[ClientT]]"
    settings: type[SettingsT]
    errors: Mapping[str, ErrorCode]
    capabilities: Capabilities
    guarantees: Guarantees | Callable[[SettingsT], Guarantees]
    tools: tuple[Tool[ClientT, Any], ...] = ()
    docs: str = ""
    docs_server: Callable[[SettingsT], str | None] | None = None
    sandbox: Callable[[Mapping[str, str]], Sandbox] | None = None
    manual_refund: Callable[[Order], Mapping[str, str]] | None = None
    parse_account: Callable[[str], str] | None = None
    parse_webhook: Callable[[SettingsT, Mapping[str, str], bytes], WebhookResult] | None = None
    tables: Mapping[str, Callable[[Mapping[str, str]], CliTable]] = field(default_factory=dict)

    tool_suffixes: ClassVar[tuple[str, str, str]] = ("send_payment", "check_status", "request_refund")
    search_tool: ClassVar[str] = "search_docs"

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that the rail moves."""
        return (self.currency,) if isinstance(self.currency, str) else self.currency

    @property
    def reference_field(self) -> str:
        """The name of the reference field, in Python: the only field of ``lookup``."""
        return _only_field(self.lookup)


@cache
def _only_field(lookup: type[Lookup]) -> str:
    (name,) = lookup.model_fields
    return name
