"""An engine at work in this process: the real rail, its real client and its pretend bank; only time is a test's."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx

import rail_mock
from rail_mock.models import MockPayment
from rail_mock.sandbox.app import mock_sandbox
from rail_mock.settings import BankBehaviour, MockSettings, guarantees
from riel import Money, Payee
from riel.catalog import ActiveRail
from riel.confirm import ConfirmationRequest, Proof, Terms, code_for
from riel.errors import JournalUnavailable
from riel.journal import Challenge, PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.payments import Backoff, Clients, Context, PaymentEngine, PaymentRequest, Timing
from riel.payments.context import confirmation_request
from riel.testing.crash_points import with_crash_points

from .processes import PATIENCE

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


class Person:
    """A factor whose code the test can compute."""

    name: ClassVar[str] = "person"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    async def ask(self, request: ConfirmationRequest) -> str:
        return "The person was asked."

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        return Proof() if self.is_replay(request, code, Proof()) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        return code == code_for(bytes(32), request)


@dataclass
class World:
    """A bank with its ledger, and what time it is there and here: a clock that is set does not move the bank's."""

    behaviour: BankBehaviour = field(default_factory=lambda: BankBehaviour(absence_seconds=1, watch_seconds=60))
    now: datetime = NOON
    set_by: timedelta = timedelta(0)
    asked: list[str] = field(default_factory=list)
    meets: Callable[[str], None] = lambda request: None

    def __post_init__(self) -> None:
        self.sandbox = mock_sandbox(self.behaviour, clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.later(seconds=seconds)

    def later(self, **time: float) -> None:
        """Let time pass, for everybody."""
        self.now += timedelta(**time)

    def clock(self) -> datetime:
        """What our own clock shows."""
        return self.now + self.set_by

    @property
    def debits(self) -> list[str]:
        """The reference of each debit."""
        return [debit.reference for debit in self.sandbox.debits()]

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The bank, as it is called."""
        request = f"{scope['method']} {scope['path']}"
        self.asked.append(request)
        self.meets(request)
        await self.sandbox.app(scope, receive, send)


@dataclass
class Office:
    """One engine, and how a test deals with it."""

    world: World
    engine: PaymentEngine
    journal: SqliteJournal
    rail: ActiveRail

    def request(self, amount: int = 50_000, account: str = "0123456789") -> PaymentRequest:
        """A payment as an agent wants it."""
        model = MockPayment(account=account, amount=amount, concept="Invoice 42", recipient_name="Empresa Demo")
        terms = Terms(
            kind="payment",
            rail="mock",
            mode="sandbox",
            principal="ana",
            payer=self.rail.payer,
            payee=Payee(account, "Empresa Demo"),
            money=Money(amount, "MXN"),
            arguments={"account": account, "amount": amount},
        )
        return PaymentRequest(terms=terms, rail=self.rail, model=model)

    async def asked(self, call: PaymentRequest) -> tuple[Challenge, str]:
        """The question, and the code that answers it."""
        challenge, _ = await self.engine.ask(call)
        return challenge, self.code(challenge)

    def code(self, challenge: Challenge) -> str:
        """What the person reads."""
        return code_for(bytes(32), confirmation_request(challenge))

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(PATIENCE):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set, and nobody tells when it is empty
                await asyncio.sleep(0.001)

    async def until_over(self, *, rounds: int = 200, passes: float = 5) -> list[PaymentRecord]:
        """Let time pass and look after what is unresolved, until nothing is; every payment as it then stands."""
        await self.quiet()
        for _ in range(rounds):
            with suppress(JournalUnavailable):
                found = list(await self.journal.payments(most=10_000))
                if all(one.state not in {State.SENDING, State.UNKNOWN, State.PENDING} for one in found):
                    return found
            self.world.later(seconds=passes)
            with suppress(JournalUnavailable):
                await self.engine.run_once()
            await self.quiet()
        raise AssertionError(f"left in the air: {Counter(one.state for one in found)}")


@asynccontextmanager
async def at_work(
    world: World, journal: SqliteJournal | Path, *, url: str = "", pace: Timing | None = None
) -> AsyncIterator[Office]:
    """An engine on that journal, whose rounds are made by hand; its bank is called directly, or at ``url``."""
    (rail,) = rail_mock.riel_rails()
    transport = None if url else httpx.ASGITransport(world.app)
    rules = guarantees(world.behaviour)
    active = ActiveRail(
        declaration=replace(rail, connect=lambda settings: rail_mock.connect(settings, transport)),
        distribution="rail-mock",
        version="1",
        entry_point="mock",
        settings=MockSettings(base_url=url or "http://127.0.0.1:9", **world.behaviour.model_dump()),
        mode="sandbox",
        guarantees=rules,
    )
    store = SqliteJournal.open(str(journal)) if isinstance(journal, Path) else journal
    context = Context(
        journal=store,
        rails={"mock": active},
        clients=Clients({"mock": active}),
        factor=Person(),
        timing=pace
        or Timing(answer_within=50 * MOMENT, poll_interval=MOMENT, backoff=Backoff(first=timedelta(seconds=1))),
        now=world.clock,
    )
    office = Office(world, PaymentEngine(with_crash_points(context)), store, active)
    try:
        yield office
    finally:
        await office.engine.close(timedelta(seconds=PATIENCE))
