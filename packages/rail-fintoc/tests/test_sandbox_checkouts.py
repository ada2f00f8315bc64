"""A checkout session collects what it was told to, ends once, and by itself when its time is over."""

from typing import Any

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import ACCOUNT, INVALID_VERSION, LISTENING, MISSING, NOT_NOW, OLD, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


V1, V2 = "/v1/checkout_sessions", "/v2/checkout_sessions"
OPEN = fixed_id("cs", "CLP")


def item(amount: int, quantity: int = 1, **more: Any) -> dict[str, Any]:
    price = {"currency": "CLP", "unit_amount": amount, "product_data": {"name": "Polera"}}
    return {"price_data": price | more, "quantity": quantity}


async def test_a_new_session_has_the_documented_shape(world: PaymentsDriver) -> None:
    urls = {"success_url": "https://merchant.example/ok", "cancel_url": "https://merchant.example/no"}
    made = await world.session(amount=350_000, **urls)
    id_, token = made.pop("id"), made.pop("session_token")
    intent = made["payment_resource"]["payment_intent"].pop("id")
    assert (id_.startswith("cs_"), token.startswith(f"{id_}_sec_"), intent.startswith("pi_")) == (True, True, True)
    assert made == {
        "object": "checkout_session",
        "mode": "test",
        "status": "created",
        "flow": "payment",
        "amount": 350_000,
        "currency": "CLP",
        "redirect_url": f"https://pay.fintoc.com/sandbox/{id_}",
        **urls,
        "customer": None,
        "customer_email": None,
        "business_profile": None,
        "line_items": [],
        "payment_method": None,
        "payment_method_types": ["bank_transfer"],
        "payment_method_options": {},
        "payment_resource": {"payment_intent": {"status": "created"}},
        "metadata": {},
        "created_at": "2026-03-04T18:00:00Z",
        "expires_at": "2026-03-05T18:00:00Z",
    }


async def test_a_finished_session_is_paid_only_if_its_payment_says_so(world: PaymentsDriver) -> None:
    for status in ("succeeded", "rejected"):
        session = await world.session()
        done = await world.post(f"/_sandbox/checkout_sessions/{session['id']}", {"status": status})
        assert done["status"] == "finished"
        payment = done["payment_resource"]["payment_intent"]
        assert payment["status"] == status == (await world.get(f"/v2/payment_intents/{payment['id']}"))["status"]


async def test_line_items_add_up(world: PaymentsDriver) -> None:
    session = await world.session(amount=None, line_items=[item(1000, 3), item(500)])
    assert session["amount"] == 3500
    assert (await world.get(f"/v1/payment_intents/{session['payment_resource']['payment_intent']['id']}"))[
        "amount"
    ] == 3500


async def test_a_subscription_and_a_setup_have_no_payment_yet(world: PaymentsDriver) -> None:
    monthly = [item(9990, recurring={"interval": "month"})]
    subscription = await world.session(amount=None, flow="subscription", line_items=monthly)
    assert (subscription["amount"], subscription["payment_resource"]) == (9990, None)
    setup = await world.session(amount=None, flow="setup")
    assert (setup["amount"], setup["payment_resource"]) == (None, None)


