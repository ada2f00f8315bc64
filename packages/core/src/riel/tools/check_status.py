"""The tool ``{rail}_check_status``: where a payment or refund stands, from the journal and, where useful, the rail."""

import re
from collections.abc import Mapping
from typing import Any

from riel.journal import Challenge
from riel.payments.other_payers import OPEN
from riel.rail import WireModel
from riel.tools.arguments import check
from riel.tools.envelope import Envelope, challenge_data, on_the_wire, receipt, success
from riel.tools.payment_tool import PaymentTool

PAYMENT_ID = re.compile(r"pay_[0-9a-f]{32}")
"""riel's own id of a payment, accepted beside the rail's reference: an unconfirmed payment has no other."""


OTHER_PAYER = {
    "message": "The payment belongs to another payer than the one that is set up here, so nobody here can learn its "
    "outcome. Do not send it again: it may have been paid.",
    "nextAction": "Tell the operator.",
}
"""Of an open payment that only a server with the settings of its payer can look up."""


class CheckStatus(PaymentTool):
    """Report the status of a payment or refund."""

    name, read_only, scope = "check_status", True, "payments:read"

    @property
    def title(self) -> str:
        """The title for people."""
        return f"Check a payment by {self.declaration.title}"

    @property
    def description(self) -> str:
        """The description for the model."""
        field = on_the_wire(self.declaration, self.declaration.reference_field)
        return (
            f"Get the status of a {self.declaration.title} payment or refund: 2fa_required, declined or expired before "
            "it is confirmed; then pending, success, rejected, returned or refunded. "
            f"{field} is the one that {self.declaration.name}_send_payment returned, or its paymentId. Moves nothing."
        )

    @property
    def model(self) -> type[WireModel]:
        """The model of its arguments."""
        return self.declaration.lookup

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Look it up in the journal, and at the rail if the outcome is still open."""
        field = on_the_wire(self.declaration, self.declaration.reference_field)
        reference = arguments.get(field)
        if not (isinstance(reference, str) and PAYMENT_ID.fullmatch(reference) and len(arguments) == 1):
            reference = getattr(check(self.declaration.lookup, arguments, self.rail), self.declaration.reference_field)
        known = await self.engine.status(self.declaration.name, reference, principal)
        if isinstance(known, Challenge):
            return success(challenge_data(known, "", self.engine.now()))
        data = receipt(self.rail, known)
        if known.state in OPEN and not self.engine.context.can_ask(known):
            data |= OTHER_PAYER
        return success(data)
