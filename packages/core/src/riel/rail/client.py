"""What a rail's client is handed and what it answers. It sends and looks up, once each; the core does the rest."""

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from riel.money import Money
from riel.rail.models import Kind, Payee, Payment, Refund

REFERENCE_ALPHABET = string.digits + string.ascii_uppercase


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
    provider_id: str = ""
    amount: int | None = None
    currency: str | None = None
    account: str | None = None
    settled_at: datetime | None = None
    provider_code: str = ""
    provider_message: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """Where a reference comes from: the time (UTC) and randomness, so that ``prepare`` needs no clock of its own."""

    now: datetime
    below: Callable[[int], int] = secrets.randbelow

    def random(self, length: int, alphabet: str = REFERENCE_ALPHABET) -> str:
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
    provider_id: str = ""
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

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
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
class WebhookResult:
    """What a provider's own message to us came to: whose payments there is news of, and the answer it expects.

    The message is a hint and no evidence: whatever it says, the rail is asked about each of ``references``.
    """

    references: tuple[str, ...] = ()
    status: int = 200
    body: bytes = b"{}"