async def test_a_customer_is_named_or_made(world: PaymentsDriver) -> None:
    named = await world.session(customer=fixed_id("cus", "CLP"))
    assert (named["customer"], named["customer_email"]) == (fixed_id("cus", "CLP"), "felipe@example.com")
    made = await world.session(customer_data={"email": "New@example.com", "name": "New"})
    assert (await world.get(f"/v2/customers/{made['customer']}"))["email"] == "new@example.com"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"currency": None}, (400, "missing_parameter", "currency")),
        ({"currency": "USD"}, (400, "invalid_currency", "currency")),
        ({"amount": None}, (400, "missing_parameter", "amount")),
        ({"amount": 0}, (400, "invalid_amount", "amount")),
        ({"flow": "gift"}, (400, "invalid_enum", "flow")),
        ({"flow": "setup"}, (400, "invalid_params", "amount")),
        ({"flow": "subscription"}, (400, "missing_parameter", "line_items")),
        ({"line_items": "x"}, (400, "invalid_array", "line_items")),
        ({"line_items": [item(1)]}, (400, "invalid_amount", "amount")),
        ({"line_items": [{}]}, (400, "missing_parameter", "line_items[0].price_data")),
        ({"line_items": [item(1, currency="MXN")]}, (400, "currency_mismatch", "line_items")),
        ({"expires_at": "2026-03-04T18:09:59Z"}, (400, "invalid_expires_at", "expires_at")),
        ({"expires_at": "soon"}, (400, "invalid_expires_at", "expires_at")),
        ({"success_url": "merchant"}, (400, "invalid_params", "success_url")),
        ({"customer": "cus_unknown"}, MISSING),
        (
            {"customer": fixed_id("cus", "CLP"), "customer_data": {"email": "a@b.cl"}},
            (400, "invalid_params", "customer_data"),
        ),
        ({"customer_data": {"name": "X"}}, (400, "missing_parameter", "email")),
        ({"payment_method_types": "card"}, (400, "invalid_array", "payment_method_types")),
        ({"payment_method_options": []}, (400, "invalid_hash", "payment_method_options")),
        (
            {"business_profile": {"tax_id": "1"}},
            (400, "invalid_business_profile_tax_id", "business_profile.tax_id"),
        ),
        ({"metadata": {"a": {}}}, (400, "invalid_params", "metadata")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: PaymentsDriver, change: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = await world.get(V2), await world.get("/v1/payment_intents"), await world.get("/v2/customers")
    assert await refused(world, "POST", V2, {"amount": 10_000, "currency": "CLP"} | change) == expected
    assert (await world.get(V2), await world.get("/v1/payment_intents"), await world.get("/v2/customers")) == before


async def test_ten_minutes_are_long_enough(world: PaymentsDriver) -> None:
    session = await world.session(expires_at="2026-03-04T18:10:00Z")
    assert session["expires_at"] == "2026-03-04T18:10:00Z"


async def test_v1_takes_less_than_seven_million_pesos(world: PaymentsDriver) -> None:
    for amount, fine in ((6_999_999, True), (7_000_000, False)):
        answer = await world.send("POST", V1, {"amount": amount, "currency": "CLP"})
        assert answer.is_success == fine
    wrong = await refused(world, "POST", V1, {"amount": 7_000_000, "currency": "CLP"})
    assert wrong == (400, "invalid_amount", "amount")
    assert (await world.send("POST", V1, {"amount": 7_000_000, "currency": "MXN"})).is_success
    assert (await world.session(amount=7_000_000))["amount"] == 7_000_000


async def test_money_can_go_straight_to_the_merchants_bank(world: PaymentsDriver) -> None:
    before = await world.balance()
    payment = await world.paid(payment_method_options={"bank_transfer": {"recipient_account": ACCOUNT}})
    told = await world.get(f"/v1/payment_intents/{payment}")
    assert told["recipient_account"] == ACCOUNT | {"holder_id": "415792638"}
    assert await world.balance() == before


async def test_after_its_time_a_session_is_expired_and_so_is_its_payment(world: PaymentsDriver) -> None:
    session = await world.session()
    world.later(hours=24)
    told = await world.get(f"{V2}/{session['id']}")
    assert told["status"] == told["payment_resource"]["payment_intent"]["status"] == "expired"


async def test_a_finished_session_does_not_expire(world: PaymentsDriver) -> None:
    session = await world.session()
    await world.post(f"/_sandbox/checkout_sessions/{session['id']}")
    world.later(days=2)
    assert (await world.get(f"{V2}/{session['id']}"))["status"] == "finished"


@pytest.mark.parametrize("path", [V1, V2])
async def test_an_open_session_can_be_expired_once(world: PaymentsDriver, path: str) -> None:
    session = await world.session()
    assert (await world.post(f"{path}/{session['id']}/expire"))["status"] == "expired"
    assert await refused(world, "POST", f"{path}/{session['id']}/expire") == NOT_NOW
    assert await refused(world, "POST", f"/_sandbox/checkout_sessions/{session['id']}") == NOT_NOW


@pytest.mark.parametrize(
    ("method", "path"), [("GET", V2), ("POST", V2), ("GET", f"{V2}/{OPEN}"), ("POST", f"{V2}/{OPEN}/expire")]
)
async def test_v2_is_for_those_whose_version_is_new_enough(world: PaymentsDriver, method: str, path: str) -> None:
    body = {"amount": 1, "currency": "CLP"} if path == V2 and method == "POST" else None
    assert await refused(world, method, path, body, version=OLD) == INVALID_VERSION
    assert (await world.send(method, path, body, version="2026-02-01")).is_success


async def test_an_older_version_has_v1(world: PaymentsDriver) -> None:
    made = await world.post(V1, {"amount": 1000, "currency": "clp"}, version=OLD)
    assert await world.get(f"{V1}/{made['id']}", version=OLD) == made
    assert await refused(world, "GET", V1, version=OLD) == (405, "operation_not_allowed", None)


@pytest.mark.parametrize("id_", ["cs_unknown", fixed_id("cs", "CLP", "live")])
@pytest.mark.parametrize("path", [V1, V2])
async def test_an_unknown_session_and_one_of_the_other_mode_are_not_there(
    world: PaymentsDriver, path: str, id_: str
) -> None:
    assert await refused(world, "GET", f"{path}/{id_}") == MISSING
    assert await refused(world, "POST", f"{path}/{id_}/expire") == MISSING


async def test_sessions_are_listed_newest_first(world: PaymentsDriver) -> None:
    made = [(await world.session())["id"] for _ in range(3)]
    rows = [row["id"] for row in await world.get(f"{V2}?limit=4")]
    assert rows == [*reversed(made), OPEN]


async def test_the_end_of_a_session_is_told() -> None:
    world = PaymentsDriver(behaviour=LISTENING)
    session = await world.session()
    await world.post(f"/_sandbox/checkout_sessions/{session['id']}")
    told = await world.hears("payment_intent.succeeded", "checkout_session.finished")
    assert told[-1]["data"] == await world.get(f"{V2}/{session['id']}")
