"""Nothing gets past the pretend Fintoc's doors without a key, a signature where one is due, and a pace it bears."""

import json
from datetime import timedelta
from typing import Any

import pytest

from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id

from .sandbox_support import KEY, SandboxDriver, b64, error, seal

pytestmark = pytest.mark.anyio

PAYEE = "072691004495711499"
ORDER: dict[str, Any] = {
    "account_id": ACCOUNT,
    "amount": 50_000,
    "currency": "MXN",
    "counterparty": {"account_number": PAYEE, "holder_name": "Jon Snow"},
    "comment": "Test payment",
}
TRANSFERS = "/v2/transfers"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> SandboxDriver:
    return SandboxDriver()


async def balance(world: SandboxDriver) -> int:
    return int((await world.get(f"/v2/accounts/{ACCOUNT}"))["available_balance"])


@pytest.mark.parametrize("authorization", [KEY, f"Bearer {KEY}", f"bearer {KEY}"])
async def test_the_key_comes_bare_or_after_bearer(world: SandboxDriver, authorization: str) -> None:
    assert (await world.send("GET", "/v1/whoami", api_key=authorization)).json()["mode"] == "test"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "authentication"),
        ("sk_test_other", "invalid_api_key"),
        (f"Basic {KEY}", "invalid_api_key"),
        ("pk_test_riel", "invalid_api_key"),
        ("sk_live_riel", "invalid_api_key_mode"),
        ("Bearer sk_live_riel", "invalid_api_key_mode"),
    ],
)
async def test_no_other_key_opens_anything_and_a_live_one_least_of_all(
    world: SandboxDriver, authorization: str, code: str
) -> None:
    answer = await world.send("GET", "/v2/accounts", api_key=authorization)
    assert error(answer) == (401, code)
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/accounts/{fixed_id('acc', 'MXN', 'live')}",
        f"/v2/accounts/{fixed_id('acc', 'MXN', 'live')}/movements",
        f"/v2/account_numbers/{fixed_id('acno', 'MXN', 'live')}",
        f"/v2/entities/{fixed_id('ent', 'CLP', 'live')}",
        "/v2/transfers/tr_nothing",
    ],
)
async def test_what_is_in_the_other_mode_is_not_there(world: SandboxDriver, path: str) -> None:
    assert error(await world.send("GET", path)) == (404, "missing_resource")


async def test_an_account_of_the_other_mode_cannot_be_debited(world: SandboxDriver) -> None:
    order = ORDER | {"account_id": fixed_id("acc", "MXN", "live")}
    assert error(await world.send("POST", TRANSFERS, order, signed=True)) == (404, "missing_resource")


async def test_every_answer_says_that_it_is_pretend_and_has_a_request_id(world: SandboxDriver) -> None:
    for path in ("/v2/accounts", "/v2/nothing", "/v2/transfers/tr_nothing"):
        answer = await world.send("GET", path)
        assert answer.headers["X-Pretend"] == "Fintoc"
        assert answer.headers["X-Request-Id"]


async def test_a_path_that_is_none_and_a_method_that_is_none_are_told_apart(world: SandboxDriver) -> None:
    assert error(await world.send("GET", "/v2/nothing")) == (404, "invalid_url")
    assert error(await world.send("GET", "/v2/transfers/")) == (404, "invalid_url")
    assert error(await world.send("DELETE", TRANSFERS)) == (405, "operation_not_allowed")


@pytest.mark.parametrize("version", ["2021-03-23", "2023-11-15", "2025-08-13", "2026-02-01"])
async def test_the_header_chooses_the_version(world: SandboxDriver, version: str) -> None:
    assert (await world.get("/v1/whoami", version=version))["api_version"] == version


async def test_an_unknown_version_is_refused(world: SandboxDriver) -> None:
    assert error(await world.send("GET", "/v2/accounts", version="2027-01-01")) == (403, "invalid_api_version")


async def test_older_versions_lack_the_newer_fields(world: SandboxDriver) -> None:
    made = await world.post(TRANSFERS, ORDER, signed=True)
    newer = {"entity", "error_reason"}
    assert newer <= set(made)
    old = await world.get(f"{TRANSFERS}/{made['id']}", version="2023-11-15")
    assert not newer & set(old)
    assert not {"options", "deleted_at", "last_transfer_at"} & set(old["account_number"])
    entity = await world.get(f"/v2/entities/{fixed_id('ent', 'MXN')}", version="2023-11-15")
    assert "status" not in entity


async def test_older_versions_have_older_names_for_reasons(world: SandboxDriver) -> None:
    order = ORDER | {"counterparty": {"account_number": payee_for("MXN", 3)}}
    made = await world.post(TRANSFERS, order, signed=True)
    world.later(seconds=1)
    path = f"{TRANSFERS}/{made['id']}"
    assert (await world.get(path))["return_reason"] == "non_existing_account"
    assert (await world.get(path, version="2023-11-15"))["return_reason"] == "non_existent_account"


