"""The 18 tools have exactly the names, permissions and parameters that Fintoc documents, and are open to whom they are
granted and to nobody else."""

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from rail_fintoc.models import FintocPayment
from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id
from rail_fintoc.tools import TOOLS
from riel.testing.harness import input_schema

from .harness_support import MEXICO, FintocBank, FintocHarness, fintoc_harness
from .payments_support import PAYMENT

pytestmark = pytest.mark.anyio

# Fintoc's page of its MCP server, line by line: the tool and the permission that it requires.
PERMISSIONS = {
    "list_accounts": "account:view",
    "list_account_numbers": "account_number:view",
    "create_account_number": "account_number:manage",
    "list_checkout_sessions": "payment:view",
    "list_customers": "customer:view",
    "create_customer": "customer:create",
    "list_entities": "entity:view",
    "list_invoices": "billing:view",
    "list_links": "link:view",
    "list_payment_intents": "payment:view",
    "list_payouts": "payout:view",
    "list_refunds": "refund:view",
    "create_refund": "refund:manage",
    "cancel_refund": "refund:manage",
    "list_transfers": "transfer:view",
    "list_webhook_endpoints": "webhook_endpoint:view",
    "fetch_resource": "",
    "feedback": "feedback:create",
}
EXTRAS = {"list_movements": "account:view", "verify_account": "transfer:manage"}
WRITES = {"create_account_number", "create_customer", "create_refund", "cancel_refund", "verify_account", "feedback"}

