"""The two calls of a tool that moves money: without a code it asks a person, with the code it pays."""

from typing import Protocol

from riel.catalog import ActiveRail
from riel.confirm import Terms
from riel.journal import State
from riel.money import Money, mask_account
from riel.payments import PaymentEngine, PaymentRequest
from riel.payments.rail_models import described, dumped
from riel.rail import Payment, WireModel
from riel.redaction import Redactor
from riel.tools.envelope import Envelope, challenge_data, failure, receipt, refusal, success


class ConfirmingTool(Protocol):
    """A tool that moves money: ``send_payment``, ``request_refund``, or a rail's own."""

    @property
    def engine(self) -> PaymentEngine: ...
    @property
    def rail(self) -> ActiveRail: ...
    @property
    def logs(self) -> Redactor: ...


def build_request(
    tool: ConfirmingTool, payment: Payment, principal: str, *, name: str, arguments: WireModel
) -> PaymentRequest:
    """The request for ``payment``. From here on the logs mask its account number.

    :param name: the tool that was called. :param arguments: its arguments, of which the payment was made.
    """
    payee, purpose, details = described(tool.rail, payment)
    tool.logs.remember(payee.account, mask_account(payee.account))
    terms = Terms(
        kind=payment.kind,
        rail=tool.rail.declaration.name,
        mode=tool.rail.mode,
        principal=principal,
        payer=tool.rail.payer,
        payee=payee,
        money=Money(payment.amount, getattr(payment, "currency", tool.rail.declaration.currencies[0])),
        arguments=dumped(tool.rail, payment),
        tool=name,
        tool_arguments=dumped(tool.rail, arguments),
    )
    return PaymentRequest(terms=terms, rail=tool.rail, model=payment, purpose=purpose, details=details)


async def ask_or_execute(tool: ConfirmingTool, request: PaymentRequest, code: str | None) -> Envelope:
    """Without ``code``, open a challenge; with it, execute ``request`` once and answer with its status."""
    if code is None:
        challenge, delivery = await tool.engine.ask(request)
        return success(challenge_data(challenge, delivery, tool.engine.now()))
    tool.logs.remember(code)
    record = await tool.engine.confirm(request, code)
    if record.state is State.REJECTED:
        return failure(refusal(tool.rail, record), mode=record.mode)
    return success(receipt(tool.rail, record))
