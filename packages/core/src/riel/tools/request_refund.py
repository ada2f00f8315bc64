"""The tool ``{rail}_request_refund``: money back in the way that the rail allows.

The rail refunds a payment, or a received payment is returned, or only a person can ask for the money: then a case is
opened and nothing moves.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from riel.errors import Code, NotFound, NothingSent
from riel.journal import PaymentRecord, State
from riel.payments import rail_calls
from riel.payments.requests import REQUEST_REFUND, refund_amount, refund_request
from riel.rail import Refund, WireModel
from riel.text import clean_text
from riel.tools.arguments import check_with_code, with_code
from riel.tools.confirmation import ask_or_execute
from riel.tools.derived_payment import confirm_derived_payment
from riel.tools.envelope import Envelope, manual_refund_data, success
from riel.tools.payment_tool import PaymentTool

MAX_FACT = 2000
"""The longest fact of a manual refund, in characters."""


class RequestRefund(PaymentTool):
    """Request a refund of a payment, or return a received one; each is confirmed like a payment."""

    name, read_only, scope = REQUEST_REFUND, False, "payments:refund"

    @property
    def title(self) -> str:
        """The title for people."""
        return f"Request a refund by {self.declaration.title}"

    @property
    def description(self) -> str:
        """The description for the model."""
        rail, able = self.declaration, self.declaration.capabilities
        calls = f"in two calls like {rail.name}_send_payment: first without verificationCode, then with it"
        in_part = able.partial_refund.available
        if able.refund.available:
            amount, reason = ("in full or in part", "") if in_part else ("in full", f" {able.partial_refund.reason}")
            return f"Refund a settled {rail.title} payment {amount}, {calls}.{reason}"
        sentences = [able.refund.reason]
        if rail.manual_refund:
            sentences.append(
                "For a payment that you sent, this opens a case and returns what a person needs to ask for the money; "
                "nothing moves."
            )
        if able.returns.available:
            sentences.append(f"A payment that you received is sent back{'' if in_part else ' in full'}, {calls}.")
        return " ".join(sentences)

    @property
    def model(self) -> type[WireModel]:
        """The model of its arguments."""
        return with_code(self.declaration.refund)

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Request a code, refund with it, or say how the money can come back."""
        refund, code = check_with_code(self.declaration.refund, arguments, self.rail)
        able, reference = self.declaration.capabilities, getattr(refund, self.declaration.reference_field)
        if not (able.refund.available or able.returns.available or self.declaration.manual_refund):
            raise NothingSent(Code.NOT_SUPPORTED, reason=able.refund.reason)
        try:
            original = await self.engine.find(self.declaration.name, reference, principal)
        except NotFound:
            if not able.returns.available:
                raise
            return await self._return_received(refund, code, principal)
        if not isinstance(original, PaymentRecord) or original.kind != "payment":
            raise NothingSent(Code.NOT_REFUNDABLE)
        if able.refund.available:
            return await self._refund(refund, code, original, principal)
        if self.declaration.manual_refund is None:
            raise NothingSent(Code.NOT_SUPPORTED, reason=able.refund.reason)
        return await self._open_case(refund, original)

    async def _refund(self, refund: Refund, code: str | None, original: PaymentRecord, principal: str) -> Envelope:
        """Refund through the rail."""
        able = self.declaration.capabilities
        if original.payer != self.rail.payer:
            raise NothingSent(Code.OTHER_ACCOUNT)
        amount = refund_amount(refund, original)
        if amount != original.money.amount and not able.partial_refund.available:
            raise NothingSent(Code.NOT_SUPPORTED, reason=able.partial_refund.reason)
        if code is None:
            await self._check_refundable(original, amount)
        request = refund_request(self.rail, refund, original, principal)
        return await ask_or_execute(self, request, code)

    async def _check_refundable(self, original: PaymentRecord, amount: int) -> None:
        """Refuse before a person is asked; the journal checks the same again."""
        if original.state is not State.SETTLED:
            raise NothingSent(Code.NOT_REFUNDABLE)
        if original.refunded >= original.money.amount:
            raise NothingSent(Code.ALREADY_REFUNDED)
        refundable = await self.engine.refundable(original)
        if amount > refundable.left:
            raise NothingSent(Code.REFUND_EXCEEDS_PAYMENT, details=refundable.details)

    async def _return_received(self, refund: Refund, code: str | None, principal: str) -> Envelope:
        """Return a received payment to its payer, by a payment that is confirmed, limited and sent like any other."""
        build = partial(self.engine.build_return, self.declaration.name, refund)
        return await confirm_derived_payment(
            self, self.name, refund, code, principal, build, self.engine.refuse_duplicate
        )

    async def _open_case(self, refund: Refund, original: PaymentRecord) -> Envelope:
        """Open a case for a settled payment, with the facts a person needs to ask for the money; nothing moves."""
        if original.state is not State.SETTLED:
            return success(manual_refund_data(self.rail, original))
        case = await self.engine.open_refund_case(original, refund.reason)
        return success(manual_refund_data(self.rail, original, case, self._refund_facts(original)))

    def _refund_facts(self, original: PaymentRecord) -> dict[str, str]:
        """The rail's facts for the person, by name; empty if the rail fails to give them."""
        facts = rail_calls.manual_refund(self.rail, original.order())
        return {clean_text(name): clean_text(words, MAX_FACT) for name, words in facts.items()}
