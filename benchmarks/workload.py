"""Payments through a journal, many sessions at a time: confirmed, made from their first call on, or only recorded.

Each session has a principal of its own and makes one payment after the other. The journal is closed at the end.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.instant_rail import ACTIVE_RAIL, KEY, InstantPayment, engine_at
from riel import Money
from riel.clock import utc_now
from riel.confirm import Terms, code_for
from riel.journal import Journal, PaymentRecord, State
from riel.payments import PaymentEngine, PaymentRequest
from riel.payments.context import confirmation_request
from riel.testing.journal_contract import challenge_text, count_attempt, move, new_challenge, new_intent

AGAIN = timedelta(minutes=10)
CLOSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Durations:
    """How many seconds the whole work took, and each payment of it."""

    seconds: float
    payments: list[float]

    @property
    def rate(self) -> float:
        """Payments a second."""
        return len(self.payments) / self.seconds


async def confirm_payments(journal: Journal, sessions: int, payments: int, principal: str) -> Durations:
    """Confirm payments whose challenges are open already: their first calls are not measured."""
    engine = engine_at(journal)
    await engine.context.clients.of(ACTIVE_RAIL.declaration.name)  # opening it is not measured
    challenged = [await _challenge(engine, n, f"{principal} {n % sessions}") for n in range(payments)]
    work = [iter(challenged[number::sessions]) for number in range(sessions)]

    async def confirm(session: int) -> bool:
        if (payment := next(work[session], None)) is None:
            return False
        await _confirm(engine, *payment)
        return True

    durations = await _timed(sessions, confirm)
    await engine.close(CLOSE)
    return durations


async def make_payments(journal: Journal, sessions: int, payments: int, principal: str) -> Durations:
    """Make whole payments, each from its first call to its settlement."""
    engine, numbers = engine_at(journal), iter(range(payments))
    await engine.context.clients.of(ACTIVE_RAIL.declaration.name)  # opening it is not measured

    async def make(session: int) -> bool:
        if (n := next(numbers, None)) is None:
            return False
        await _confirm(engine, *await _challenge(engine, n, f"{principal} {session}"))
        return True

    durations = await _timed(sessions, make)
    await engine.close(CLOSE)
    return durations


async def record_payments(journal: Journal, sessions: int, payments: int, principal: str) -> Durations:
    """Only record whole payments: the calls of the journal that a payment makes, and nothing else of it."""
    numbers = iter(range(payments))

    async def record(session: int) -> bool:
        if (n := next(numbers, None)) is None:
            return False
        await _record(journal, f"{principal} {session}", f"{principal} {n}")
        return True

    durations = await _timed(sessions, record)
    await journal.close()
    return durations


async def _timed(sessions: int, work: Callable[[int], Awaitable[bool]]) -> Durations:
    """Repeat ``work(session)`` in each session until it returns false."""
    durations: list[float] = []

    async def run(session: int) -> None:
        begun = time.perf_counter()
        while await work(session):
            ended = time.perf_counter()
            durations.append(ended - begun)
            begun = ended

    begun = time.perf_counter()
    await asyncio.gather(*(run(session) for session in range(sessions)))
    return Durations(time.perf_counter() - begun, durations)


async def _challenge(engine: PaymentEngine, n: int, principal: str) -> tuple[PaymentRequest, str]:
    """Open a challenge, and return the call that it is about and its code."""
    payment = InstantPayment(amount=1000 + n, account="1234567890")
    terms = Terms(
        kind="payment",
        rail=ACTIVE_RAIL.declaration.name,
        mode="sandbox",
        principal=principal,
        payer=ACTIVE_RAIL.payer,
        payee=payment.payee(),
        money=Money(payment.amount, "MXN"),
        arguments={"amount": payment.amount, "account": payment.account},
    )
    request = PaymentRequest(terms=terms, rail=ACTIVE_RAIL, model=payment)
    challenge, _ = await engine.ask(request)
    return request, code_for(KEY, confirmation_request(challenge))


async def _confirm(engine: PaymentEngine, request: PaymentRequest, code: str) -> None:
    record = await engine.confirm(request, code)
    assert record.state == "settled"


async def _record(journal: Journal, principal: str, name: str) -> None:
    at = utc_now()
    question = new_challenge(name, principal=principal, created_at=at, expires_at=at + timedelta(minutes=10))
    await journal.open_challenge(question, challenge_text, duplicate_window=AGAIN, decline_ttl=AGAIN)
    await journal.mark_delivered(question.id, at)
    (challenge,) = await journal.challenges(question.principal, question.digest)
    counted = await count_attempt(journal, challenge, at)
    record = await journal.create_payment(counted, challenge.id, None, new_intent(name), at)
    assert isinstance(record, PaymentRecord)
    await move(journal, record, State.SETTLED, at, settled_at=at)
