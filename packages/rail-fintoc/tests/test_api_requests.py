"""What leaves, byte by byte: where to, with which query and headers, and what is signed."""

import logging
import string
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_fintoc.api import API, HEADER, VERSION, FintocApi, JwsKey, path_to, verified_jws
from rail_fintoc.api.request import SecretKey
from riel import Misconfigured, NotSent, OutcomeUnknown

from .api_support import NOW, SECRET, MonotonicClock, ScriptedResponses, error, private_key, said, talking_to

pytestmark = pytest.mark.anyio

IDS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=60).filter(
    lambda text: not text.startswith(("sk_", "whsec_")) and "_token_" not in text and "_sec_" not in text
)
PATHS = st.sampled_from(["/v1/refunds", "/v1/links", "/v2/transfers", "/v2/accounts"]) | st.builds(
    path_to, st.sampled_from(["/v1/payouts", "/v2/account_numbers"]), IDS, st.just("movements")
)
VALUES = st.text(max_size=20) | st.integers() | st.booleans()
PARAMS = st.dictionaries(st.text(string.ascii_lowercase + "_", min_size=1, max_size=10), VALUES, max_size=4)
BODIES = st.binary(min_size=1, max_size=300)
KEYS = st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=255)


def everywhere(request: httpx.Request) -> None:
    """What holds for every request there is."""
    assert (request.url.scheme, request.url.host, request.url.port) == ("https", "api.fintoc.com", None)
    assert request.headers.get_list("Fintoc-Version") == [VERSION]
    assert request.headers.get_list("Authorization") == [SECRET]
    assert request.extensions["timeout"] == {"connect": 5.0, "read": 15.0, "write": 5.0, "pool": 5.0}


def written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(path=PATHS, params=PARAMS)
async def test_a_question_goes_to_its_path_with_its_query_and_without_a_body(path: str, params: dict[str, Any]) -> None:
    wire = ScriptedResponses([said({"id": "tr_1"})])
    async with talking_to(wire) as fintoc:
        assert await fintoc.read(path, params) == {"id": "tr_1"}
    (request,) = wire.left
    everywhere(request)
    assert (request.method, request.url.path, request.content) == ("GET", path, b"")
    pairs = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    assert pairs == [(name, written(value)) for name, value in params.items()]
    assert not {"idempotency-key", HEADER.lower(), "content-type"} & set(request.headers)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"status": ["pending", "return_pending"], "limit": 30}, "status=pending&status=return_pending&limit=30"),
        ({"status": ["succeeded"]}, "status=succeeded"),
        ({"status": ("a", "b"), "direction": "outbound"}, "status=a&status=b&direction=outbound"),
        ({"status": [], "since": None}, ""),
        ({"is_root": True, "deep": False}, "is_root=true&deep=false"),
        ({"since": "2026-03-01T12:00:00+00:00"}, "since=2026-03-01T12%3A00%3A00%2B00%3A00"),
        ({"q": "a&b=c#d/é "}, "q=a%26b%3Dc%23d%2F%C3%A9%20"),
    ],
)
async def test_a_list_in_a_query_is_its_name_repeated(params: dict[str, Any], query: str) -> None:
    wire = ScriptedResponses([said([])])
    async with talking_to(wire) as fintoc:
        await fintoc.read("/v2/transfers", params)
    assert wire.left[0].url.query.decode().replace("+", "%20") == query


@pytest.mark.parametrize("value", [1.5, b"x", {"a": 1}, [[1]], [1.0]])
async def test_a_query_carries_no_fraction_and_nothing_nested(value: object) -> None:
    wire = ScriptedResponses([said([])])
    async with talking_to(wire) as fintoc:
        with pytest.raises(TypeError):
            await fintoc.read("/v2/transfers", {"amount": value})
    assert wire.left == []


