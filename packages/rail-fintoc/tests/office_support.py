"""The assembled rail before a pretend Fintoc, on one clock: its client, and an engine whose tools an agent calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx

import rail_fintoc
from rail_fintoc.api import RateLimiter
from rail_fintoc.client import FintocClient, open_client
from rail_fintoc.models import FintocPayment
from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import CHILEAN_ACCOUNT
from rail_fintoc.settings import GUARANTEES, FintocSettings
from riel import (
    Answer,
    Draft,
    Guard,
    Money,
    NothingLearned,
    NotSent,
    Order,
    OutcomeUnknown,
    Payment,
    ReferenceSource,
    Rejected,
)
from riel.catalog import ActiveRail
from riel.confirm import ConfirmationRequest, Proof, code_for
from riel.journal import PaymentRecord
from riel.journal.sqlite import SqliteJournal
from riel.payments import Backoff, Clients, Context, PaymentEngine
from riel.payments import Timing as EngineTiming
from riel.payments.context import confirmation_request
from riel.redaction import Redactor
from riel.tools import Scopes, ToolSpec, build_tools

from .payments_support import Payments
from .sandbox_support import Wire

HERE = "http://127.0.0.1:9"
PLENTY = 120.0
PAYEE, PESOS = "014027000005555558", "12345678"
MEXICO: Mapping[str, Any] = {
    "amount": 50_000,
    "currency": "MXN",
    "accountNumber": PAYEE,
    "recipientName": "José Núñez",
    "comment": "Factura 42",
}
CHILE: Mapping[str, Any] = {
    "amount": 50_000,
    "currency": "CLP",
    "accountNumber": PESOS,
    "recipientName": "Juan Pérez",
    "comment": "Factura 42",
    "holderId": "11.111.111-1",
    "accountType": "checking_account",
    "institutionId": "cl_banco_estado",
}
Meets = Callable[[httpx.Request], httpx.Response | None]


def to(scenario: int, currency: str = "MXN", **change: Any) -> dict[str, Any]:
    """The payment whose payee has that fate."""
    return {**(MEXICO if currency == "MXN" else CHILE), "accountNumber": payee_for(currency, scenario), **change}


@dataclass
class Bank(Payments):
    """A pretend Fintoc and the rail's client.

    ``left`` is what left, also what never arrived. ``meets`` may answer in Fintoc's place. ``breaking`` says how the
    next orders break off, ``before`` they arrive or ``after``.
    """

    left: list[httpx.Request] = field(default_factory=list)
    meets: Meets = lambda request: None
    breaking: list[tuple[str, Exception]] = field(default_factory=list)
    set_up: dict[str, Any] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    @cached_property
    def settings(self) -> FintocSettings:
        """What the pretend Fintoc supplies, at an address where nobody listens."""
        supplied: dict[str, Any] = {**self.sandbox.settings, "base_url": HERE, **self.set_up}
        return FintocSettings(**{name: value for name, value in supplied.items() if value is not ...})

    @asynccontextmanager
    async def rail(self) -> AsyncIterator[FintocClient]:
        """The rail's client, which calls the pretend Fintoc directly, on its clock."""
        pace = RateLimiter(now=lambda: self.now.timestamp(), sleep=self._passes, random_below=lambda _: 0)
        async with open_client(self.settings, _Watched(self), lambda: self.now, pace) as client:
            yield client

    async def _passes(self, seconds: float) -> None:
        self.later(seconds=seconds)

    def order(self, client: FintocClient, payment: Payment | None = None, **said: Any) -> Order:
        """A payment as the core holds it, prepared and confirmed by now."""
        asked = payment or FintocPayment.model_validate({**MEXICO, **said}, context=self.settings)
        money = Money(asked.amount, asked.currency)  # type: ignore[attr-defined]
        prepared = client.prepare(Draft(kind=asked.kind, money=money, payment=asked), ReferenceSource(self.now))
        return Order(
            kind=asked.kind,
            id=f"pay_{next(self.numbers)}",
            reference=prepared.reference,
            money=money,
            payee=asked.payee(),
            body=prepared.body,
            created_at=self.now,
            facts=dict(prepared.facts),
        )

    def sent(self) -> list[httpx.Request]:
        """The orders that left."""
        return [request for request in self.left if self.sandbox.moves_money(request.method, request.url.path)]

    def keys(self) -> list[str]:
        """The idempotency key of each order that left."""
        return [request.headers["Idempotency-Key"] for request in self.sent()]

    async def received(self, amount: int = 20_000, currency: str = "MXN") -> str:
        """The id of a transfer that somebody sent us, and that is credited."""
        (account,) = [row for row in await self.get("/v2/accounts") if row["currency"] == currency]
        body = {"account_number_id": account["root_account_number_id"], "amount": amount, "currency": currency}
        made = await self.post("/v2/simulate/receive_transfer", body)
        self.later(seconds=2)
        return str(made["id"])


class _Watched(httpx.AsyncBaseTransport):
    """What leaves is written down, and whatever meets it may answer or break it off; nothing outlasts the time-out."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._wire = Wire(bank.sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._bank.left.append(request)
        breaking = self._bank.breaking
        if breaking and self._bank.sandbox.moves_money(request.method, request.url.path):
            when, failure = breaking.pop(0)
            if when == "after":
                await self._wire.handle_async_request(request)
            raise failure
        met, slept = self._bank.meets(request), len(self._bank.slept)
        response = await self._wire.handle_async_request(request) if met is None else met
        if sum(self._bank.slept[slept:]) > request.extensions["timeout"]["read"]:
            raise httpx.ReadTimeout("it took too long")
        return response


async def outcome(client: FintocClient, order: Order) -> str:
    """How a send ended, in the core's words: a status, the code of a refusal, ``unknown`` or ``not sent``."""
    return (await sent(client, order))[0]


