"""An engine with everything real but the rail, the person and the time, which do what the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from riel import Answer, Draft, Money, Order, OutcomeUnknown, Payee, Prepared, ReferenceSource, Status
from riel.catalog import ActiveRail
from riel.confirm import ConfirmationRequest, Proof, Terms, code_for
from riel.errors import NothingSent, RielError
from riel.guards import Guard
from riel.journal import Challenge, PaymentRecord, State
from riel.journal.sqlite import SqliteJournal
from riel.payments import Backoff, Clients, Context, PaymentEngine, PaymentRequest, Timing
from riel.secrets import ServerKey, ServerKeys
from riel.testing.crash_points import with_crash_points
from riel.testing.keys import ROW_MAC

from .bad_rails.toy import GUARANTEES, ToyPayment, ToyRefund, toy

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
PATIENCE = 120.0
SOON = timedelta(milliseconds=50)
"""For a call that is to be answered before its work is done. Without it a call waits as long as a test does."""

Does = Callable[[Order], Awaitable[Any]]


@dataclass
class Scripted:
    """A rail's client. ``sends``, ``refunds`` and ``finds`` say what it does; it remembers what it was asked."""

    sends: Does
    refunds: Does
    finds: Does
    prepares: Callable[[Draft, ReferenceSource], Prepared] | None = None
    sent: list[Order] = field(default_factory=list)
    refunded: list[Order] = field(default_factory=list)
    looked: list[Order] = field(default_factory=list)

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        if self.prepares is not None:
            return self.prepares(draft, references)
        reference = f"R{references.random(12)}"
        return Prepared(reference=reference, body=f"{reference} {draft.money}".encode())

    async def send(self, order: Order) -> Any:
        self.sent.append(order)
        return await self.sends(order)

    async def refund(self, order: Order) -> Any:
        self.refunded.append(order)
        return await self.refunds(order)

    async def status(self, order: Order) -> Any:
        self.looked.append(order)
        return await self.finds(order)


@dataclass
class PersonFactor:
    """A factor that delivers to the test. ``compared`` holds every code that was compared with the right one."""

    name: ClassVar[str] = "person"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    key: bytes = bytes(32)
    asked: list[ConfirmationRequest] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    listening: Callable[[], None] = lambda: None

    async def ask(self, request: ConfirmationRequest) -> str:
        self.asked.append(request)
        return "The person was asked."

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        self.listening()
        self.compared.append(code)
        return Proof() if self.is_replay(request, code, Proof()) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        return code == self._right(request)

    def code(self, challenge: Challenge) -> str:
        """What the person reads."""
        return next(self._right(asked) for asked in self.asked if asked.payment_id == challenge.id)

    def _right(self, asked: ConfirmationRequest) -> str:
        """Never below 001000, so that what a test calls a wrong code is one."""
        right = code_for(self.key, asked)
        return right if right >= "001000" else f"9{right[1:]}"


def answers(answer: Any) -> Does:
    """To answer, or to raise, always the same."""

    async def does(order: Order) -> Any:
        if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
            raise answer
        return answer

    return does


def first(*each: Any) -> Does:
    """To answer, or to raise, one after the other; the last one always."""
    left = list(each)

    async def does(order: Order) -> Any:
        return await answers(left.pop(0) if len(left) > 1 else left[0])(order)

    return does


SETTLED = Answer(status=Status.SETTLED)
SETTLES = answers(SETTLED)
WRONG = "000000"
LOST = OutcomeUnknown("no whole answer")