@given(path=PATHS, body=BODIES, key=KEYS, signed=st.booleans())
async def test_money_leaves_in_exactly_these_bytes_signed_and_under_this_key(
    path: str, body: bytes, key: str, signed: bool
) -> None:
    wire = ScriptedResponses([said({"id": "tr_1"}, 201)])
    async with talking_to(wire) as fintoc:
        await fintoc.send(path, body, key, signed=signed)
    (request,) = wire.left
    everywhere(request)
    assert (request.method, request.url.raw_path, request.content) == ("POST", path.encode(), body)
    assert request.headers.get_list("Idempotency-Key") == [key]
    assert request.headers["Content-Type"] == "application/json"
    if signed:
        verified_jws(private_key().public_key(), request.headers[HEADER], body, now=NOW)
    else:
        assert HEADER not in request.headers


@given(path=PATHS, body=st.just(b"") | BODIES, key=KEYS, method=st.sampled_from(["POST", "PATCH", "DELETE"]))
async def test_a_write_leaves_once_with_its_key_and_unsigned(path: str, body: bytes, key: str, method: Any) -> None:
    wire = ScriptedResponses([said(None, 200)])
    async with talking_to(wire) as fintoc:
        assert await fintoc.write(path, body, key, method) is None
    (request,) = wire.left
    everywhere(request)
    assert (request.method, request.url.raw_path, request.content) == (method, path.encode(), body)
    assert request.headers.get_list("Idempotency-Key") == [key]
    assert (request.headers.get("Content-Type") == "application/json") == bool(body)
    assert HEADER not in request.headers


async def test_every_attempt_that_never_left_is_signed_anew_over_the_same_bytes_and_the_same_key() -> None:
    wire = ScriptedResponses([httpx.ConnectError("no"), httpx.ConnectTimeout("no"), said({"id": "tr_1"}, 201)])
    async with talking_to(wire) as fintoc:
        await fintoc.send("/v2/transfers", b'{"amount":1}', "RIEL1")
    nonces = {
        verified_jws(private_key().public_key(), request.headers[HEADER], b'{"amount":1}', now=NOW)
        for request in wire.left
    }
    assert len(wire.left) == len(nonces) == 3
    assert {request.headers["Idempotency-Key"] for request in wire.left} == {"RIEL1"}


@pytest.mark.parametrize("lost", [httpx.ReadTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError])
async def test_an_order_whose_answer_is_lost_is_unknown_and_never_made_again(lost: type[httpx.TransportError]) -> None:
    wire = ScriptedResponses([lost("gone")])
    async with talking_to(wire) as fintoc:
        with pytest.raises(OutcomeUnknown):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
        with pytest.raises(OutcomeUnknown):
            await fintoc.write("/v2/customers", b"{}", "RIEL2")
    assert len(wire.left) == 2


async def test_an_order_that_could_not_leave_was_not_sent() -> None:
    async with talking_to(ScriptedResponses([httpx.ConnectError("no")])) as fintoc:
        with pytest.raises(NotSent):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "é", "a" * 256, "\x00"])
async def test_a_key_that_a_header_cannot_carry_stops_the_order(key: str) -> None:
    wire = ScriptedResponses([said({}, 201)])
    async with talking_to(wire) as fintoc:
        with pytest.raises(ValueError, match="Idempotency-Key"):
            await fintoc.send("/v2/transfers", b"{}", key)
    assert wire.left == []


