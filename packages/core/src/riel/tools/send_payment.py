"""Two of the three tools that every rail gets: send a payment, check its status. ``refunds`` has the third."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from riel.catalog import ActiveRail
from riel.confirm import Terms
from riel.journal import Challenge, State
from riel.money import Money, mask_account
from riel.payments import PaymentEngine, PaymentRequest
from riel.rail import Payment, Rail, WireModel
from riel.redaction import Redactor
from riel.tools.arguments import CODE_FIELD, check, with_code
from riel.tools.envelope import Envelope, challenge_data, failure, on_the_wire, output_schema, receipt, refusal, success

OURS = re.compile(r"pay_[0-9a-f]{32}")
"""riel's own id of a payment, which ``check_status`` takes too: a question that was never answered has no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTool(ABC):
    """One of the three tools of one rail, before it is described. ``logs`` is told what no log may show."""

    name: ClassVar[str]
    scope: ClassVar[str]
    read_only: ClassVar[bool]

    engine: PaymentEngine
    rail: ActiveRail
    logs: Redactor

    @property
    def declaration(self) -> Rail:
        """The rail."""
        return self.rail.declaration

    @property
    def output_schema(self) -> dict[str, Any]:
        """Its answers."""
        return output_schema(self.declaration)

    @property
    @abstractmethod
    def title(self) -> str:
        """For people."""

    @property
    @abstractmethod
    def description(self) -> str:
        """For the model: the only specification it sees."""

    @property
    @abstractmethod
    def model(self) -> type[WireModel]:
        """Its arguments."""

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Do it on behalf of ``principal``."""


class ConfirmingTool(Protocol):
    """A tool that asks a person, and pays: one of the three, or a rail's own."""

    @property
    def engine(self) -> PaymentEngine: ...
    @property
    def rail(self) -> ActiveRail: ...
    @property
    def logs(self) -> Redactor: ...


class SendPayment(PaymentTool):
    """Ask a person, then pay once."""

    name, read_only, scope = "send_payment", False, "payments:send"

    @property
    def title(self) -> str:
        """For people."""
        return f"Send a payment by {self.declaration.title}"

    @property
    def description(self) -> str:
        """For the model: the only specification it sees."""
        rail, money = self.declaration, Money(50000, self.declaration.currencies[0])
        return (
            f"Send money by {rail.title} ({', '.join(rail.currencies)}). Amounts are minor units: 50000 is {money}. "
            "The first call, without verificationCode, moves nothing: a person is asked for exactly this and gets "
            "a code. Call again with the same arguments and that code, and it is paid once, however often the call is "
            f"repeated. A status of pending is not a failure: ask {rail.name}_check_status, do not pay again."
        )

    @property
    def model(self) -> type[WireModel]:
        """Its arguments."""
        return with_code(self.declaration.payment)

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Ask, or pay what a code confirms."""
        payment = check(self.model, arguments, self.rail)
        assert isinstance(payment, Payment)  # noqa: S101 (with_code adds a field to the rail's own model)
        return await confirm_or_pay(self, payment, plain(payment), principal, getattr(payment, CODE_FIELD))


class CheckStatus(PaymentTool):
    """Say where a payment or refund stands."""

    name, read_only, scope = "check_status", True, "payments:read"

    @property
    def title(self) -> str:
        """For people."""
        return f"Check a payment by {self.declaration.title}"

    @property
    def description(self) -> str:
        """For the model."""
        field = on_the_wire(self.declaration, self.declaration.reference_field)
        return (
            f"Where a {self.declaration.title} payment or refund stands: "
            f"pending, success, rejected, returned, refunded, or, while no code was given, "
            f"2fa_required, declined or expired. {field} is the one that send_payment gave or "
            "the paymentId of a question. It moves nothing and may be called at any time."
        )

    @property
    def model(self) -> type[WireModel]:
        """Its arguments."""
        return self.declaration.lookup

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Look it up in the journal, and at the rail where that may tell more."""
        field = on_the_wire(self.declaration, self.declaration.reference_field)
        given = arguments.get(field)
        if not (isinstance(given, str) and OURS.fullmatch(given) and len(arguments) == 1):
            given = getattr(check(self.declaration.lookup, arguments, self.rail), self.declaration.reference_field)
        found = await self.engine.status(self.declaration.name, given, principal)
        if isinstance(found, Challenge):
            return success(challenge_data(found, "", self.engine.context.now()))
        return success(receipt(self.rail, found))


async def confirm_or_pay(
    verb: "ConfirmingTool", payment: Payment, arguments: Mapping[str, Any], principal: str, code: str | None
) -> Envelope:
    """Ask whether ``payment``, which the agent asked for with ``arguments``, may be made; or make it."""
    return await ask_or_execute(verb, build_request(verb, payment, arguments, principal), code)


def build_request(
    verb: "ConfirmingTool", payment: Payment, arguments: Mapping[str, Any], principal: str
) -> PaymentRequest:
    """The call for ``payment``, whose account no log shows from now on."""
    payee = payment.payee()
    verb.logs.remember(payee.account, mask_account(payee.account))
    terms = Terms(
        kind=payment.kind,
        rail=verb.rail.declaration.name,
        mode=verb.rail.mode,
        principal=principal,
        payer=bound_to(verb.rail),
        payee=payee,
        money=Money(payment.amount, getattr(payment, "currency", verb.rail.declaration.currencies[0])),
        arguments=arguments,
    )
    return PaymentRequest(terms=terms, rail=verb.rail, model=payment, purpose=payment.purpose())


async def ask_or_execute(verb: ConfirmingTool, request: PaymentRequest, code: str | None) -> Envelope:
    """The first call asks; the second, with the code, does it or says what became of it."""
    if code is None:
        challenge, where = await verb.engine.ask(request)
        return success(challenge_data(challenge, where, verb.engine.context.now()))
    verb.logs.remember(code)
    record = await verb.engine.confirm(request, code)
    if record.state is State.REJECTED:
        return failure(refusal(verb.rail, record), mode=record.mode)
    return success(receipt(verb.rail, record))


def bound_to(rail: ActiveRail) -> str:
    """The payer that a confirmation is bound to: any, where each server has a pretend bank of its own."""
    return "" if rail.mode == "sandbox" else rail.payer


def plain(model: WireModel) -> dict[str, Any]:
    """The arguments as they go over the wire, without the code and without what was not given."""
    return model.model_dump(mode="json", by_alias=True, exclude={CODE_FIELD}, exclude_none=True)
