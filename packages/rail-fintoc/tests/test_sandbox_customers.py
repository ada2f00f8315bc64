"""A customer is normalised when it is made, found by its id in its own mode, and paged through by cursor."""

from typing import Any

import pytest

from rail_fintoc.sandbox.seed.companies import fixed_id

from .payments_support import MISSING, PaymentsDriver, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> PaymentsDriver:
    return PaymentsDriver()


FELIPE: dict[str, Any] = {
    "name": "Felipe Castro",
    "email": "Felipe@Example.com",
    "phone": "+56912345678",
    "tax_id": {"type": "cl_rut", "value": "11.111.111-1"},
    "address": {"country": "CL", "city": "Santiago", "state": "RM", "line1": "Calle 1", "postal_code": "7500000"},
    "metadata": {"order": 7},
}


async def test_a_new_customer_has_the_documented_shape_and_is_normalised(world: PaymentsDriver) -> None:
    made = await world.post("/v2/customers", FELIPE)
    assert made.pop("id").startswith("cus_")
    assert made == {
        "object": "customer",
        "mode": "test",
        "name": "Felipe Castro",
        "email": "felipe@example.com",
        "phone": "+56912345678",
        "tax_id": {"type": "cl_rut", "value": "111111111"},
        "address": {
            "country": "cl",
            "city": "Santiago",
            "state": "RM",
            "line1": "Calle 1",
            "line2": None,
            "postal_code": "7500000",
        },
        "metadata": {"order": 7},
        "created_at": "2026-03-04T18:00:00Z",
    }


async def test_an_rfc_is_written_in_capitals_and_its_check_digit_is_not_looked_at(world: PaymentsDriver) -> None:
    made = await world.post("/v2/customers", {"tax_id": {"type": "mx_rfc", "value": "lfhu290523og1"}})
    assert (made["tax_id"]["value"], made["email"]) == ("LFHU290523OG1", None)


async def test_a_customer_is_found_by_its_id(world: PaymentsDriver) -> None:
    made = await world.post("/v2/customers", FELIPE)
    assert await world.get(f"/v2/customers/{made['id']}") == made


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Nobody"}, (400, "missing_parameter", "email")),
        ({"email": "no address"}, (400, "invalid_params", "email")),
        ({"email": 7}, (400, "invalid_string", "email")),
        ({"email": "a@b.cl", "phone": "12345678"}, (400, "invalid_params", "phone")),
        ({"tax_id": "111111111"}, (400, "invalid_hash", "tax_id")),
        ({"tax_id": {"type": "dni", "value": "1"}}, (400, "invalid_enum", "tax_id.type")),
        ({"tax_id": {"type": "cl_rut"}}, (400, "missing_parameter", "tax_id.value")),
        ({"tax_id": {"type": "cl_rut", "value": "11.111.111-2"}}, (400, "invalid_holder_id", "tax_id.value")),
        ({"tax_id": {"type": "mx_rfc", "value": "11.111.111-1"}}, (400, "invalid_holder_id", "tax_id.value")),
        ({"email": "a@b.cl", "address": {"country": "Chile"}}, (400, "invalid_params", "address.country")),
        ({"email": "a@b.cl", "metadata": {"a": []}}, (400, "invalid_params", "metadata")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: PaymentsDriver, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = await world.get("/v2/customers")
    assert await refused(world, "POST", "/v2/customers", body) == expected
    assert await world.get("/v2/customers") == before


@pytest.mark.parametrize("id_", ["cus_unknown", fixed_id("cus", "CLP", "live")])
async def test_an_unknown_customer_and_one_of_the_other_mode_are_not_there(world: PaymentsDriver, id_: str) -> None:
    assert await refused(world, "GET", f"/v2/customers/{id_}") == MISSING


async def test_customers_come_newest_first_and_the_cursor_goes_through_them_all(world: PaymentsDriver) -> None:
    made = [(await world.post("/v2/customers", {"email": f"c{n}@example.com"}))["id"] for n in range(5)]
    seen, path = [], "/v2/customers?limit=2"
    while path:
        answer = await world.send("GET", path)
        seen += [row["id"] for row in answer.json()]
        link = answer.headers["link"]
        path = link.removeprefix("<http://fintoc.invalid").partition(">")[0] if link else ""
    assert seen == [*reversed(made), fixed_id("cus", "MXN"), fixed_id("cus", "CLP")]
    back = await world.get(f"/v2/customers?limit=2&ending_before={seen[4]}")
    assert [row["id"] for row in back] == seen[2:4]


async def test_the_same_key_makes_one_customer(world: PaymentsDriver) -> None:
    first = await world.post("/v2/customers", FELIPE, key="k1")
    assert await world.post("/v2/customers", FELIPE, key="k1") == first
    assert len(await world.get("/v2/customers")) == 3
