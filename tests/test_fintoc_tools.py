"""Each of Fintoc's 18 tools, through the official client, is done with its permission granted and refused without."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from rail_fintoc.sandbox.seed.companies import ACCOUNT, fixed_id

from .test_clients import ConfirmingClient
from .wire_support import environment

pytestmark = pytest.mark.anyio

PAYMENT, REFUND = fixed_id("pi", "CLP"), fixed_id("re", "CLP")


@dataclass(frozen=True)
class Called:
    """One tool: the permission it needs, what it is called with, and whether a person confirms it."""

    scope: str
    arguments: dict[str, Any]
    confirmed: bool = False


def lists(**scopes: str) -> dict[str, Called]:
    return {f"list_{what}": Called(scope, {}) for what, scope in scopes.items()}


TOOLS = {
    **lists(
        accounts="account:view",
        account_numbers="account_number:view",
        checkout_sessions="payment:view",
        customers="customer:view",
        entities="entity:view",
        invoices="billing:view",
        links="link:view",
        payment_intents="payment:view",
        payouts="payout:view",
        refunds="refund:view",
        transfers="transfer:view",
        webhook_endpoints="webhook_endpoint:view",
    ),
    "create_account_number": Called("account_number:manage", {"account_id": ACCOUNT}),
    "create_customer": Called("customer:create", {"email": "ana@example.com"}),
    "create_refund": Called(
        "refund:manage", {"resource_id": PAYMENT, "resource_type": "payment_intent", "amount": 100}, confirmed=True
    ),
    "cancel_refund": Called("refund:manage", {"id": REFUND}, confirmed=True),
    "fetch_resource": Called("account:view", {"id": ACCOUNT}),
    "feedback": Called("feedback:create", {"message": "It works."}),
}
"""As Fintoc's own MCP server has them."""

SCOPES = sorted({tool.scope for tool in TOOLS.values()} - {""})


def served(folder: Path, scopes: list[str]) -> StdioServerParameters:
    told = {"rails": "fintoc", "factor": "file", "factor_file": folder / "codes", "scopes": ",".join(scopes)}
    env = environment(folder, **told)
    return StdioServerParameters(command=sys.executable, args=["-m", "riel", "serve", "--sandbox"], env=env, cwd=folder)


def test_there_are_eighteen() -> None:
    assert len(TOOLS) == 18


@pytest.mark.parametrize("half", [0, 1])
async def test_every_tool_is_done_with_its_permission_and_refused_without(tmp_path: Path, half: int) -> None:
    granted = SCOPES[half::2]
    async with Client(served(tmp_path, granted)) as client:
        person = ConfirmingClient(client, tmp_path / "codes")
        listed = await person.list()
        for name, tool in TOOLS.items():
            if tool.scope in {"", *granted}:
                call = person.confirmed if tool.confirmed else person.call
                told = await call(f"fintoc_{name}", tool.arguments)
                assert "nextAction" not in told, (name, told)
                assert not tool.confirmed or told["status"] in {"success", "pending"}, (name, told)
                continue
            assert f"fintoc_{name}" not in listed or name == "fetch_resource"
            refused = await client.call_tool(f"fintoc_{name}", tool.arguments)
            assert refused.is_error
            assert (refused.structured_content or {})["error"]["code"] == "SCOPE_NOT_GRANTED", name
