"""What a rail is: one typed, frozen value that declares how money travels and what the rail guarantees.

A rail author writes a :class:`Rail`; the core does the rest (confirmation, journal, retries, recovery, tools).
Nothing here acts.
"""

import hashlib
import secrets
import string
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, SettingsConfigDict

from riel.guarantees import Capabilities, Guarantees
from riel.money import MinorUnits, Money
from riel.text import Line

Mode: TypeAlias = Literal["live", "test", "sandbox"]
"""Where the money is: real, the provider's test system, or a pretend bank on this machine."""

Kind: TypeAlias = Literal["payment", "refund", "request"]
"""What an order does with money: send it, or give back what was sent; a ``request`` moves none, and a person confirms
it all the same (to take back a refund that has not been paid yet)."""

REFERENCE_ALPHABET = string.digits + string.ascii_uppercase


class Wire(BaseModel):
    """What goes over the wire: camelCase, strict types, no unknown fields, and never an echo of a refused value."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid: the account as the rail writes it, and what a person would recognise."""

    account: str
    name: str = ""
    institution: str = ""


class Payment(Wire):
    """The arguments of ``{rail}_send_payment``. A rail adds its own fields and says who is paid.

    A rail of several currencies declares a field ``currency``. Validators that depend on the rail's settings find them
    as the context of the validation (``info.context``), which is ``None`` where there are none.
    """

    amount: MinorUnits

    kind: ClassVar[Literal["payment", "request"]] = "payment"
    """``request`` where nothing is paid: ``amount`` and ``payee()`` say what it is about, and no limit counts it."""

    def payee(self) -> Payee:
        """Who is paid, for the confirmation, the limits and the journal."""
        raise NotImplementedError(f"{type(self).__name__} does not say who is paid: define payee()")

    def purpose(self) -> str:
        """What it is for, as the person who confirms should read it. Empty where the rail carries no such text."""
        return ""


class Lookup(Wire):
    """The arguments of ``{rail}_check_status``: exactly one field, the reference under the rail's own name for it."""


class Refund(Wire):
    """The arguments of ``{rail}_request_refund``: the rail's reference field, and perhaps ``amount`` for a part."""

    reason: Line


class Receipt(Wire):
    """What the agent reads under ``data``. A rail adds its reference field and whatever its ``facts`` bring.

    Every field but ``status`` may be missing; unknown facts are dropped, never guessed.
    """

    model_config = ConfigDict(extra="ignore", strict=False)

    status: str
    amount: int | None = Field(default=None, description="In minor units: 50000 is 500.00.")
    currency: str | None = Field(default=None, description="ISO 4217.")
    settled_at: str | None = Field(default=None, description="When the money moved (ISO 8601, UTC).")