def broken(**change: Any) -> Any:
    return lambda body, now: seal(body, now, **change)


@pytest.mark.parametrize(
    ("sealed", "code"),
    [
        (lambda body, now: "", "missing_jws_signature_header"),
        (lambda body, now: "nonsense", "invalid_jws_signature_header"),
        (lambda body, now: seal(body, now).replace(".", ".."), "invalid_jws_signature_header"),
        (lambda body, now: f"{b64(b'[]')}.{b64(b'x')}", "invalid_jws_signature_header"),
        (lambda body, now: seal(body, now) + "=", "invalid_jws_signature_header"),
        (lambda body, now: seal(body + b" ", now), "invalid_jws_signature_header"),
        (broken(alg="HS256"), "invalid_jws_signature_algorithm"),
        (broken(alg="none"), "invalid_jws_signature_algorithm"),
        (broken(crit=["ts"]), "invalid_jws_signature_header"),
        (broken(crit=None), "invalid_jws_signature_header"),
        (broken(nonce=""), "invalid_jws_signature_nonce"),
        (broken(nonce=7), "invalid_jws_signature_nonce"),
        (broken(ts=None), "invalid_jws_signature_timestamp"),
        (broken(ts="1772647200"), "invalid_jws_signature_timestamp_format"),
        (broken(ts=1772647200.5), "invalid_jws_signature_timestamp_format"),
        (broken(ts=True), "invalid_jws_signature_timestamp_format"),
        (broken(ts=-1), "invalid_jws_signature_timestamp_value"),
    ],
)
async def test_an_order_that_is_not_signed_as_documented_moves_nothing(
    world: SandboxDriver, sealed: Any, code: str
) -> None:
    before, raw = await balance(world), json.dumps(ORDER).encode()
    async with world.http() as http:
        answer = await http.post(TRANSFERS, content=raw, headers={"Fintoc-JWS-Signature": sealed(raw, world.now)})
    assert error(answer) == (401, code)
    assert await balance(world) == before
    assert not world.debits


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (120, True), (-120, True), (121, False), (-121, False)])
async def test_a_signature_lives_for_two_minutes(world: SandboxDriver, seconds: int, good: bool) -> None:
    raw = json.dumps(ORDER).encode()
    sealed = seal(raw, world.now - timedelta(seconds=seconds))
    async with world.http() as http:
        answer = await http.post(TRANSFERS, content=raw, headers={"Fintoc-JWS-Signature": sealed})
    assert answer.is_success if good else error(answer) == (401, "invalid_jws_ts")


async def test_a_nonce_is_taken_once(world: SandboxDriver) -> None:
    raw = json.dumps(ORDER).encode()
    headers = {"Fintoc-JWS-Signature": seal(raw, world.now), "Idempotency-Key": "one"}
    async with world.http() as http:
        assert (await http.post(TRANSFERS, content=raw, headers=headers)).status_code == 201
        assert error(await http.post(TRANSFERS, content=raw, headers=headers)) == (401, "jws_nonce_already_used")
    assert len(world.debits) == 1


async def test_a_nonce_that_came_with_a_bad_signature_is_not_used_up(world: SandboxDriver) -> None:
    raw, nonce = json.dumps(ORDER).encode(), "ab" * 16
    bad = seal(raw + b" ", world.now, nonce=nonce)
    async with world.http() as http:
        await http.post(TRANSFERS, content=raw, headers={"Fintoc-JWS-Signature": bad})
        good = {"Fintoc-JWS-Signature": seal(raw, world.now, nonce=nonce)}
        assert (await http.post(TRANSFERS, content=raw, headers=good)).status_code == 201


async def test_a_signature_is_harmless_where_none_is_needed(world: SandboxDriver) -> None:
    answer = await world.send("GET", "/v2/accounts", Fintoc_JWS_Signature="nonsense")
    assert answer.status_code == 200


async def test_the_first_answer_to_a_key_is_the_answer_for_ever(world: SandboxDriver) -> None:
    first = await world.send("POST", TRANSFERS, ORDER, key="one", signed=True)
    world.later(seconds=30)
    again = await world.send("POST", TRANSFERS, ORDER, key="one", signed=True)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.json()["status"] == "pending"
    assert [debit.reference for debit in world.debits] == ["one"]


async def test_the_same_parameters_in_another_order_are_the_same(world: SandboxDriver) -> None:
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    turned = dict(reversed(ORDER.items()))
    await world.post(TRANSFERS, turned, key="one", signed=True)
    assert len(world.debits) == 1


async def test_other_parameters_with_the_same_key_are_refused(world: SandboxDriver) -> None:
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    answer = await world.send("POST", TRANSFERS, ORDER | {"amount": 1}, key="one", signed=True)
    assert error(answer) == (400, "invalid_request")
    assert len(world.debits) == 1


