"""What every step of a payment works with: the journal, the rails, the factor, the guards, the clock."""

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from riel.catalog import ActiveRail
from riel.clock import utc_now
from riel.confirm import ConfirmationRequest, Factor, Language, Terms, approver_text, digest
from riel.errors import NotAllowed
from riel.guards import Guard, QuotaGuard, Reservation
from riel.journal import AttemptLimits, Challenge, Change, Journal, PaymentRecord
from riel.journal.newest_payment import PaymentKeeper
from riel.money import mask_account
from riel.payments.attempt_limiter import AttemptLimiter
from riel.payments.clients import Clients
from riel.payments.gaps import GapReader
from riel.payments.recent_terms import RecentTerms
from riel.payments.rules import MAX_FACT, Backoff
from riel.rail import ReferenceSource, WireModel
from riel.secrets import ServerKeys
from riel.text import MAX_TEXT, clean_text, hidden, replace_number
from riel.time_limit import TimeLimitExceeded, time_limit

log = logging.getLogger(__name__)


class OtherPayer(Exception):
    """A payment was about to be sent or looked up with another account than the one that pays it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Every duration and count that the life of a payment depends on.

    ``answer_within``: a call is answered by then, whatever the rail does; agent frameworks give up after 5 seconds and
    call again. ``duplicate_window``: how long one of the same amount to the same account is called the second one.
    ``decline_ttl``: how long a "no" of the person stands. ``resend_within``: how long after its confirmation an order
    may be sent once more.
    ``guard_limit``: how long a guard may take, in which nothing else happens. ``recovery_interval``: the pause between
    two runs of recovery; ``None`` is ``poll_interval``.
    ``max_open_challenges``: how many payments and refunds of one principal may wait for a person at a time;
    ``None``: any number.
    ``payer_check_interval``: how often open payments of other payers are reported to the operator.
    """

    answer_within: timedelta = timedelta(seconds=4)
    code_ttl: timedelta = timedelta(minutes=10)
    resend_challenge_after: timedelta = timedelta(seconds=30)
    duplicate_window: timedelta = timedelta(hours=24)
    decline_ttl: timedelta = timedelta(hours=24)
    resend_within: timedelta = timedelta(hours=24)
    poll_interval: timedelta = timedelta(seconds=1)
    recovery_interval: timedelta | None = None
    guard_limit: timedelta = timedelta(seconds=2)
    anchor_interval: timedelta = timedelta(minutes=5)
    payer_check_interval: timedelta = timedelta(hours=1)
    max_open_challenges: int | None = None
    attempt_limits: AttemptLimits = field(default_factory=AttemptLimits)
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, kw_only=True)
class PaymentRequest:
    """What an agent asks for, checked: the terms that a confirmation is bound to, and what the rail needs besides.

    ``purpose`` and ``details`` are shown to the person besides the terms. ``by_others``: the payee and the purpose come
    from the provider and not from the agent.
    """

    terms: Terms
    rail: ActiveRail
    model: WireModel
    purpose: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    by_others: bool = False
    original: PaymentRecord | None = None

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of the terms: 32 bytes."""
        return digest(self.terms)


@dataclass(frozen=True, slots=True)
class Silence:
    """How many look-ups of a payment in a row brought no answer to this process, and why the last one did not."""

    why: str
    lookups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of the engine.

    ``busy`` holds the ids of the payments that this process is working on, ``unanswered`` the look-ups of a
    payment that brought no answer, by its id. A process that may not ``send`` looks payments up, and leaves their
    orders to another one.
    """

    journal: Journal
    rails: Mapping[str, ActiveRail]
    clients: Clients
    factor: Factor
    keys: ServerKeys
    guards: Sequence[Guard] = ()
    timing: Timing = field(default_factory=Timing)
    now: Callable[[], datetime] = utc_now
    below: Callable[[int], int] = secrets.randbelow
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    language: Language = "en"
    clean: Callable[[str], str] = str
    may_send: bool = True
    busy: set[str] = field(default_factory=set)
    unanswered: dict[str, Silence] = field(default_factory=dict)
    newest_payment: PaymentKeeper | None = None
    attempt_limiter: AttemptLimiter = field(default_factory=AttemptLimiter)
    gaps: GapReader = field(default_factory=GapReader)
    recent_terms: RecentTerms = field(default_factory=RecentTerms)

    def new_id(self) -> str:
        """Return an unguessable id. It begins with the time, which keeps new rows together in the journal's indexes."""
        return f"pay_{int(self.now().timestamp() * 1000):012x}{self.random_bytes(10).hex()}"

    def references(self, challenge: Challenge) -> ReferenceSource | None:
        """Return what the reference of this challenge's payment is made of; ``None`` without the key of the challenge.

        Nothing in it changes with another attempt, another server or an older copy of the journal.
        """
        key = self.keys.of(challenge.key_id)
        if key is None:
            return None
        secret = hmac.digest(key.derived("references"), challenge.id.encode(), "sha256")
        return ReferenceSource(self.now(), challenge.created_at, secret)

    def can_ask(self, record: PaymentRecord) -> bool:
        """Return whether its rail is active here, in its mode and with its payer: another account knows nothing."""
        rail = self.rails.get(record.rail)
        return rail is not None and (rail.mode, rail.payer) == (record.mode, record.payer)

    def check_payer(self, record: PaymentRecord) -> None:
        """Refuse to send or look up a payment of another payer, whoever claimed it.

        :raises OtherPayer: its rail, mode or payer is not the one that is set up here.
        """
        if not self.can_ask(record):
            raise OtherPayer(f"payment {record.id} belongs to a payer that is not set up here")

    def sanitized(self, record: PaymentRecord, change: Change) -> Change:
        """Return ``change`` without a secret or a whole account number in what the rail or its provider wrote.

        The provider's id is never altered, since the payment is looked up by it: it is stored whole, or not at all.
        """
        return replace(
            change,
            why=self.sanitize(change.why, record),
            code=self.sanitize(change.code, record),
            provider_message=self.sanitize(change.provider_message, record),
            provider_id=change.provider_id if self._is_an_id(change.provider_id) else "",
            facts={clean_text(name): self.sanitize(value, record, MAX_FACT) for name, value in change.facts.items()},
        )

    def _is_an_id(self, text: str) -> bool:
        """Return whether it is short, on one line and visible, and holds no secret."""
        return len(text) <= MAX_TEXT and not any(map(hidden, text)) and self.clean(text) == text

    def sanitize(self, text: str, record: PaymentRecord, most: int = MAX_TEXT) -> str:
        """Return ``text`` about ``record`` without a secret and without its whole account number."""
        account = record.payee.account
        return clean_text(replace_number(self.clean(text), account, mask_account(account)), most)

    def guard(self, terms: Terms) -> None:
        """Ask every guard.

        :raises NotAllowed: one of them refused, or did not answer in time.
        """
        for guard in self.guards:
            try:
                with time_limit(self.timing.guard_limit):
                    guard.check(terms, self.now())
            except TimeLimitExceeded as late:
                name = type(guard).__name__
                log.error("the guard %s (%s) took too long, and refused by that", name, type(guard).__module__)  # noqa: TRY400
                raise NotAllowed(reason=f"{name} did not answer in time") from late

    def reservations(self, terms: Terms) -> list[Reservation]:
        """Return what these terms take of the limits that many payments share."""
        quotas = [guard for guard in self.guards if isinstance(guard, QuotaGuard)]
        return [reservation for guard in quotas for reservation in guard.reservations(terms, self.now())]


def confirmation_request(challenge: Challenge) -> ConfirmationRequest:
    """Return the challenge as a factor sees it: its text for the approver has the whole account."""
    return ConfirmationRequest(
        payment_id=challenge.id,
        principal=challenge.principal,
        mode=challenge.mode,
        text=approver_text(challenge.text, challenge.payee.account),
        digest=challenge.digest,
        nonce=challenge.nonce,
        created_at=challenge.created_at,
        expires_at=challenge.expires_at,
    )


async def original_of(context: Context, record: PaymentRecord) -> PaymentRecord | None:
    """Return the payment that a refund pays back; ``None`` for a payment."""
    if record.refund_of is None:
        return None
    return await context.journal.payment(record.refund_of)