async def test_without_a_key_to_sign_with_nothing_that_must_be_signed_leaves() -> None:
    wire = ScriptedResponses([said({}, 201)])
    async with talking_to(wire, signs=False) as fintoc:
        with pytest.raises(Misconfigured, match="RIEL_FINTOC_JWS_PRIVATE_KEY"):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
        await fintoc.send("/v1/refunds", b"{}", "RIEL1", signed=False)
    assert [request.url.path for request in wire.left] == ["/v1/refunds"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v3/x",
        "v2/x",
        "//evil.example/v2/x",
        "/v2/",
        "/v2/a/../b",
        "/v2/a?b=c",
        "/v2/a#b",
        "/v2/a%2fb",
        "/v2/ä",
    ],
)
async def test_a_path_is_one_of_the_api_and_nothing_else(path: str) -> None:
    wire = ScriptedResponses([said({})])
    async with talking_to(wire) as fintoc:
        with pytest.raises(ValueError, match="path"):
            await fintoc.read(path)
    assert wire.left == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    wire = ScriptedResponses([said(None, status, Location="https://evil.example/v2/transfers")])
    async with talking_to(wire) as fintoc:
        with pytest.raises(OutcomeUnknown):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
    assert len(wire.left) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.fintoc.com",
        "http://api.fintoc.com",
        "https://",
        "https://api.fintoc.com/v2",
        "https://key@api.fintoc.com",
        "https://api.fintoc.com?x=1",
        "https://api.fintoc.com#x",
        "ftp://localhost",
        "https://[::1",
        "https://api.fintoc.com:port",
    ],
)
def test_the_address_is_a_host_over_tls_or_this_machine(url: str) -> None:
    with pytest.raises(Misconfigured, match="RIEL_FINTOC_BASE_URL") as refused:
        made(url)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", [API, f"{API}/", "http://127.0.0.1:8999", "http://localhost:1", "http://[::1]:5/"])
def test_an_address_may_be_this_machine_without_tls(url: str) -> None:
    assert made(url).mode == "test"


def made(url: str = API, key: str = SECRET, version: str = VERSION) -> FintocApi:
    return FintocApi(httpx.AsyncClient(), url, key, version, JwsKey(private_key()), lambda: NOW)


@pytest.mark.parametrize("version", ["", "latest", "2026-2-1", "2026-02-01\r\nX: y"])
def test_a_version_is_a_date(version: str) -> None:
    with pytest.raises(Misconfigured, match="RIEL_FINTOC_VERSION"):
        made(version=version)


@pytest.mark.parametrize("key", ["", "pk_test_riel", "sk_test_", "sk_test_a b", "sk_test_a\n", "Bearer sk_test_a"])
def test_a_key_of_another_form_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(Misconfigured, match="RIEL_FINTOC_SECRET_KEY") as refused:
        made(key=key)
    assert not key or key == "sk_test_" or key not in str(refused.value)


def test_the_mode_follows_from_the_key() -> None:
    assert made().mode == "test"
    assert made(key="sk_live_riel").mode == "live"


ASK: dict[str, Callable[[FintocApi], Awaitable[Any]]] = {
    "read": lambda fintoc: fintoc.read("/v2/accounts"),
    "pages": lambda fintoc: fintoc.list_page("/v2/accounts", {}, 1),
    "send": lambda fintoc: fintoc.send("/v2/transfers", b"{}", "RIEL1"),
    "write": lambda fintoc: fintoc.write("/v2/customers", b"{}", "RIEL1"),
}


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize(
    "answer",
    [
        error(401, "invalid_api_key", "authentication_error", message=f"Invalid API key: {SECRET}", param=SECRET),
        error(400, SECRET, SECRET, doc_url=SECRET),
        said(f"<html>{SECRET}</html>".encode(), 502),
        said({"error": {"type": "x", "message": SECRET}}, 400, **{"X-Request-Id": "req_1"}),
        httpx.ReadError(SECRET[:4]),
    ],
    ids=["message", "code", "html", "other", "lost"],
)
async def test_the_secret_key_is_in_no_repr_no_error_and_no_log(
    ask: str, answer: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with talking_to(ScriptedResponses([answer]), clock=MonotonicClock()) as fintoc:
        with pytest.raises(Exception) as failed:  # noqa: PT011
            await ASK[ask](fintoc)
        shown = [repr(fintoc), str(fintoc), repr(vars(fintoc)), repr(failed.value), repr(vars(failed.value))]
    shown += traceback.TracebackException.from_exception(failed.value, capture_locals=True).format()
    shown += [record.getMessage() for record in caplog.records]
    assert not [text for text in shown if SECRET in text]


def test_the_key_itself_does_not_show_itself() -> None:
    key = SecretKey("sk_live_riel")
    assert repr(key) == str(key) == "SecretKey(mode='live')"
    assert "sk_live_riel" not in repr(vars(key))
