"""A pretend Fintoc whose payments a test can pay, and whose books it can look into."""

import asyncio
import json
from typing import Any

from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.merchant_balance import MerchantBalance
from rail_fintoc.sandbox.ledger.organisation import ModeStore
from rail_fintoc.sandbox.routes import ROUTES
from rail_fintoc.sandbox.seed.companies import fixed_id

from .sandbox_support import SandboxDriver

PAYMENT, MEXICAN, UNKNOWN_PAYER = fixed_id("pi", "CLP"), fixed_id("pi", "MXN"), fixed_id("pi", "Cash")
ACCOUNT = {
    "holder_id": "41.579.263-8",
    "institution_id": "cl_banco_estado",
    "number": "123456",
    "type": "sight_account",
}
LISTENING = {"webhook_url": "http://127.0.0.1:9/hook", "opening_balance": 0}
"""One endpoint is told of everything; no opening balance that would be news, too."""

OLD = "2025-08-13"
"""The last version before v2 had payments."""


class PaymentsDriver(SandboxDriver):
    """A world with a window into its books."""

    def __post_init__(self) -> None:
        self._books: list[ModeStore] = []
        self.options["routes"] = (*ROUTES, ApiRoute(method="GET", path="/window", handler=self._look))
        super().__post_init__()

    def _look(self, asked: ApiRequest) -> ApiResponse:
        self._books[:] = [asked.store]
        return ApiResponse({})

    async def books(self) -> ModeStore:
        """All that the test mode holds now."""
        await self.get("/window")
        return self._books[0]

    async def balance(self, currency: str = "CLP") -> int:
        """What Fintoc holds for the merchant."""
        return (await self.books()).single(MerchantBalance).balance(currency)

    async def session(self, **change: Any) -> Any:
        """A checkout session that was just opened."""
        return await self.post("/v2/checkout_sessions", {"amount": 10_000, "currency": "CLP"} | change)

    async def paid(self, amount: int = 10_000, **change: Any) -> str:
        """The id of a payment that was just made."""
        session = await self.session(amount=amount, **change)
        done = await self.post(f"/_sandbox/checkout_sessions/{session['id']}", {"status": "succeeded"})
        return str(done["payment_resource"]["payment_intent"]["id"])

    async def hears(self, *types: str) -> list[dict[str, Any]]:
        """The events that were told, once as many have come as are named; they must be those, in this order."""
        for _ in range(1000):
            if len(self.heard) >= len(types):
                break
            await asyncio.sleep(0)
        told: list[dict[str, Any]] = [json.loads(request.content) for request in self.heard]
        assert [event["type"] for event in told] == list(types)
        return told

    async def refund(self, payment: str = PAYMENT, **change: Any) -> Any:
        """A refund that was just asked for."""
        return await self.post("/v1/refunds", refund_of(payment, **change))


def refund_of(payment: str = PAYMENT, **change: Any) -> dict[str, Any]:
    """The body that asks for a refund."""
    return {"resource_id": payment, "resource_type": "payment_intent"} | change


async def refused(
    world: SandboxDriver, method: str, path: str, body: Any = None, **how: Any
) -> tuple[int, str, str | None]:
    """Status, code and parameter of an answer that must be an error, and a whole one."""
    answer = await world.send(method, path, body, **how)
    assert answer.status_code >= 400, answer.text
    told = answer.json()["error"]
    assert set(told) == {"type", "code", "message", "param", "doc_url"}
    assert all((told["type"], told["message"]))
    return answer.status_code, told["code"], told["param"]


MISSING = (404, "missing_resource", None)
INVALID_VERSION = (403, "invalid_api_version", None)
NOT_NOW = (409, "operation_not_allowed", None)