async def sent(client: FintocClient, order: Order) -> tuple[str, Order]:
    """How a send ended, and the order with what the core knows of it from then on."""
    try:
        answer = await client.send(order)
    except Rejected as refused:
        return f"rejected {refused.provider_code}", order
    except OutcomeUnknown:
        return "unknown", order
    except NotSent:
        return "not sent", order
    return answer.status.value, replace(order, provider_id=answer.provider_id)


async def learned(client: FintocClient, order: Order) -> str:
    """How a look-up ended: a status, ``absent`` or ``nothing``."""
    try:
        answer = await client.status(order)
    except NothingLearned:
        return "nothing"
    return "absent" if answer is None else answer.status.value


async def told(client: FintocClient, order: Order) -> Answer:
    """What Fintoc has of an order that it must have."""
    answer = await client.status(order)
    assert answer is not None
    return answer


class Person:
    """A factor whose code the test can compute."""

    name: ClassVar[str] = "person"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    async def ask(self, request: ConfirmationRequest) -> str:
        return "The person was asked."

    def check(self, request: ConfirmationRequest, code: str, now: Any) -> Proof | None:
        return Proof() if self.is_replay(request, code, Proof()) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        return code == code_for(bytes(32), request)


@dataclass
class Office:
    """An engine at work, and an agent that calls its tools."""

    bank: Bank
    engine: PaymentEngine
    journal: SqliteJournal
    rail: ActiveRail
    tools: Mapping[str, ToolSpec]
    questions: list[str] = field(default_factory=list)

    async def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """What an agent reads: ``{"data", "error"}``."""
        name = tool if tool in self.tools else f"fintoc_{tool}"
        return await self.tools[name].run(arguments, "ana")

    async def data(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """What an answer holds that is no error."""
        answer = await self.call(tool, **arguments)
        assert answer["error"] is None, answer
        return dict(answer["data"])

    async def error(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The error of an answer that is one."""
        answer = await self.call(tool, **arguments)
        assert answer["data"] is None, answer
        return dict(answer["error"])

    async def code(self, payment_id: str) -> str:
        """What the person reads, whose question is kept as well."""
        challenge = await self.journal.challenge(payment_id)
        assert challenge is not None
        self.questions.append(challenge.text)
        return code_for(bytes(32), confirmation_request(challenge))

    async def confirmed(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Ask, read the code over the person's shoulder, and call again with it: the second answer."""
        held = await self.data(tool, **arguments)
        assert held["status"] == "2fa_required", held
        answer = await self.call(tool, **arguments, verificationCode=await self.code(held["paymentId"]))
        await self.quiet()
        return answer

    async def pays(self, arguments: Mapping[str, Any] = MEXICO) -> dict[str, Any]:
        """What an agent reads of a payment that was confirmed."""
        answer = await self.confirmed("send_payment", **arguments)
        return dict(answer["data"] or answer["error"])

    async def reads(self, reference: str) -> dict[str, Any]:
        """What an agent reads when it asks after a payment."""
        answer = await self.data("check_status", reference=reference)
        await self.quiet()
        return answer

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        async with asyncio.timeout(PLENTY):
            while self.engine.context.busy:  # noqa: ASYNC110  # a set, and nobody tells when it is empty
                await asyncio.sleep(0.001)

    async def passes(self, step: timedelta = timedelta(minutes=2), **duration: float) -> None:
        """Let time pass, while the engine looks after what is unresolved."""
        until = self.bank.now + timedelta(**duration)
        while self.bank.now < until:
            self.bank.now = min(until, self.bank.now + step)
            await self.engine.run_once()
            await self.quiet()

    async def record(self) -> PaymentRecord:
        """The only payment in the journal."""
        (record,) = await self.journal.payments(most=10)
        return record

    async def messages(self) -> list[Mapping[str, Any]]:
        """The messages that wait in the journal to be delivered."""
        waiting = await self.journal.lease_messages(self.bank.now, lease=timedelta(seconds=1), most=100)
        return [message.body for message in waiting]


@asynccontextmanager
async def office(
    folder: Path,
    *,
    bank: Bank | None = None,
    granted: Sequence[str] | None = None,
    read_only: bool = False,
    guards: tuple[Guard, ...] = (),
    **behaves: Any,
) -> AsyncIterator[Office]:
    """An engine before a pretend Fintoc of that behaviour, whose rounds are made by hand."""
    bank = bank or Bank(behaviour=behaves)
    (rail,) = rail_fintoc.riel_rails()
    active = ActiveRail(
        declaration=replace(rail, connect=lambda settings: bank.rail()),
        distribution="rail-fintoc",
        version="1",
        entry_point="fintoc",
        settings=bank.settings,
        mode="sandbox",
        guarantees=GUARANTEES,
    )
    journal = SqliteJournal.open(str(folder / "journal.db"))
    context = Context(
        journal=journal,
        rails={"fintoc": active},
        clients=Clients({"fintoc": active}),
        factor=Person(),
        guards=guards,
        timing=EngineTiming(answer_within=timedelta(seconds=PLENTY), backoff=Backoff(first=timedelta(seconds=1))),
        now=lambda: bank.now,
    )
    engine = PaymentEngine(context)
    scopes = Scopes(None if granted is None else frozenset(granted), read_only)
    tools = build_tools(engine, Redactor(), Redactor(), scopes)
    try:
        yield Office(bank, engine, journal, active, tools)
    finally:
        await engine.close(timedelta(seconds=PLENTY))


def chilean(**change: Any) -> Bank:
    """A pretend Fintoc whose client pays from the account in Chile."""
    return Bank(set_up={"account_id": CHILEAN_ACCOUNT, **change})
