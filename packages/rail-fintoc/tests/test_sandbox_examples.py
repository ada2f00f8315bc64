"""From the beginning every list shows something, in each mode its own, and the balances add up all the same."""

import pytest

from rail_fintoc.sandbox.ledger.merchant_balance import MerchantBalance
from rail_fintoc.sandbox.ledger.payment_intent import PaymentIntent
from rail_fintoc.sandbox.ledger.refund import PaymentRefund
from rail_fintoc.sandbox.routes.payouts import NEVER_LEFT, Payout
from rail_fintoc.sandbox.routes.stubs import PATHS
from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import MISSING, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


LISTS = (
    "/v2/checkout_sessions",
    "/v2/customers",
    "/v2/invoices",
    "/v1/links",
    "/v1/payment_intents",
    "/v2/payment_intents",
    "/v1/payouts",
    "/v1/refunds",
    "/v1/webhook_endpoints",
    *PATHS,
)
FETCHED = {
    "cs": "/v2/checkout_sessions",
    "pi": "/v2/payment_intents",
    "re": "/v1/refunds",
    "po": "/v1/payouts",
    "cus": "/v2/customers",
    "inv": "/v2/invoices",
    "we": "/v1/webhook_endpoints",
    "sub": "/v2/subscriptions",
    "pm": "/v2/payment_methods",
    "plink": "/v1/payment_links",
    "dp": "/v1/disputes",
}


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_has_something_to_show(world: PaymentsDriver, path: str) -> None:
    rows = await world.get(path)
    assert rows
    assert {row["mode"] for row in rows} == {"test"}
    created = [row["created_at"] for row in rows]
    assert created == sorted(created, reverse=True), "most recent first"


@pytest.mark.parametrize("path", LISTS)
async def test_every_row_of_a_list_is_found_by_its_id(world: PaymentsDriver, path: str) -> None:
    for row in await world.get(path):
        if row["object"] != "link":
            assert await world.get(f"{path}/{row['id']}") == row


@pytest.mark.parametrize(("prefix", "path"), FETCHED.items())
async def test_what_has_a_fixed_id_is_there_in_its_own_mode(world: PaymentsDriver, prefix: str, path: str) -> None:
    id_ = fixed_id(prefix, "CLP")
    assert (await world.get(f"{path}/{id_}"))["id"] == id_
    assert await refused(world, "GET", f"{path}/{fixed_id(prefix, 'CLP', 'live')}") == MISSING


async def test_both_modes_begin_with_the_same_and_share_nothing(world: PaymentsDriver) -> None:
    test = await world.books()
    live = test.organisation.stores["live"]
    for kind in (PaymentIntent, PaymentRefund, Payout):
        here, there = ({row.id for row in books.table(kind)} for books in (test, live))
        assert len(here) == len(there)
        assert not here & there
    await world.refund(amount=500)
    world.later(minutes=1)
    assert await world.balance() == live.single(MerchantBalance).balance("CLP") - 500


@pytest.mark.parametrize("currency", ["CLP", "MXN"])
async def test_what_is_held_is_what_was_collected_less_what_went_out(world: PaymentsDriver, currency: str) -> None:
    books = await world.books()
    collected = sum(
        row.amount
        for row in books.table(PaymentIntent)
        if row.status == "succeeded" and row.recipient_account is None and row.currency == currency
    )
    back = sum(
        row.amount
        for row in books.table(PaymentRefund)
        if row.status in {"in_progress", "succeeded"} and row.payment.currency == currency
    )
    out = sum(row.amount for row in books.table(Payout) if row.status not in NEVER_LEFT and row.currency == currency)
    assert await world.balance(currency) == collected - back - out > 0


async def test_no_example_is_a_debit_or_news(world: PaymentsDriver) -> None:
    books = await world.books()
    assert world.debits == []
    assert {event.type for event in books.unsent_events} <= {"transfer.inbound.succeeded"}
