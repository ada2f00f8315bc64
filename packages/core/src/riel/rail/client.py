"""The client of a rail, and the values that it gets and returns. It sends and looks up; the core does the rest."""

import hmac
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from riel.money import Money
from riel.rail.models import Kind, Payee, Payment, Refund

REFERENCE_ALPHABET = string.digits + string.ascii_uppercase


class Status(StrEnum):
    """The status of a payment at the rail."""

    PENDING = "pending"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of the rail about one payment or refund.

    ``amount`` (minor units), ``currency`` and ``account`` are those that the rail echoed, if it did: if they differ
    from the order, the core hands the payment to an operator. ``provider_code`` is the provider's code of a rejection
    or a return, ``provider_message`` its own words. ``settled_at`` needs a time zone. ``facts`` are strings for the
    receipt, under the receipt's field names on the wire; an empty one takes back what an earlier answer told.
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
    """What a reference is made of, so that the same confirmation always makes the same one.

    A journal that was restored from an older copy may take a code again: the provider then gets the same reference, and
    sees the copy. So a reference is made of ``random`` and ``created_at``, and never of ``now``.

    :param now: the time (UTC), for the windows of :class:`Prepared`: ``prepare`` needs no clock of its own.
    :param created_at: when the person was asked (UTC): the date in a reference is that of this time.
    :param secret: 32 bytes that only this confirmation has, from the server's key.
    """

    now: datetime
    created_at: datetime
    secret: bytes = field(repr=False)

    def random(self, length: int, alphabet: str = REFERENCE_ALPHABET, *, ordinal: int = 0) -> str:
        """Return ``length`` unguessable characters of ``alphabet``; see :meth:`below`."""
        number, base = self.below(len(alphabet) ** length, ordinal=ordinal), len(alphabet)
        return "".join(alphabet[number // base**place % base] for place in range(length))

    def below(self, limit: int, *, ordinal: int = 0) -> int:
        """Return an unguessable number from zero to ``limit - 1``.

        :param ordinal: tells the purposes of one order apart: the reference is 0, another number of the order is 1.
        """
        size = limit.bit_length() // 8 + 17  # 16 bytes more than the number has, so that each is equally likely
        blocks = (
            hmac.digest(self.secret, ordinal.to_bytes(4) + block.to_bytes(4), "sha256")
            for block in range(-(-size // 32))
        )
        return int.from_bytes(b"".join(blocks)) % limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payment or refund as the journal holds it, in the exact bytes that the rail gets.

    ``body`` and ``facts`` come from ``prepare``; a repeated send carries the same ``reference`` and the same ``body``.
    For a refund, ``original`` is the payment that is refunded, with its ``provider_id`` if the rail gave one.
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
    """The checked arguments of an order that has no reference yet."""

    kind: Kind
    money: Money
    payment: Payment | None = None
    refund: Refund | None = None
    original: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The result of ``prepare``: the reference that the rail will see, and the bytes that will carry the order.

    ``resend_until`` and ``absent_after`` narrow the rail's guarantees for this one order, if they depend on it (as on
    SPEI's operating date). They need a time zone. Without them the windows of :class:`Guarantees` count from the first
    send.
    """

    reference: str
    body: bytes = b""
    facts: Mapping[str, str] = field(default_factory=dict)
    resend_until: datetime | None = None
    absent_after: datetime | None = None


class Client(Protocol):
    """A rail's own code that talks to its provider. It never retries: the core does, if that is safe.

    Any exception that is not named here is a bug of the rail: it is logged with its place in the rail's own package.
    """

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """Make the reference and the bytes. It does no I/O; the core stores the result before it sends.

        :raises NothingSent: the order cannot be made.
        """

    async def send(self, order: Order) -> Answer:
        """Ask the rail to pay.

        :raises Rejected: the rail refused, with the provider's code.
        :raises NotSent, OutcomeUnknown: as ``riel.paying`` raises them. After any other exception the outcome counts as
            unknown.
        """

    async def refund(self, order: Order) -> Answer:
        """Ask the rail to refund; raises as ``send`` does."""

    async def status(self, order: Order) -> Answer | None:
        """Return what the rail knows of this order (of either kind); ``None`` if it knows none of that reference.

        :raises NothingLearned: as ``riel.reading`` raises it. After any other exception nothing is learned either.
        """


class ReturnClient(Protocol):
    """What the client of a rail has besides, if its capabilities declare ``returns``."""

    async def build_return(self, refund: Refund) -> Payment | None:
        """Build the payment that returns a received one; ``None`` if the rail received no such payment.

        :raises Rejected: the provider refused, with the provider's code.
        :raises NothingSent: the payment cannot be returned.
        :raises NothingLearned: as ``riel.reading`` raises it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResult:
    """What a provider's webhook is about: the references of payments, and the HTTP answer that the provider expects.

    The message is a hint and no evidence: the rail is asked about each of ``references``.
    """

    references: tuple[str, ...] = ()
    status: int = 200
    body: bytes = b"{}"
