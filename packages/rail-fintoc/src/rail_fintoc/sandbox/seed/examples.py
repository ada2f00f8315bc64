"""What the payments side begins with: a little of everything, so that every list has something to show.

It is there in both modes, and never told as news. What documentation names has a fixed id: ``opening.fixed``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Books, Json
from rail_fintoc.sandbox.ledger.payment_intent import PAYER, PaymentIntent, paid
from rail_fintoc.sandbox.ledger.refund import Refund, enter
from rail_fintoc.sandbox.refund_magic import fate_of
from rail_fintoc.sandbox.routes.customers import Customer
from rail_fintoc.sandbox.routes.invoices import Invoice, line
from rail_fintoc.sandbox.routes.links import connected
from rail_fintoc.sandbox.routes.payouts import MERCHANT, Payout, came_to, pay_out
from rail_fintoc.sandbox.routes.refunds import recipient_of
from rail_fintoc.sandbox.seed.companies import fixed
from rail_fintoc.sandbox.seed.example_values import OTHERS, PEOPLE
from rail_fintoc.sandbox.webhooks.endpoint import Endpoint

BOTH = ("CLP", "MXN")


def show(books: Books) -> None:
    """Put the examples in, as if they had come about in the days before."""
    with _ago(books, 9):
        _people(books)
    with _ago(books, 5):
        _payments(books)
        _links(books)
    with _ago(books, 3):
        _refunds(books)
        _payouts(books)
        _invoices(books)
    with _ago(books, 1):
        _sessions(books)
        _endpoint(books)


@contextmanager
def _ago(books: Books, days: int) -> Iterator[None]:
    now = books.world.now
    books.world.now = now - timedelta(days=days)
    yield
    books.world.now = now


def _people(books: Books) -> None:
    now = books.world.now
    for currency in BOTH:
        id_ = fixed("cus", currency, books.mode)
        books.shelf(Customer).put(Customer(id=id_, metadata={}, created_at=now, **PEOPLE[currency]))
    for prefix, (of, more) in OTHERS.items():
        books.shelf(of).put(of(id=fixed(prefix, "CLP", books.mode), created_at=now, more=dict(more)))


def _payments(books: Books) -> None:
    """Those that succeeded: a transfer in each currency, one to the merchant's own bank, one of an unknown payer."""
    chile, mexico, cash = (fixed("pi", what, books.mode) for what in ("CLP", "MXN", "Cash"))
    _payment(books, chile, 350_000, "CLP", email="felipe@example.com")
    _payment(books, mexico, 102_000, "MXN", email="ana@example.com")
    _payment(books, books.world.id("pi"), 1000, "CLP", recipient=MERCHANT["CLP"])
    _payment(books, cash, 45_000, "CLP", payment_type="cash")
    _payment(books, books.world.id("pi"), 50_000, "MXN", payment_type="card")
    _payment(books, books.world.id("pi"), 80_000, "CLP", status="failed", error_reason="insufficient_funds")
    _payment(books, books.world.id("pi"), 7000, "CLP", status="rejected", error_reason="mfa_authorization_timeout")
    _payment(books, books.world.id("pi"), 12_500, "CLP", status="pending")
    _payment(books, books.world.id("pi"), 9900, "CLP", status="expired")


def _payment(
    books: Books,
    id_: str,
    amount: int,
    currency: str,
    *,
    status: str = "succeeded",
    payment_type: str = "bank_transfer",
    email: str | None = "payer@example.com",
    recipient: Json | None = None,
    error_reason: str | None = None,
) -> PaymentIntent:
    intent = PaymentIntent(
        id=id_,
        amount=amount,
        currency=currency,
        created_at=books.world.now,
        status=status,
        payment_type=payment_type,
        customer_email=email,
        recipient_account=recipient,
        sender_account=dict(PAYER[currency]) if status == "pending" else None,
        error_reason=error_reason,
    )
    books.shelf(PaymentIntent).put(intent)
    if status == "succeeded":
        paid(books, intent)
    return intent


