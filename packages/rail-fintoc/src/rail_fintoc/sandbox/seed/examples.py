"""What the payments side begins with: a little of everything, so that every list has something to show.

It is there in both modes, and never told as news. What documentation names has a fixed id: ``opening.fixed``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rail_fintoc.sandbox.ledger.checkout_session import CheckoutSession
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore
from rail_fintoc.sandbox.ledger.payment_intent import PAYER_ACCOUNTS, PaymentIntent, record_payment
from rail_fintoc.sandbox.ledger.refund import PaymentRefund, change_refund_status
from rail_fintoc.sandbox.refund_magic import scenario_of
from rail_fintoc.sandbox.routes.customers import Customer
from rail_fintoc.sandbox.routes.invoices import Invoice, new_line
from rail_fintoc.sandbox.routes.links import new_link
from rail_fintoc.sandbox.routes.payouts import MERCHANT, Payout, create_payout, end_payout
from rail_fintoc.sandbox.routes.refunds import recipient_of
from rail_fintoc.sandbox.seed.companies import fixed_id
from rail_fintoc.sandbox.seed.example_values import PEOPLE, STUBS
from rail_fintoc.sandbox.webhooks.endpoint import WebhookEndpoint

BOTH = ("CLP", "MXN")


def seed_examples(store: ModeStore) -> None:
    """Put the examples in, as if they had come about in the days before."""
    with _days_ago(store, 9):
        _people(store)
    with _days_ago(store, 5):
        _payments(store)
        _links(store)
    with _days_ago(store, 3):
        _refunds(store)
        _payouts(store)
        _invoices(store)
    with _days_ago(store, 1):
        _sessions(store)
        _endpoint(store)


@contextmanager
def _days_ago(store: ModeStore, days: int) -> Iterator[None]:
    now = store.organisation.now
    store.organisation.now = now - timedelta(days=days)
    yield
    store.organisation.now = now


def _people(store: ModeStore) -> None:
    now = store.organisation.now
    for currency in BOTH:
        id_ = fixed_id("cus", currency, store.mode)
        store.table(Customer).add(Customer(id=id_, metadata={}, created_at=now, **PEOPLE[currency]))
    for prefix, (of, more) in STUBS.items():
        store.table(of).add(of(id=fixed_id(prefix, "CLP", store.mode), created_at=now, more=dict(more)))


def _payments(store: ModeStore) -> None:
    """Those that succeeded: a transfer in each currency, one to the merchant's own bank, one of an unknown payer."""
    chile, mexico, cash = (fixed_id("pi", what, store.mode) for what in ("CLP", "MXN", "Cash"))
    _payment(store, chile, 350_000, "CLP", email="felipe@example.com")
    _payment(store, mexico, 102_000, "MXN", email="ana@example.com")
    _payment(store, store.organisation.id("pi"), 1000, "CLP", recipient=MERCHANT["CLP"])
    _payment(store, cash, 45_000, "CLP", payment_type="cash")
    _payment(store, store.organisation.id("pi"), 50_000, "MXN", payment_type="card")
    _payment(store, store.organisation.id("pi"), 80_000, "CLP", status="failed", error_reason="insufficient_funds")
    _payment(
        store, store.organisation.id("pi"), 7000, "CLP", status="rejected", error_reason="mfa_authorization_timeout"
    )
    _payment(store, store.organisation.id("pi"), 12_500, "CLP", status="pending")
    _payment(store, store.organisation.id("pi"), 9900, "CLP", status="expired")


def _payment(
    store: ModeStore,
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
        created_at=store.organisation.now,
        status=status,
        payment_type=payment_type,
        customer_email=email,
        recipient_account=recipient,
        sender_account=dict(PAYER_ACCOUNTS[currency]) if status == "pending" else None,
        error_reason=error_reason,
    )
    store.table(PaymentIntent).add(intent)
    if status == "succeeded":
        record_payment(store, intent)
    return intent


def _links(store: ModeStore) -> None:
    for status in ("inactive", "login_required", "active"):
        own = fixed_id("link", "CLP", store.mode) if status == "active" else ""
        new_link(store, "183917137", id_=own).status = status


def _refunds(store: ModeStore) -> None:
    """One of each end, and one that is pending until somebody cancels it."""
    now, payment = store.organisation.now, store.table(PaymentIntent).get(fixed_id("pi", "CLP", store.mode))
    for amount, life in (
        (500, ("in_progress", "succeeded")),
        (702, ("in_progress", "failed")),
        (1200, ("canceled",)),
        (705, ()),
    ):
        refund = PaymentRefund(
            id=store.organisation.id("re") if life else fixed_id("re", "CLP", store.mode),
            payment=payment,
            amount=amount,
            recipient_account=recipient_of(payment, None),
            metadata={},
            created_at=now,
            updated_at=now,
            example=True,
        )
        store.table(PaymentRefund).add(refund)
        for status in life:
            change_refund_status(
                store, refund, status, scenario_of(amount).failure_code_at_end if status == "failed" else None
            )


def _payouts(store: ModeStore) -> None:
    for amount, currency, ends in (
        (10_000, "CLP", "returned"),
        (5000, "CLP", "canceled"),
        (120_000, "CLP", "succeeded"),
        (60_000, "MXN", "succeeded"),
        (30_000, "CLP", "in_progress"),
    ):
        own = fixed_id("po", "CLP", store.mode) if ends == "in_progress" else store.organisation.id("po")
        now = store.organisation.now
        payout = create_payout(store, Payout(id=own, amount=amount, currency=currency, created_at=now, updated_at=now))
        end_payout(store, payout, ends)


def _invoices(store: ModeStore) -> None:
    customer, subscription, payment = (fixed_id(prefix, "CLP", store.mode) for prefix in ("cus", "sub", "pi"))
    for status, own in (("paid", store.organisation.id("inv")), ("draft", fixed_id("inv", "CLP", store.mode))):
        done = status == "paid"
        paid_with = [{"payment_intent": payment, "amount": 9990, "currency": "CLP", "status": "succeeded"}]
        store.table(Invoice).add(
            Invoice(
                id=own,
                currency="CLP",
                customer=customer,
                created_at=store.organisation.now,
                status=status,
                subscription=subscription if done else None,
                payment_method=fixed_id("pm", "CLP", store.mode),
                attempts=1 if done else 0,
                lines=[new_line(store, "CLP", 9990)],
                payments=paid_with if done else [],
            )
        )


def _sessions(store: ModeStore) -> None:
    """One that was paid, one that was left, and one that is open for years."""
    now, organisation = store.organisation.now, store.organisation
    paid_one = store.table(PaymentIntent).get(fixed_id("pi", "CLP", store.mode))
    for status in ("finished", "expired", "created"):
        intent = (
            paid_one if status == "finished" else _payment(store, organisation.id("pi"), 350_000, "CLP", status=status)
        )
        id_ = fixed_id("cs", "CLP", store.mode) if status == "created" else organisation.id("cs")
        store.table(CheckoutSession).add(
            CheckoutSession(
                id=id_,
                flow="payment",
                amount=350_000,
                currency="CLP",
                token=organisation.id(f"{id_}_sec"),
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


def _endpoint(store: ModeStore) -> None:
    store.table(WebhookEndpoint).add(
        WebhookEndpoint(
            id=fixed_id("we", "CLP", store.mode),
            mode=store.mode,
            url="https://example.com/hooks/fintoc",
            secret=store.organisation.id("whsec"),
            enabled_events=["transfer.outbound.succeeded"],
            created_at=store.organisation.now,
        )
    )
