"""The tool ``{rail}_send_payment``: the first call requests a code, the second one pays."""

from collections.abc import Mapping
from typing import Any

from riel.money import Money
from riel.payments.requests import SEND_PAYMENT, payment_request
from riel.rail import WireModel
from riel.tools.arguments import check_with_code, with_code
from riel.tools.confirmation import ask_or_execute
from riel.tools.envelope import Envelope
from riel.tools.payment_tool import PaymentTool


class SendPayment(PaymentTool):
    """Request a code from a person, then pay once."""

    name, read_only, scope = SEND_PAYMENT, False, "payments:send"

    @property
    def title(self) -> str:
        """The title for people."""
        return f"Send a payment by {self.declaration.title}"

    @property
    def description(self) -> str:
        """The description for the model."""
        rail, money = self.declaration, Money(50000, self.declaration.currencies[0])
        return (
            f"Send {' or '.join(rail.currencies)} by {rail.title}. amount is in minor units: 50000 is {money}. First "
            "call without verificationCode: nothing moves, a person is asked and gets a code. Then call again with "
            "the same arguments and that code: it pays once, and a repeated call pays nothing more. pending is not a "
            f"failure: do not pay again, call {rail.name}_check_status."
        )

    @property
    def model(self) -> type[WireModel]:
        """The model of its arguments."""
        return with_code(self.declaration.payment)

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Request a code, or pay with one."""
        payment, code = check_with_code(self.declaration.payment, arguments, self.rail)
        request = payment_request(self.rail, payment, principal, tool=self.name, arguments=payment)
        return await ask_or_execute(self, request, code)