class Status(StrEnum):
    """What a rail says of a payment."""

    PENDING = "pending"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the rail said about one payment or refund.

    ``amount`` (minor units), ``currency`` and ``account`` are what the rail echoed, if it did: where they differ from
    what was asked, the core hands the payment to an operator. ``code`` is the rail's own code of a rejection or a
    return, ``said`` its own words. ``facts`` are strings for the receipt, under the receipt's field names on the wire.
    """

    status: Status
    rail_id: str = ""
    amount: int | None = None
    currency: str | None = None
    account: str | None = None
    settled_at: datetime | None = None
    code: str = ""
    said: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mint:
    """Where a reference comes from: the time (UTC) and randomness, so that ``prepare`` needs no clock of its own."""

    now: datetime
    below: Callable[[int], int] = secrets.randbelow

    def text(self, length: int, alphabet: str = REFERENCE_ALPHABET) -> str:
        """``length`` characters of ``alphabet``, unguessable."""
        number, base = self.below(len(alphabet) ** length), len(alphabet)
        return "".join(alphabet[number // base**place % base] for place in range(length))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payment or refund as the journal holds it: what the rail is asked to do, in the exact bytes.

    ``body`` and ``facts`` are what ``prepare`` made; a repeated send carries the same ``reference`` and the same
    ``body``. For a refund ``original`` is the payment that is paid back, ``rail_id`` included where the rail gave one.
    """

    kind: Kind
    id: str
    reference: str
    money: Money
    payee: Payee
    body: bytes
    created_at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    rail_id: str = ""
    original: "Order | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is about to become an order: the arguments, checked and confirmed, before a reference exists."""

    kind: Kind
    money: Money
    payment: Payment | None = None
    refund: Refund | None = None
    original: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What ``prepare`` makes: the reference the rail will see, and the bytes that will carry the order.

    ``resend_until`` and ``absent_after`` narrow the rail's guarantees for this one order, where they depend on it
    (SPEI's operating date); otherwise the windows of :class:`Guarantees` count from the first send.
    """

    reference: str
    body: bytes = b""
    facts: Mapping[str, str] = field(default_factory=dict)
    resend_until: datetime | None = None
    absent_after: datetime | None = None


class Client(Protocol):
    """A rail's own code for talking to its provider. It never retries: the core does, where that is safe."""

    def prepare(self, draft: Draft, mint: Mint) -> Prepared:
        """Make the reference and the bytes. Pure: it does no I/O, and the core stores the result before it sends."""

    async def send(self, order: Order) -> Answer:
        """Ask the rail to pay.

        :raises Rejected: the rail said no, with its own code.
        :raises NotSent, OutcomeUnknown: as ``riel.paying`` raises them; anything else counts as an unknown outcome.
        """

    async def refund(self, order: Order) -> Answer:
        """Ask the rail to pay back; raises as ``send`` does."""

    async def status(self, order: Order) -> Answer | None:
        """What the rail knows of this order (of either kind), or ``None`` where it knows none of that reference.

        :raises NothingLearned: as ``riel.reading`` raises it; anything else counts the same.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One code of the rail, said for an agent: our stable code, what it means, what helps, whether a retry may."""

    code: str
    meaning: str
    remedy: str
    retryable: bool = False


class RailSettings(BaseSettings):
    """A rail's settings: ``RIEL_<RAIL>_<NAME>`` in the environment, or ``[rail.<rail>]`` in ``riel.toml``.

    ``base_url`` exists on every rail; on a loopback address it means a pretend bank there, in mode ``sandbox``.
    """

    model_config = SettingsConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    base_url: str

    @property
    def mode(self) -> Mode:
        """``live`` or ``test``, where the provider is real; a rail tells it from its credentials.

        One that does not tell counts as live, which needs ``RIEL_LIVE=yes``: real money is never called a test.
        """
        return "live"

    @property
    def own_prefix(self) -> str | None:
        """What the names of the rail's own tools begin with; ``None`` is the rail's name, as in ``zap_list_banks``."""
        return None

    @property
    def payer(self) -> str:
        """Whose money leaves: the provider and the account there, by a name that stays when a key is rotated.

        A payment is looked up and sent again only by a server with the same payer: another account knows nothing of
        it, and would book it once more. Unless a rail says better, it is the provider's address.
        """
        return hashlib.sha256(self.base_url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """One line of a pretend bank's ledger: money that left the payer's account."""

    reference: str
    amount: int
    currency: str
    beneficiary: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A pretend bank: an ASGI app written from the provider's documentation, its ledger, and what a client needs.

    ``settings`` are given to the rail's client where the operator set none. ``moves_money`` tells the requests that
    faults are aimed at: by default every ``POST``.
    """

    app: Callable[..., Awaitable[None]]
    debits: Callable[[], Iterable[Debit]]
    settings: Mapping[str, str] = field(default_factory=dict)
    moves_money: Callable[[str, str], bool] = lambda method, path: method == "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a provider's own message to us came to: whose payments there is news of, and the answer it expects.

    The message is a hint and no evidence: whatever it says, the rail is asked about each of ``references``.
    """

    references: tuple[str, ...] = ()
    status: int = 200
    body: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
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
    :param tells: makes the message that is kept in the journal, and delivered to whoever receives notices.
    :param read_only: whether ``run`` changes nothing at the provider.
    """

    name: str
    title: str
    description: str
    scope: str
    input: type[Wire]
    output: type[BaseModel] | None = None
    run: Callable[[Any, Any], Awaitable[BaseModel]] | None = None
    pays: Callable[[Any, Any], Awaitable[Payment | None]] | None = None
    tells: Callable[[Any], Mapping[str, Any]] | None = None
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
    by_hand: Callable[[Order], Mapping[str, str]] | None = None
    hear: Callable[[Any, Mapping[str, str], bytes], Heard] | None = None
    tables: Mapping[str, Callable[[Mapping[str, str]], Table]] = field(default_factory=dict)

    verbs: ClassVar[tuple[str, str, str]] = ("send_payment", "check_status", "request_refund")
    searching: ClassVar[str] = "search_docs"

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


def utc_now() -> datetime:
    """The time in UTC, in whole milliseconds as the journal keeps it: the default for every clock."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
