"""What every step in the life of a payment has at hand: the record, the rails, the factor, the guards, a clock."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from riel.catalog import Offered
from riel.clock import utc_now
from riel.confirm import Asked, Factor, Language, Terms, digest
from riel.crash import step
from riel.guards import Guard, Hold, Rationing
from riel.journal import Challenge, Change, Journal, PaymentRecord, Tally
from riel.money import masked
from riel.payments.attempt_limiter import Turnstile
from riel.payments.clients import Clients
from riel.payments.rules import MOST_FACT, Patience
from riel.rail import Wire
from riel.text import MOST_SAID, hiding, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Every duration and count that the life of a payment depends on.

    ``answer_within``: a call is answered by then, whatever the rail does; agent frameworks give up after 5 seconds and
    call again. ``again_within``: how long an identical payment is called the second one. ``no_stays``: how long a
    refusal by the person stands. ``resend_within``: how long after its confirmation an order may be sent once more.
    ``rounds_every``: the pause between two rounds over all that is due, ``look_every`` where it is ``None``.
    """

    answer_within: timedelta = timedelta(seconds=4)
    code_lives: timedelta = timedelta(minutes=10)
    ask_again_after: timedelta = timedelta(seconds=30)
    again_within: timedelta = timedelta(minutes=10)
    no_stays: timedelta = timedelta(hours=24)
    resend_within: timedelta = timedelta(hours=24)
    look_every: timedelta = timedelta(seconds=1)
    rounds_every: timedelta | None = None
    anchor_every: timedelta = timedelta(minutes=5)
    tally: Tally = field(default_factory=Tally)
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What an agent wants, checked: the terms that a confirmation is bound to, and what the rail needs besides."""

    terms: Terms
    offered: Offered
    model: Wire
    purpose: str = ""
    original: PaymentRecord | None = None

    @cached_property
    def digest(self) -> bytes:
        """The terms as 32 bytes."""
        return digest(self.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The teller's desk. ``busy`` holds the ids of the payments this process is at work on."""

    journal: Journal
    rails: Mapping[str, Offered]
    clients: Clients
    factor: Factor
    guards: Sequence[Guard] = ()
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = utc_now
    below: Callable[[int], int] = secrets.randbelow
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    language: Language = "en"
    clean: Callable[[str], str] = str
    busy: set[str] = field(default_factory=set)
    turnstile: Turnstile = field(default_factory=Turnstile)

    def new_id(self) -> str:
        """An id nobody can guess. It begins with the time, so that new rows stand together in the journal's indexes."""
        return f"pay_{int(self.now().timestamp() * 1000):012x}{self.random_bytes(10).hex()}"

    def can_ask(self, record: PaymentRecord) -> bool:
        """Whether its rail is here, where its money is and of its payer: another account knows nothing of it."""
        offered = self.rails.get(record.rail)
        return offered is not None and (offered.mode, offered.payer) == (record.mode, record.payer)

    def kept(self, record: PaymentRecord, change: Change) -> Change:
        """``change`` as it may be kept: what a rail or a bank wrote holds no secret and no whole account number."""
        return replace(
            change,
            why=self.plain(change.why, record),
            code=self.plain(change.code, record),
            said=self.plain(change.said, record),
            rail_id=self.plain(change.rail_id, record),
            facts={said(name): self.plain(value, record, MOST_FACT) for name, value in change.facts.items()},
        )

    def plain(self, text: str, record: PaymentRecord, most: int = MOST_SAID) -> str:
        """Somebody's words about ``record``, without a secret and without its whole account number."""
        account = record.payee.account
        return said(hiding(self.clean(text), account, masked(account)), most)

    def guard(self, terms: Terms) -> None:
        """Ask every guard.

        :raises NotAllowed: one of them refused.
        """
        for guard in self.guards:
            guard.check(terms, self.now())

    def holds(self, terms: Terms) -> list[Hold]:
        """What these terms take of the limits that many payments share."""
        rationing = [guard for guard in self.guards if isinstance(guard, Rationing)]
        return [hold for guard in rationing for hold in guard.holds(terms, self.now())]


def asked_of(challenge: Challenge) -> Asked:
    """The question as a factor sees it."""
    return Asked(
        payment_id=challenge.id,
        principal=challenge.principal,
        text=challenge.text,
        digest=challenge.digest,
        nonce=challenge.nonce,
        created_at=challenge.created_at,
        expires_at=challenge.expires_at,
    )


async def original_of(desk: Desk, record: PaymentRecord) -> PaymentRecord | None:
    """The payment that a refund pays back."""
    if record.refund_of is None:
        return None
    return await step("original", desk.journal.payment(record.refund_of))