V1, V2 = {"page", "per_page"}, {"limit", "starting_after", "ending_before"}
OURS = {"fields", "verificationCode", "idempotency_key", "tool"}
# The REST parameters of each, the required ones with an asterisk; v1 and v2 stand for the pagination of each.
PARAMETERS = {
    "list_accounts": "entity_id status v2",
    "list_account_numbers": "account_id no_transfers_since v2",
    "create_account_number": "account_id* description metadata options",
    "list_checkout_sessions": "v2",
    "list_customers": "v2",
    "create_customer": "email name phone tax_id address metadata",
    "list_entities": "holder_id status is_root v2",
    "list_invoices": "subscription v2",
    "list_links": "status v1",
    "list_payment_intents": "since until v2",
    "list_payouts": "since until status v1",
    "list_refunds": "since until status v1",
    "create_refund": "resource_id* resource_type* amount recipient_account metadata",
    "cancel_refund": "id*",
    "list_transfers": "account_id account_number_id transfer_batch_id direction status since until v2",
    "list_webhook_endpoints": "v1",
    "fetch_resource": "id*",
    "feedback": "message*",
}
CHOICES = {
    "list_accounts": {"status": "active blocked closed"},
    "list_entities": {
        "status": "draft under_review pending_signature canceled waiting_initialization operational rejected paused"
    },
    "list_links": {"status": "active inactive login_required"},
    "list_payouts": {"status": "in_progress succeeded canceled returned"},
    "list_refunds": {"status": "pending in_progress succeeded failed canceled"},
    "list_transfers": {
        "direction": "inbound outbound",
        "status": "pending succeeded rejected failed return_pending returned reject_failed",
    },
}
INSIDE = {
    ("create_account_number", "options"): "min_amount max_amount",
    ("create_customer", "tax_id"): "type value",
    ("create_customer", "address"): "country city state line1 line2 postal_code",
    ("create_refund", "recipient_account"): "holder_id holder_name institution_id number type",
}
# A call of each that is answered, and that moves nothing before a person confirmed.
CALLS: dict[str, dict[str, Any]] = {
    "create_account_number": {"account_id": ACCOUNT},
    "create_customer": {"email": "a@b.cl"},
    "create_refund": {"resource_id": PAYMENT, "resource_type": "payment_intent", "amount": 500},
    "cancel_refund": {"id": fixed_id("re", "CLP")},
    "fetch_resource": {"id": ACCOUNT},
    "feedback": {"message": "It works."},
    "list_movements": {"account_id": ACCOUNT},
    "verify_account": {"account_number": MEXICO["accountNumber"]},
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def schema(name: str) -> dict[str, Any]:
    (tool,) = [tool for tool in TOOLS if tool.name == name]
    return input_schema(tool.input)


def choices(argument: dict[str, Any]) -> set[str]:
    return set(argument.get("items", argument)["enum"])


def test_there_are_fintocs_18_and_two_more_each_with_its_permission() -> None:
    assert {tool.name: tool.scope for tool in TOOLS} == PERMISSIONS | EXTRAS
    assert len(PERMISSIONS) == 18
    assert len(TOOLS) == 20


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_takes_exactly_the_parameters_of_the_api(name: str) -> None:
    said, paging = PARAMETERS[name].split(), {"v1": V1, "v2": V2}
    wanted = {one.strip("*") for one in said} - set(paging)
    for version in set(said) & set(paging):
        wanted |= paging[version]
    found = schema(name)
    assert set(found["properties"]) - OURS == wanted
    assert set(found.get("required", [])) == {one.strip("*") for one in said if one.endswith("*")}
    for argument, values in CHOICES.get(name, {}).items():
        assert choices(found["properties"][argument]) == set(values.split())
    assert ("fields" in found["properties"]) == name.startswith("list_")


@pytest.mark.parametrize(("name", "argument"), INSIDE)
def test_what_is_inside_of_a_parameter_is_as_in_the_api_too(name: str, argument: str) -> None:
    found = schema(name)
    inside = found["properties"][argument]
    assert set(inside["properties"]) == set(INSIDE[name, argument].split())


async def test_a_client_sees_which_tools_only_read_and_which_can_move_money(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness, served(harness) as client:
        listed = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert set(listed) == {f"fintoc_{name}" for name in (*PERMISSIONS, *EXTRAS, "search_docs", *THREE)}
        for name in (*PERMISSIONS, *EXTRAS):
            told = listed[f"fintoc_{name}"]
            assert told is not None
            assert told.read_only_hint == (name not in WRITES)


THREE = ("send_payment", "check_status", "request_refund")


def served(harness: FintocHarness) -> Client:
    """The official client, connected to a server with these tools."""
    return Client(harness.server)


@pytest.mark.parametrize("name", [*PERMISSIONS, *EXTRAS])
async def test_each_answers_a_session_with_its_permission(name: str, tmp_path: Path) -> None:
    granted = [PERMISSIONS.get(name) or EXTRAS.get(name) or "account:view"]
    async with fintoc_harness(tmp_path, granted=granted) as harness, served(harness) as client:
        assert f"fintoc_{name}" in {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool(f"fintoc_{name}", CALLS.get(name, {}))
        assert not answer.is_error, answer
        assert answer.structured_content is not None
        assert answer.structured_content["error"] is None
        assert answer.structured_content["data"]["mode"] == "sandbox"


@pytest.mark.parametrize("name", [name for name, scope in (PERMISSIONS | EXTRAS).items() if scope])
async def test_each_is_hidden_from_a_session_without_it_and_refuses_when_called(name: str, tmp_path: Path) -> None:
    others = sorted({*PERMISSIONS.values(), *EXTRAS.values()} - {(PERMISSIONS | EXTRAS)[name], ""})
    async with fintoc_harness(tmp_path, granted=others) as harness, served(harness) as client:
        assert f"fintoc_{name}" not in {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool(f"fintoc_{name}", CALLS.get(name, {}))
        assert answer.is_error
        assert answer.structured_content is not None
        assert answer.structured_content["error"]["code"] == "SCOPE_NOT_GRANTED"
        assert harness.bank.transport.requests == []


@pytest.mark.parametrize(
    ("id_", "scope"),
    [
        (ACCOUNT, "account:view"),
        ("acno_1", "account_number:view"),
        ("tr_1", "transfer:view"),
        ("accv_1", "transfer:view"),
        ("ent_1", "entity:view"),
        ("cs_1", "payment:view"),
        ("pi_1", "payment:view"),
        ("pm_1", "payment:view"),
        ("pl_1", "payment:view"),
        ("plink_1", "payment:view"),
        ("dp_1", "payment:view"),
        ("re_1", "refund:view"),
        ("ref_1", "refund:view"),
        ("po_1", "payout:view"),
        ("cus_1", "customer:view"),
        ("inv_1", "billing:view"),
        ("sub_1", "billing:view"),
        ("link_1", "link:view"),
        ("we_1", "webhook_endpoint:view"),
    ],
)
async def test_fetching_needs_the_permission_of_what_is_fetched(id_: str, scope: str, tmp_path: Path) -> None:
    others = sorted({*PERMISSIONS.values()} - {scope, ""})
    async with fintoc_harness(tmp_path, granted=others) as harness:
        refused = await harness.error("fetch_resource", id=id_)
        assert (refused["code"], scope in refused["message"]) == ("SCOPE_NOT_GRANTED", True)
        assert harness.bank.transport.requests == []


async def test_a_session_that_only_reads_is_shown_and_may_call_what_only_reads(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, read_only=True) as harness, served(harness) as client:
        shown = {tool.name.removeprefix("fintoc_") for tool in (await client.list_tools()).tools}
        assert shown & WRITES == set()
        assert {"fetch_resource", "list_transfers", "check_status"} <= shown
        for name in sorted(WRITES):
            assert (await harness.error(name, **CALLS[name]))["code"] == "SCOPE_NOT_GRANTED"
        assert harness.bank.transport.requests == []


async def test_without_the_prefix_the_names_are_exactly_fintocs(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path, bank=FintocBank(overrides={"tool_prefix": ""})) as harness:
        names = set(harness.tools)
        assert set(PERMISSIONS) | set(EXTRAS) <= names
        assert {f"fintoc_{verb}" for verb in THREE} <= names
        assert not any(name.startswith("fintoc_list") for name in names)
        assert (await harness.data("list_accounts"))["untrusted"]["data"]


async def test_every_tool_says_what_it_does_and_no_name_is_taken_twice(tmp_path: Path) -> None:
    async with fintoc_harness(tmp_path) as harness:
        for name, tool in harness.tools.items():
            assert tool.title, name
            assert len(tool.description) > 60, name
        assert len(harness.tools) == len(PERMISSIONS) + len(EXTRAS) + len(THREE) + len({"search_docs"})
        assert harness.rail.declaration.payment is FintocPayment