@dataclass
class EngineFixture:
    """One process at work on a journal."""

    engine: PaymentEngine
    journal: SqliteJournal
    client: Scripted
    person: PersonFactor
    rail: ActiveRail
    now: datetime = NOON

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def request(self, amount: int = 50_000, **other: Any) -> PaymentRequest:
        """A payment as an agent wants it; ``other`` changes its terms."""
        account = other.pop("account", "0123456789")
        terms = Terms(
            kind="payment",
            rail="toy",
            mode="sandbox",
            principal="ana",
            payer=self.rail.payer,
            payee=Payee(account, "Empresa Demo"),
            money=Money(amount, "MXN"),
            arguments={"account": account, "amount": amount},
        )
        payment = ToyPayment(account=account, amount=amount)
        return PaymentRequest(terms=replace(terms, **other), rail=self.rail, model=payment)

    def refund_request(self, original: PaymentRecord, amount: int) -> PaymentRequest:
        """A refund as an agent wants it."""
        refund = ToyRefund(tracking_key=original.reference, reason="Sent twice")
        terms = Terms(
            kind="refund",
            rail="toy",
            mode="sandbox",
            principal=original.principal,
            payer=self.rail.payer,
            payee=original.payee,
            money=Money(amount, "MXN"),
            arguments={"amount": amount},
            original=original.id,
        )
        return PaymentRequest(terms=terms, rail=self.rail, model=refund, original=original)

    async def asked(self, request: PaymentRequest) -> str:
        """Ask the person, and read the code over their shoulder."""
        challenge, _ = await self.engine.ask(request)
        return self.person.code(challenge)

    async def paid(self, request: PaymentRequest) -> PaymentRecord:
        """Ask, confirm, and wait for what comes of it."""
        record = await self.engine.confirm(request, await self.asked(request))
        await self.quiet()
        return await self.known(record)

    async def refusal(self, request: PaymentRequest, code: str) -> str:
        """The code of the error that ``call`` gets."""
        try:
            await self.engine.confirm(request, code)
        except NothingSent as refused:
            return refused.error.code
        raise AssertionError("it was not refused")

    async def round(self) -> None:
        """Take up what is due, and wait until that is done."""
        await self.engine.run_once()
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(PATIENCE):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set, and nobody tells when it is empty
                await asyncio.sleep(0.001)

    async def known(self, record: PaymentRecord) -> PaymentRecord:
        """The record as the journal has it now."""
        known = await self.journal.payment(record.id)
        assert known is not None
        return known

    async def story(self, record: PaymentRecord) -> list[str]:
        """The events of one payment."""
        return [event.event for event in await self.journal.events(record.id)]

    async def state(self, record: PaymentRecord) -> State:
        """Where the money is, as far as the journal knows."""
        return (await self.known(record)).state


@asynccontextmanager
async def working(
    folder: Path,
    *,
    sends: Does = SETTLES,
    refunds: Does = SETTLES,
    finds: Does = SETTLES,
    connecting: Callable[[], Awaitable[None]] | None = None,
    guards: tuple[Guard, ...] = (),
    journal: Callable[[SqliteJournal], Any] = lambda journal: journal,
    now: datetime = NOON,
    declares: Mapping[str, Any] = MappingProxyType({}),
    clean: Callable[[str], str] = str,
    crash_points: bool = False,
    answer_within: timedelta = timedelta(seconds=PATIENCE),
    **guarantees: Any,
) -> AsyncIterator[EngineFixture]:
    """An engine on the journal in ``folder``, whose rounds are made by hand; ``declares`` changes its rail."""
    client = Scripted(sends, refunds, finds)

    @asynccontextmanager
    async def connect(settings: object, http: object) -> AsyncIterator[Scripted]:
        if connecting is not None:
            await connecting()
        yield client

    rules = replace(GUARANTEES, **guarantees)
    rail = toy(connect=connect, guarantees=rules, **declares)
    active = ActiveRail(
        declaration=rail,
        distribution="rail-toy",
        version="1",
        entry_point="toy",
        settings=rail.settings(base_url="http://bank.invalid", api_key="pretend_key"),
        mode="sandbox",
        guarantees=rules,
    )
    store = SqliteJournal.open(str(folder / "journal.db"), ROW_MAC)
    person = PersonFactor()
    context = Context(
        journal=journal(store),
        rails={"toy": active},
        clients=Clients({"toy": active}),
        factor=person,
        keys=ServerKeys(ServerKey(person.key)),
        guards=guards,
        timing=Timing(answer_within=answer_within, backoff=Backoff(first=timedelta(seconds=1))),
        now=lambda: world.now,
        clean=clean,
    )
    world = EngineFixture(
        PaymentEngine(with_crash_points(context) if crash_points else context), store, client, person, active, now
    )
    try:
        yield world
    finally:
        await world.engine.close(timedelta(seconds=PATIENCE))


class Strange(RielError):
    """Nothing that a rail should raise."""


class Gate:
    """A rail that answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, order: Order) -> Answer:
        await self.open.wait()
        return SETTLED
