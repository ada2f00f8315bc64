"""Build the request of a payment or refund from checked arguments."""

from riel.catalog import ActiveRail
from riel.confirm import Terms
from riel.journal import PaymentRecord
from riel.money import Money
from riel.payments.context import PaymentRequest
from riel.payments.rail_models import described, dumped
from riel.rail import Payment, Refund, WireModel

SEND_PAYMENT, REQUEST_REFUND = "send_payment", "request_refund"
"""The tools of every rail that move money, without the rail's prefix. Other names are of a rail's own tools."""


def payment_request(
    rail: ActiveRail, payment: Payment, principal: str, *, tool: str, arguments: WireModel, by_others: bool = False
) -> PaymentRequest:
    """Return the request for ``payment``.

    :param tool: the tool that was called, without the rail's prefix.
    :param arguments: its arguments, of which the payment was made.
    :param by_others: whether payee and purpose come from the provider.
    """
    payee, purpose, details = described(rail, payment)
    terms = Terms(
        kind=payment.kind,
        rail=rail.declaration.name,
        mode=rail.mode,
        principal=principal,
        payer=rail.payer,
        payee=payee,
        money=Money(payment.amount, getattr(payment, "currency", rail.declaration.currencies[0])),
        arguments=dumped(rail, payment),
        tool=tool,
        tool_arguments=dumped(rail, arguments),
    )
    return PaymentRequest(terms=terms, rail=rail, model=payment, purpose=purpose, details=details, by_others=by_others)


def refund_request(rail: ActiveRail, refund: Refund, original: PaymentRecord, principal: str) -> PaymentRequest:
    """Return the request to refund ``original``, in full where ``refund`` names no amount."""
    arguments = dumped(rail, refund)
    terms = Terms(
        kind="refund",
        rail=rail.declaration.name,
        mode=rail.mode,
        principal=principal,
        payer=rail.payer,
        payee=original.payee,
        money=Money(refund_amount(refund, original), original.money.currency),
        arguments=arguments,
        original=original.id,
        tool=REQUEST_REFUND,
        tool_arguments=arguments,
    )
    return PaymentRequest(terms=terms, rail=rail, model=refund, purpose=refund.reason, original=original)


def refund_amount(refund: Refund, original: PaymentRecord) -> int:
    """Return how much of ``original`` is to be refunded, in minor units."""
    return getattr(refund, "amount", None) or original.money.amount
