"""An id that may stand in a path is one segment and no secret, whatever somebody wrote."""

import re
import string

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from rail_fintoc.api import API, KINDS, FintocId, kind_of, path_to, validate_id

GOOD = [
    "tr_329NGN1M4If6VvcMRALv4gjAQJx",
    "acno_326dzRGqxLee3j9TkaBBBMfs2i0",
    "acc_1",
    "nMNejK7BT8oGbvO4",
    "a-b_c",
    "new_prefix_of_tomorrow_123",
    "x" * 255,
]
BAD = [
    "",
    " ",
    "tr_1/../acc_1",
    "../x",
    ".",
    "..",
    "tr_1?x=1",
    "tr_1#x",
    "tr_1%2f",
    "tr 1",
    "tr_1\n",
    "\uff54\uff52_1",
    "é",
    "x" * 256,
]
SECRETS = ["sk_test_riel", "sk_live_x", "whsec_abc", "link_a_token_b", "pi_a_sec_b", "cs_a_sec_b"]


@pytest.mark.parametrize("text", GOOD)
def test_an_id_stays_as_it_is(text: str) -> None:
    assert validate_id(text) == TypeAdapter[str](FintocId).validate_python(text) == text


@pytest.mark.parametrize("text", BAD + SECRETS)
def test_what_is_no_id_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        validate_id(text)
    assert refused.value.type == "invalid_id"
    assert len(text) < 3 or text not in str(refused.value)
    with pytest.raises(ValidationError):
        TypeAdapter(FintocId).validate_python(text)


@given(st.text(max_size=40) | st.text("/.?#%&=\\@:;\n\x00a", max_size=12))
def test_whatever_is_written_a_path_leads_into_its_collection(text: str) -> None:
    try:
        path = path_to("/v2/transfers", text)
    except PydanticCustomError:
        return
    assert re.fullmatch(r"/v2/transfers/[A-Za-z0-9_-]+", path)
    assert httpx.URL(API + path).raw_path == path.encode()


def test_a_path_may_go_further() -> None:
    assert path_to("/v1/refunds", "re_1", "cancel") == "/v1/refunds/re_1/cancel"
    assert path_to("/v2/transfers", "return") == "/v2/transfers/return"


@pytest.mark.parametrize("prefix", KINDS)
def test_a_prefix_hints_at_one_kind_of_object(prefix: str) -> None:
    kind = kind_of(f"{prefix}_329NGN1M4If6VvcMRALv4gjAQJx")
    assert kind is KINDS[prefix]
    assert all(re.fullmatch(r"/v[12]/[a-z_]+", path) for path in kind.paths)


@pytest.mark.parametrize("text", ["nMNejK7BT8oGbvO4", "zz_1", "", "_x", "transfer_1", "TR_1"])
def test_an_id_without_a_known_prefix_hints_at_nothing(text: str) -> None:
    assert kind_of(text) is None


# The permissions of the seed's table, written down here a second time.
SCOPES = {
    "acc": "account:view",
    "acno": "account_number:view",
    "cs": "payment:view",
    "cus": "customer:view",
    "ent": "entity:view",
    "inv": "billing:view",
    "link": "link:view",
    "pi": "payment:view",
    "po": "payout:view",
    "re": "refund:view",
    "ref": "refund:view",
    "tr": "transfer:view",
    "we": "webhook_endpoint:view",
}


def test_each_kind_that_fintoc_lists_needs_its_permission() -> None:
    assert {prefix: KINDS[prefix].scope for prefix in SCOPES} == SCOPES
    assert all(prefix.isascii() and not set(prefix) - set(string.ascii_lowercase) for prefix in KINDS)