def _links(books: Books) -> None:
    for status in ("inactive", "login_required", "active"):
        own = fixed("link", "CLP", books.mode) if status == "active" else ""
        connected(books, "183917137", id_=own).status = status


def _refunds(books: Books) -> None:
    """One of each end, and one that is pending until somebody cancels it."""
    now, payment = books.world.now, books.shelf(PaymentIntent).find(fixed("pi", "CLP", books.mode))
    for amount, life in (
        (500, ("in_progress", "succeeded")),
        (702, ("in_progress", "failed")),
        (1200, ("canceled",)),
        (705, ()),
    ):
        refund = Refund(
            id=books.world.id("re") if life else fixed("re", "CLP", books.mode),
            payment=payment,
            amount=amount,
            recipient_account=recipient_of(payment, None),
            metadata={},
            created_at=now,
            updated_at=now,
            example=True,
        )
        books.shelf(Refund).put(refund)
        for status in life:
            enter(books, refund, status, fate_of(amount).fails_with if status == "failed" else None)


def _payouts(books: Books) -> None:
    for amount, currency, ends in (
        (10_000, "CLP", "returned"),
        (5000, "CLP", "canceled"),
        (120_000, "CLP", "succeeded"),
        (60_000, "MXN", "succeeded"),
        (30_000, "CLP", "in_progress"),
    ):
        own = fixed("po", "CLP", books.mode) if ends == "in_progress" else books.world.id("po")
        now = books.world.now
        payout = pay_out(books, Payout(id=own, amount=amount, currency=currency, created_at=now, updated_at=now))
        came_to(books, payout, ends)


def _invoices(books: Books) -> None:
    customer, subscription, payment = (fixed(prefix, "CLP", books.mode) for prefix in ("cus", "sub", "pi"))
    for status, own in (("paid", books.world.id("inv")), ("draft", fixed("inv", "CLP", books.mode))):
        done = status == "paid"
        paid_with = [{"payment_intent": payment, "amount": 9990, "currency": "CLP", "status": "succeeded"}]
        books.shelf(Invoice).put(
            Invoice(
                id=own,
                currency="CLP",
                customer=customer,
                created_at=books.world.now,
                status=status,
                subscription=subscription if done else None,
                payment_method=fixed("pm", "CLP", books.mode),
                attempts=1 if done else 0,
                lines=[line(books, "CLP", 9990)],
                payments=paid_with if done else [],
            )
        )


def _sessions(books: Books) -> None:
    """One that was paid, one that was left, and one that is open for years."""
    now, world = books.world.now, books.world
    paid_one = books.shelf(PaymentIntent).find(fixed("pi", "CLP", books.mode))
    for status in ("finished", "expired", "created"):
        intent = paid_one if status == "finished" else _payment(books, world.id("pi"), 350_000, "CLP", status=status)
        id_ = fixed("cs", "CLP", books.mode) if status == "created" else world.id("cs")
        books.shelf(CheckoutSession).put(
            CheckoutSession(
                id=id_,
                flow="payment",
                amount=350_000,
                currency="CLP",
                token=world.id(f"{id_}_sec"),
                success_url="https://merchant.example/ok",
                cancel_url="https://merchant.example/no",
                customer=None,
                customer_email=None,
                business_profile=None,
                line_items=[],
                payment_method_types=["bank_transfer"],
                payment_method_options={},
                metadata={},
                created_at=now,
                expires_at=now + timedelta(days=3650 if status == "created" else 1),
                intent=intent,
                status=status,
            )
        )


def _endpoint(books: Books) -> None:
    books.shelf(Endpoint).put(
        Endpoint(
            id=fixed("we", "CLP", books.mode),
            mode=books.mode,
            url="https://example.com/hooks/fintoc",
            secret=books.world.id("whsec"),
            enabled_events=["transfer.outbound.succeeded"],
            created_at=books.world.now,
        )
    )
