"""What an answer that is no success proves: only a code that names why nothing was booked is a refusal."""

import ast
import contextlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rail_fintoc.api
import riel_mexico
from rail_fintoc.api import ErrorDetails, ErrorMeaning, LookupRefused, RequestRefused, Unresolved
from rail_fintoc.api.error_table import TABLE, ErrorProof
from rail_fintoc.api.errors import error_details, parse_json
from rail_fintoc.codes import BEFORE_PROCESSING, ERRORS, REFUSALS
from riel import NothingLearned, OutcomeUnknown, Rejected

from .api_support import MonotonicClock, ScriptedResponses, error, said, talking_to

pytestmark = [pytest.mark.anyio, pytest.mark.once]

JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(sorted(TABLE)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

ODD: dict[str, bytes] = {
    "nothing": b"",
    "html": HTML,
    "list": b"[]",
    "null": b"null",
    "text": b'"error"',
    "error is a text": b'{"error":"no"}',
    "error is a list": b'{"error":[{"type":"invalid_request_error","code":"invalid_clabe"}]}',
    "empty error": b'{"error":{}}',
    "numbers": b'{"error":{"type":1,"code":2,"message":3,"param":4}}',
    "code twice": b'{"error":{"type":"invalid_request_error","code":"x","code":"invalid_clabe","message":""}}',
    "half": b'{"error":{"type":"invalid_request_error","code":"invalid_clabe"',
    "utf-16": '{"error":{"type":"invalid_request_error","code":"invalid_clabe"}}'.encode("utf-16"),
    "elsewhere": b'{"type":"invalid_request_error","code":"invalid_clabe","message":"No."}',
    "code with a space": b'{"error":{"type":"invalid_request_error","code":"invalid_clabe ","message":"No."}}',
    "other case": b'{"error":{"type":"invalid_request_error","code":"Invalid_Clabe","message":"No."}}',
    "deep": b'{"error":' * 30_000,
    "gigantic number": b'{"error":' + b"9" * 5000 + b"}",
    "noise": bytes(range(256)),
}


def details_of(status: int, code: str | None, kind: str = "invalid_request_error", **more: Any) -> ErrorDetails:
    return error_details(error(status, code, kind, **more))


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_code_is_known_with_and_without_its_suffix(code: str) -> None:
    row = TABLE[code]
    plain = code.removesuffix("_error")
    for written in (plain, f"{plain}_error"):
        assert details_of(row.status, written).provider_code == code
        assert details_of(row.status, written).our_code == row.code


@pytest.mark.parametrize("code", sorted(TABLE))
async def test_an_order_is_refused_only_by_a_code_that_proves_it(code: str) -> None:
    async with talking_to(ScriptedResponses([error(TABLE[code].status, code)])) as fintoc:
        with pytest.raises((RequestRefused, Unresolved)) as answered:
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
    if code in REFUSALS:
        assert isinstance(answered.value, Rejected)
        assert answered.value.provider_code == code
    else:
        assert isinstance(answered.value, OutcomeUnknown)


NEVER = (
    "jws_nonce_already_used",
    "invalid_duplicated_transfer",
    "invalid_transfer_status",
    "rate_limit_exceeded",
    "internal_server_error",
    "unrecognized_request",
    "core_response",
    "unavailable_institution",
)


@pytest.mark.parametrize("code", NEVER)
def test_what_may_hide_a_booked_transfer_is_no_refusal(code: str) -> None:
    assert TABLE[code].proof is ErrorProof.NOTHING
    assert code not in REFUSALS


@pytest.mark.parametrize("status", [200, 201, 302, 408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("code", ["invalid_clabe", "insufficient_balance", "invalid_api_key"])
def test_a_code_of_a_refusal_with_another_class_of_status_proves_nothing(code: str, status: int) -> None:
    assert details_of(status, code).meaning is not ErrorMeaning.REFUSED


@pytest.mark.parametrize("kind", ["api_error", "institution_error", "link_error", "", "brand_new_error"])
def test_a_code_of_a_refusal_under_another_type_proves_nothing(kind: str) -> None:
    assert details_of(400, "invalid_clabe", kind).meaning is ErrorMeaning.UNKNOWN


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 406, 409, 422])
@pytest.mark.parametrize("code", ["brand_new", "", None])
async def test_a_code_that_nobody_knows_is_unknown_whatever_its_type(code: str | None, status: int) -> None:
    for kind in ("invalid_request_error", "authentication_error", "brand_new_error"):
        async with talking_to(ScriptedResponses([error(status, code, kind)])) as fintoc:
            with pytest.raises(Unresolved):
                await fintoc.send("/v2/transfers", b"{}", "RIEL1")


def test_an_unknown_code_is_explained_by_the_type_and_then_by_the_status() -> None:
    assert details_of(409, "brand_new", "authentication_error").provider_code == "type:authentication_error"
    assert details_of(409, "brand_new", "authentication_error").our_code == "FINTOC_KEY_REFUSED"
    assert details_of(404, "brand_new", "brand_new_error").our_code == "FINTOC_NOT_FOUND"
    assert error_details(said(HTML, 502)).provider_code == "http:502"
    assert error_details(said(HTML, 502)).our_code == "FINTOC_PROVIDER_ERROR"
    assert error_details(said(HTML, 418)).our_code == "FINTOC_UNEXPECTED_ANSWER"
    assert error_details(said(None, 302)).our_code == "FINTOC_UNEXPECTED_ANSWER"


async def test_a_429_on_an_order_is_unknown_since_nobody_says_that_nothing_was_done() -> None:
    async with talking_to(ScriptedResponses([error(429, "rate_limit_exceeded")])) as fintoc:
        with pytest.raises(Unresolved) as answered:
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
    assert answered.value.details.meaning is ErrorMeaning.RATE_LIMITED


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_a_5xx_on_an_order_is_unknown_and_it_is_not_made_again(status: int) -> None:
    wire = ScriptedResponses([error(status, "internal_server_error", "api_error")])
    async with talking_to(wire) as fintoc:
        with pytest.raises(Unresolved):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
    assert len(wire.left) == 1


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("status", [400, 403, 409, 500, 502])
async def test_an_odd_body_proves_nothing_and_breaks_nothing(name: str, status: int) -> None:
    async with talking_to(ScriptedResponses([said(ODD[name], status)])) as fintoc:
        with pytest.raises(Unresolved):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")
        with pytest.raises(NothingLearned):
            await fintoc.read("/v2/transfers")


@pytest.mark.parametrize(
    "name",
    ["nothing", "html", "list", "null", "text", "code twice", "half", "utf-16", "deep", "gigantic number", "noise"],
)
async def test_a_success_that_tells_nothing_is_unknown(name: str) -> None:
    async with talking_to(ScriptedResponses([said(ODD[name], 201)])) as fintoc:
        with pytest.raises(OutcomeUnknown):
            await fintoc.send("/v2/transfers", b"{}", "RIEL1")


@given(status=st.integers(200, 599), body=JSON_LIKE | st.fixed_dictionaries({"error": JSON_LIKE}))
async def test_nothing_but_what_is_documented_is_raised_whatever_the_answer(status: int, body: Any) -> None:
    async with talking_to(
        ScriptedResponses([said(json.dumps(body).encode(), status)]), clock=MonotonicClock()
    ) as fintoc:
        for ask in (fintoc.send("/v2/transfers", b"{}", "R"), fintoc.write("/v2/customers", b"{}", "R")):
            with contextlib.suppress(RequestRefused, OutcomeUnknown):
                await ask
        for question in (fintoc.read("/v2/transfers"), fintoc.list_page("/v2/transfers", {}, 30)):
            with contextlib.suppress(NothingLearned):
                await question


async def test_a_question_that_fintoc_answers_with_an_error_brings_all_of_it() -> None:
    answer = error(
        404, "missing_resource", message="No such transfer: tr_1", param="id", doc_url="https://fintoc.com/x"
    )
    async with talking_to(ScriptedResponses([answer])) as fintoc:
        with pytest.raises(LookupRefused) as failed:
            await fintoc.read("/v2/transfers/tr_1")
    assert failed.value.details == ErrorDetails(
        404, "invalid_request_error", "missing_resource", "No such transfer: tr_1", "id", "req_1"
    )
    assert failed.value.details.missing
    assert str(failed.value) == "HTTP 404 missing_resource: No such transfer: tr_1 (id) [request req_1]"


@pytest.mark.parametrize("answer", [said(HTML, 404), error(404, "invalid_url"), error(400, "missing_resource")])
def test_only_fintocs_own_word_says_that_something_is_not_there(answer: httpx.Response) -> None:
    assert not error_details(answer).missing


@pytest.mark.parametrize(
    "message",
    [
        "Account 735969000000203297 does not exist",
        "Card 4111 1111 1111 1111 is not valid",
        "RUT 111111111 is wrong",
        "Link link_a_token_bcdef is gone",
        "Secret whsec_abcdef is wrong",
        "Key sk_live_abcdef is wrong",
    ],
)
def test_what_fintoc_says_is_cleaned_before_it_is_kept(message: str) -> None:
    told = details_of(400, "invalid_params", message=f"{message}\n\u202eignore\x00 all", param=message)
    shown = str(told)
    for hidden in ("73596900000020", "4111 1111 1111", "11111111", "bcdef", "abcdef", "\n", "\u202e", "\x00"):
        assert hidden not in shown


def test_a_message_is_bounded() -> None:
    assert len(str(details_of(400, "x" * 5000, "y" * 5000, message="z " * 100_000, param="p" * 5000))) < 500


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', '{"a":Infinity}', "{", "\xff"])
def test_json_is_what_every_reader_would_understand_alike(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        parse_json(text.encode("latin-1"))


def test_an_empty_body_is_nothing_and_numbers_stay_what_they_are() -> None:
    assert parse_json(b" \r\n") is None
    assert parse_json(b'{"amount":102000,"rate":0.5}') == {"amount": 102000, "rate": 0.5}
    assert type(parse_json(b"102000")) is int


def test_the_tables_agree() -> None:
    assert set(ERRORS) >= REFUSALS
    assert REFUSALS > BEFORE_PROCESSING
    assert not any("type:" in code or "http:" in code for code in REFUSALS)
    assert {row.provider_code for row in TABLE.values() if row.status == 401} - {
        "jws_nonce_already_used"
    } <= BEFORE_PROCESSING


def test_what_our_validators_refuse_is_explained() -> None:
    source = Path(rail_fintoc.api.__file__).parent.parent
    refused = {
        call.args[0].value
        for folder in (source / "fields", Path(riel_mexico.__file__).parent)
        for file in (*folder.glob("*.py"), source / "api" / "ids.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "PydanticCustomError"
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"invalid_clabe", "invalid_rut", "amount_above_cap", "invalid_id"} <= refused
    assert refused <= set(ERRORS)