async def test_a_refusal_is_stored_too_and_stays_when_its_cause_has_gone(world: SandboxDriver) -> None:
    big = ORDER | {"amount": 2 * 10**12}
    assert error(await world.send("POST", TRANSFERS, big, key="one", signed=True)) == (409, "insufficient_balance")
    number = fixed_id("acno", "MXN")
    await world.post(
        "/v2/simulate/receive_transfer", {"account_number_id": number, "amount": 3 * 10**12, "currency": "MXN"}
    )
    world.later(seconds=2)
    assert error(await world.send("POST", TRANSFERS, big, key="one", signed=True)) == (409, "insufficient_balance")
    assert (await world.send("POST", TRANSFERS, big, key="two", signed=True)).status_code == 201


@pytest.mark.parametrize(("number", "debits"), [(25, 1), (26, 0), (27, 0)])
async def test_a_server_error_is_stored_whether_or_not_the_money_moved(
    world: SandboxDriver, number: int, debits: int
) -> None:
    order = ORDER | {"counterparty": {"account_number": payee_for("MXN", number)}}
    answers = [await world.send("POST", TRANSFERS, order, key="one", signed=True) for _ in range(3)]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].status_code >= 500
    assert len(world.debits) == debits


async def test_failed_authentication_is_not_stored(world: SandboxDriver) -> None:
    assert (await world.send("POST", TRANSFERS, ORDER, key="one", signed=True, api_key="")).status_code == 401
    assert (await world.send("POST", TRANSFERS, ORDER, key="one")).status_code == 401
    assert (await world.send("POST", TRANSFERS, ORDER, key="one", signed=True)).status_code == 201


async def test_a_key_is_forgotten_after_a_day_and_means_a_new_order_then(world: SandboxDriver) -> None:
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    world.later(hours=23, minutes=59)
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    assert len(world.debits) == 1
    world.later(minutes=1)
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    assert [debit.reference for debit in world.debits] == ["one", "one"]


async def test_a_key_belongs_to_its_path_and_a_get_has_none(world: SandboxDriver) -> None:
    made = await world.post("/v2/account_numbers", {"account_id": ACCOUNT}, key="one")
    assert (await world.post("/v2/account_numbers", {"account_id": ACCOUNT}, key="one"))["id"] == made["id"]
    await world.post(TRANSFERS, ORDER, key="one", signed=True)
    assert len(await world.get(f"{TRANSFERS}?direction=outbound", key="one")) == 1
    await world.post(TRANSFERS, ORDER | {"comment": "another"}, key="two", signed=True)
    assert len(await world.get(f"{TRANSFERS}?direction=outbound", key="one")) == 2


async def test_a_key_is_never_too_long(world: SandboxDriver) -> None:
    assert (await world.send("POST", TRANSFERS, ORDER, key="k" * 255, signed=True)).status_code == 201
    answer = await world.send("POST", TRANSFERS, ORDER, key="k" * 256, signed=True)
    assert error(answer) == (400, "invalid_string_size")


async def test_more_than_ten_transfers_in_a_second_are_too_many(world: SandboxDriver) -> None:
    world = SandboxDriver(behaviour={"transfers_per_second": 10})
    for number in range(10):
        await world.post(TRANSFERS, ORDER, key=str(number), signed=True)
    answer = await world.send("POST", TRANSFERS, ORDER, key="10", signed=True)
    assert error(answer) == (429, "rate_limit_exceeded")
    assert (await world.send("GET", "/v2/accounts")).status_code == 200
    world.later(seconds=1)
    assert (await world.send("POST", TRANSFERS, ORDER, key="10", signed=True)).status_code == 201
    assert len(world.debits) == 11


async def test_more_than_a_hundred_requests_in_a_second_are_too_many() -> None:
    world = SandboxDriver(behaviour={"requests_per_second": 100})
    statuses = [(await world.send("GET", "/v1/whoami")).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(world: SandboxDriver, raw: bytes) -> None:
    async with world.http() as http:
        headers = {"Fintoc-JWS-Signature": seal(raw, world.now), "Content-Type": "application/json"}
        assert error(await http.post(TRANSFERS, content=raw, headers=headers)) == (400, "invalid_json")


async def test_a_body_without_end_is_refused(world: SandboxDriver) -> None:
    answer = await world.send("POST", TRANSFERS, {"comment": "x" * 1_000_001}, signed=True)
    assert error(answer) == (400, "invalid_request")


async def test_only_what_moves_money_is_called_so(world: SandboxDriver) -> None:
    moves = world.sandbox.moves_money
    assert moves("POST", TRANSFERS)
    assert moves("POST", "/v2/transfers/return")
    for method, path in [
        ("GET", TRANSFERS),
        ("POST", "/v2/account_numbers"),
        ("POST", "/v2/simulate/receive_transfer"),
        ("POST", "/v2/transfers/return/more"),
    ]:
        assert not moves(method, path)
