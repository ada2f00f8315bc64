"""An invoice is the sum of its lines, which change only while nobody has paid."""

from typing import Any

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import MISSING, NOT_NOW, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


DRAFT = f"/v2/invoices/{fixed_id('inv', 'CLP')}"


async def test_a_paid_invoice_has_the_documented_shape(world: PaymentsDriver) -> None:
    (invoice,) = await world.get(f"/v2/invoices?subscription={fixed_id('sub', 'CLP')}")
    assert invoice.pop("id").startswith("inv_")
    assert invoice["lines"][0].pop("id").startswith("il_")
    assert invoice == {
        "object": "invoice",
        "mode": "test",
        "status": "paid",
        "total": 9990,
        "currency": "CLP",
        "customer": fixed_id("cus", "CLP"),
        "subscription": fixed_id("sub", "CLP"),
        "default_payment_method": fixed_id("pm", "CLP"),
        "collection_method": "charge_automatically",
        "attempt_count": 1,
        "hosted_invoice_url": None,
        "lines": [
            {
                "object": "line_item",
                "amount": 9990,
                "currency": "CLP",
                "quantity": 1,
                "period_start": "2026-03-01T18:00:00Z",
                "period_end": "2026-03-31T18:00:00Z",
            }
        ],
        "payments": [
            {"payment_intent": fixed_id("pi", "CLP"), "amount": 9990, "currency": "CLP", "status": "succeeded"}
        ],
        "metadata": {},
        "created_at": "2026-03-01T18:00:00Z",
    }


async def test_invoices_are_listed_by_subscription(world: PaymentsDriver) -> None:
    assert len(await world.get("/v2/invoices")) == 2
    assert await world.get("/v2/invoices?subscription=sub_other") == []


async def test_the_total_is_always_the_sum_of_the_lines(world: PaymentsDriver) -> None:
    grown = await world.post(f"{DRAFT}/add_lines", {"lines": [{"amount": 10}, {"amount": 5, "quantity": 2}]})
    assert (grown["total"], len(grown["lines"])) == (9990 + 15, 3)
    first, second, third = (line["id"] for line in grown["lines"])
    changed = (await world.send("PATCH", f"{DRAFT}/lines/{second}", {"amount": 100})).json()
    assert changed["total"] == 9990 + 105
    shrunk = await world.post(f"{DRAFT}/remove_lines", {"lines": [first, third]})
    assert (shrunk["total"], [line["id"] for line in shrunk["lines"]]) == (100, [second])
    assert await world.get(DRAFT) == shrunk


async def test_a_paid_invoice_does_not_change(world: PaymentsDriver) -> None:
    (before,) = await world.get(f"/v2/invoices?subscription={fixed_id('sub', 'CLP')}")
    path = f"/v2/invoices/{before['id']}"
    assert await refused(world, "POST", f"{path}/add_lines", {"lines": [{"amount": 1}]}) == NOT_NOW
    assert await refused(world, "POST", f"{path}/remove_lines", {"lines": ["il_x"]}) == NOT_NOW
    assert await refused(world, "PATCH", f"{path}/lines/{before['lines'][0]['id']}", {"amount": 1}) == NOT_NOW
    assert await world.get(path) == before


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/add_lines", {}, (400, "missing_parameter", "lines")),
        ("/add_lines", {"lines": ["x"]}, (400, "invalid_array", "lines")),
        ("/add_lines", {"lines": [{"amount": 1}, {}]}, (400, "missing_parameter", "lines[1].amount")),
        ("/remove_lines", {"lines": "il_x"}, (400, "invalid_array", "lines")),
        ("/remove_lines", {"lines": ["il_unknown"]}, MISSING),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_changes(
    world: PaymentsDriver, path: str, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = await world.get(DRAFT)
    assert await refused(world, "POST", DRAFT + path, body) == expected
    assert await world.get(DRAFT) == before
    assert await refused(world, "PATCH", f"{DRAFT}/lines/il_unknown", {"amount": 1}) == MISSING


@pytest.mark.parametrize("id_", ["inv_unknown", fixed_id("inv", "CLP", "live")])
async def test_an_unknown_invoice_and_one_of_the_other_mode_are_not_there(world: PaymentsDriver, id_: str) -> None:
    assert await refused(world, "GET", f"/v2/invoices/{id_}") == MISSING
