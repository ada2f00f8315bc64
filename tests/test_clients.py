"""The official client lists and calls every tool, whichever way it opens the conversation."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from .wire_checks import checked
from .wire_support import LEGACY, MODERN, environment

pytestmark = pytest.mark.anyio
INVOICE = {"account": "5400000001", "amount": 50000, "concept": "Invoice #42", "recipientName": "Empresa Demo SA de CV"}
SEND, CHECK, REFUND = "mock_send_payment", "mock_check_status", "mock_request_refund"
SPOKEN = {"legacy": LEGACY, "auto": MODERN, MODERN: MODERN}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def served(folder: Path) -> StdioServerParameters:
    env = environment(folder, rails="mock", factor="file", factor_file=folder / "codes")
    return StdioServerParameters(command=sys.executable, args=["-m", "riel", "serve", "--sandbox"], env=env, cwd=folder)


class ConfirmingClient:
    """Whoever uses the client, and gets the codes."""

    def __init__(self, client: Client, codes: Path) -> None:
        self.client = client
        self.codes = codes
        self.schemas: dict[str, dict[str, Any]] = {}
        self.called: set[str] = set()

    async def list(self) -> set[str]:
        """The names of all tools."""
        listed = (await self.client.list_tools()).tools
        self.schemas = {tool.name: tool.output_schema or {} for tool in listed}
        return set(self.schemas)

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a call brings; the client itself checks it against the schema."""
        self.called.add(tool)
        result = await self.client.call_tool(tool, arguments)
        told = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        answer = checked(told, self.schemas[tool])
        return answer.data or answer.refusal

    async def confirmed(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call, read the code, and call again with it."""
        assert (await self.call(tool, arguments))["status"] == "2fa_required"
        code = json.loads(self.codes.read_text().splitlines()[-1])["code"]
        return await self.call(tool, arguments | {"verificationCode": code})


@pytest.mark.parametrize("mode", SPOKEN)
async def test_every_tool_is_listed_and_called(tmp_path: Path, mode: str) -> None:
    async with Client(served(tmp_path), mode=mode) as client:
        person = ConfirmingClient(client, tmp_path / "codes")
        assert client.protocol_version == SPOKEN[mode]
        server = client.server_info
        assert (server is None) if mode == MODERN else (server is not None and server.name == "riel")
        tools = await person.list()

        paid = await person.confirmed(SEND, INVOICE)
        assert (paid["status"], paid["amount"], paid["currency"]) == ("success", 50000, "MXN")
        assert await person.call(CHECK, {"trackingKey": paid["trackingKey"]}) == paid
        back = {"trackingKey": paid["trackingKey"], "reason": "wrong invoice"}
        assert (await person.confirmed(REFUND, back))["status"] == "success"
        assert (await person.call(CHECK, {"trackingKey": paid["trackingKey"]}))["status"] == "refunded"

        assert person.called == tools


@pytest.mark.parametrize("mode", SPOKEN)
async def test_an_error_reaches_the_caller_as_an_answer(tmp_path: Path, mode: str) -> None:
    async with Client(served(tmp_path), mode=mode) as client:
        person = ConfirmingClient(client, tmp_path / "codes")
        await person.list()
        refusal = await person.call(SEND, INVOICE | {"account": "5"})
        assert refusal["code"] == "MOCK_INVALID_ACCOUNT"
        refusal = await person.call(SEND, INVOICE | {"amount": 1.5})
        assert refusal["code"] == "INVALID_AMOUNT"
        refusal = await person.confirmed(SEND, INVOICE | {"account": "4020201001"})
        assert refusal["code"] == "MOCK_INSUFFICIENT_FUNDS"
