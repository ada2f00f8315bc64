"""What the promises start from: a store, two handles to it, and the shortest way to each state of a payment."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

import pytest

from riel.confirm import PriorPayment
from riel.guards import Reservation
from riel.journal import (
    Attempt,
    AttemptLimits,
    Challenge,
    ChallengeState,
    Change,
    ConfirmFailure,
    Frozen,
    Intent,
    Journal,
    LimitReached,
    OpenedChallenge,
    PaymentRecord,
    State,
    TooManyOpen,
)
from riel.money import Money
from riel.rail import Payee

NOW = datetime(2026, 3, 2, 12, 0, 0, 123_000, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MEXICO = timezone(timedelta(hours=-6))
LIMITS = AttemptLimits()
ACCOUNT = "012180001234567895"
PAYEE = Payee(ACCOUNT, "Peñón & Hijos S.A.", "Banco de Ñuñoa")
S = State


class Store(Protocol):
    """How the suite reaches the store it is about."""

    async def open(self) -> Journal:
        """A handle to the same record, as a process of its own would have it."""

    def tamper(self, *statements: str) -> None:
        """Run SQL behind the journal's back, with its triggers and foreign keys out of the way."""


def new_challenge(name: str = "a", **changes: Any) -> Challenge:
    """A question to a person; another ``name`` is another payment."""
    asked = Challenge(
        id=f"pay_{name}",
        principal="ana",
        rail="mock",
        mode="sandbox",
        kind="payment",
        digest=name.encode().ljust(32, b"\x00"),
        nonce=bytes(range(16)),
        factor="file",
        key_id="key",
        text="",
        money=Money(50_000, "MXN"),
        payee=PAYEE,
        created_at=NOW,
        expires_at=NOW + 10 * MINUTE,
    )
    return replace(asked, **changes)


def new_intent(reference: str = "REF-a", **changes: Any) -> Intent:
    """What is written before the first byte leaves."""
    intent = Intent(
        reference=reference,
        body=bytes(range(256)),
        facts={"operatingDate": "2026-03-02"},
        arguments={"account": ACCOUNT, "concept": "niño 👶"},
        resend_until=NOW + HOUR,
        absent_after=NOW + DAY,
        payer="the account that pays",
    )
    return replace(intent, **changes)


def challenge_text(earlier: PriorPayment | None) -> str:
    """Words that say what they were told."""
    return "Pay?" if earlier is None else f"Payment number {earlier.count + 1}, after {earlier.reference}?"


async def open_challenge(
    journal: Journal, challenge: Challenge, *, alone: bool = False, holds: Sequence[Reservation] = ()
) -> OpenedChallenge:
    """Ask."""
    found = await try_to_open(journal, challenge, alone=alone, holds=holds)
    assert isinstance(found, OpenedChallenge)
    return found


async def try_to_open(
    journal: Journal,
    challenge: Challenge,
    *,
    alone: bool = False,
    holds: Sequence[Reservation] = (),
    max_open: int | None = None,
) -> OpenedChallenge | LimitReached | TooManyOpen | Frozen:
    """Ask, where a limit or a freeze may refuse it."""
    return await journal.open_challenge(
        challenge,
        challenge_text,
        duplicate_window=10 * MINUTE,
        decline_ttl=DAY,
        close_others=alone,
        reservations=holds,
        max_open=max_open,
    )


async def count_attempt(
    journal: Journal, challenge: Challenge, at: datetime = NOW, tally: AttemptLimits = LIMITS
) -> Attempt:
    """Count a try that must be possible."""
    counted = await journal.count_attempt(challenge.id, challenge.principal, at, tally)
    assert isinstance(counted, Attempt)
    return counted


async def enter_wrong_code(
    journal: Journal, challenge: Challenge, at: datetime = NOW
) -> ChallengeState | ConfirmFailure:
    """Try a wrong code."""
    counted = await journal.count_attempt(challenge.id, challenge.principal, at, LIMITS)
    if not isinstance(counted, Attempt):
        return counted
    return await journal.record_wrong_code(counted, challenge.id, at, LIMITS)


async def create_payment(
    journal: Journal, name: str = "a", *, at: datetime = NOW, intent: Intent | None = None, **changes: Any
) -> PaymentRecord:
    """A payment from question to birth."""
    changes = {"created_at": at, "expires_at": at + 10 * MINUTE, **changes}
    asked = (await open_challenge(journal, new_challenge(name, **changes))).challenge
    counted = await count_attempt(journal, asked, at, AttemptLimits(per_window=1000))
    given = intent or new_intent(f"REF-{name}")
    record = await journal.create_payment(counted, asked.id, None, given, at)
    assert isinstance(record, PaymentRecord), record
    return record


async def move(journal: Journal, record: PaymentRecord, to: State, at: datetime = NOW, **changes: Any) -> PaymentRecord:
    """``record`` in another state, which life must allow."""
    change = Change(**{"to": to, "event": to.value, "fence": record.fence, **changes})
    after, done = await journal.record(record.id, change, at)
    assert done, f"{record.state} did not become {to}"
    return after


async def create_settled(journal: Journal, name: str = "a", amount: int = 50_000) -> PaymentRecord:
    """A payment that has settled."""
    return await move(journal, await create_payment(journal, name, money=Money(amount, "MXN")), S.SETTLED)


async def create_in_state(journal: Journal, state: State, name: str) -> PaymentRecord:
    """A payment in ``state``, at which this handle is at work."""
    record = await create_payment(journal, name)
    if state is S.SENDING:
        return record
    return await claim(journal, await move(journal, record, state, next_at=NOW))


async def claim(journal: Journal, record: PaymentRecord) -> PaymentRecord:
    """``record``, once this handle has taken it."""
    taken = await journal.claim_one(record.id, NOW, ())
    assert taken is not None, f"{record.state} cannot be taken"
    return taken


async def create_refund(
    journal: Journal, name: str, original: PaymentRecord, amount: int
) -> PaymentRecord | ConfirmFailure | LimitReached:
    """A refund, or why there is none."""
    asked = (await open_challenge(journal, new_challenge(name, kind="refund", money=Money(amount, "MXN")))).challenge
    counted = await count_attempt(journal, asked, tally=AttemptLimits(per_window=1000))
    intent = new_intent(f"REF-{name}", refund_of=original.id)
    return await journal.create_payment(counted, asked.id, None, intent, NOW)


async def event_names(journal: Journal, payment_id: str) -> list[str]:
    """The events of one payment by name."""
    return [event.event for event in await journal.events(payment_id)]


class TwoHandles:
    """Two handles to one record, and the runner that the promises need."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    async def journal(self, store: Store) -> AsyncIterator[Journal]:
        journal = await store.open()
        yield journal
        await journal.close()

    @pytest.fixture
    async def other(self, store: Store, journal: Journal) -> AsyncIterator[Journal]:
        other = await store.open()
        yield other
        await other.close()
