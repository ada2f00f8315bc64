"""The third tool that every rail gets: ask for a refund, in whichever way the rail has money come back.

The rail pays back itself, or gives back what it received, or only a person can ask for it: then nothing moves, and the
answer says so.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from riel.confirm import Terms
from riel.errors import NotFound, NothingSent
from riel.journal import PaymentRecord, State
from riel.money import Money
from riel.payments import PaymentRequest
from riel.rail import Refund, WireModel
from riel.text import clean_text
from riel.tools.arguments import CODE_FIELD, check, with_code
from riel.tools.derived_payment import confirm_derived_payment
from riel.tools.envelope import Envelope, manual_refund_data, success
from riel.tools.send_payment import PaymentTool, ask_or_execute, bound_to, plain

log = logging.getLogger(__name__)

MOST_WORDS = 2000
"""How long one of the things may be that a person is told."""


class RequestRefund(PaymentTool):
    """Ask a person, then ask the rail to pay back once."""

    name, read_only, scope = "request_refund", False, "payments:refund"

    @property
    def title(self) -> str:
        """For people."""
        return f"Request a refund by {self.declaration.title}"

    @property
    def description(self) -> str:
        """For the model."""
        able = self.declaration.capabilities
        part = "" if able.partial_refund.available else f" Only the whole amount: {able.partial_refund.reason}"
        if not able.refund.available:
            return f"{self.declaration.title} makes no refunds of what was sent: {able.refund.reason} {self._instead}"
        return (
            f"Ask {self.declaration.title} to pay back a settled payment. "
            f"It works like {self.declaration.name}_send_payment: the first call asks a person, "
            f"the second, with their verificationCode, is done once.{part}"
        )

    @property
    def _instead(self) -> str:
        """What the tool does where the rail takes nothing back."""
        if not (self.declaration.manual_refund or self.declaration.capabilities.returns.available):
            return "The tool answers with that."
        told = ["For a settled payment it opens a case and says what a person needs."] * bool(
            self.declaration.manual_refund
        )
        if self.declaration.capabilities.returns.available:
            whole = "" if self.declaration.capabilities.partial_refund.available else ", whole"
            told.append(
                f"A payment that was received is given back{whole}: the first call asks a person, the second, with "
                "their verificationCode, is done once."
            )
        return " ".join(told)

    @property
    def model(self) -> type[WireModel]:
        """Its arguments."""
        return with_code(self.declaration.refund)

    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Ask, or pay back what a code confirms; or say how the money can come back, if at all."""
        refund = check(self.model, arguments, self.rail)
        assert isinstance(refund, Refund)  # noqa: S101 (with_code adds a field to the rail's own model)
        able, reference = self.declaration.capabilities, getattr(refund, self.declaration.reference_field)
        if not (able.refund.available or able.returns.available or self.declaration.manual_refund):
            raise _not_supported(able.refund.reason)
        try:
            original = await self.engine.find(self.declaration.name, reference, principal)
        except NotFound:
            if not able.returns.available:
                raise
            return await self._give_back(refund, principal)
        if not isinstance(original, PaymentRecord) or original.kind != "payment":
            raise _not_refundable()
        if able.refund.available:
            return await self._refund(refund, original, principal)
        if self.declaration.manual_refund is None:
            raise _not_supported(able.refund.reason)
        return await self._by_hand(refund, original)

    async def _refund(self, refund: Refund, original: PaymentRecord, principal: str) -> Envelope:
        """The rail pays back."""
        able, code = self.declaration.capabilities, getattr(refund, CODE_FIELD)
        if original.payer != self.rail.payer:
            raise NothingSent(
                "It was paid from another account than this server's.",
                code="OTHER_ACCOUNT",
                next_action="Ask for the refund where it was paid.",
            )
        amount = getattr(refund, "amount", None) or original.money.amount
        if amount != original.money.amount and not able.partial_refund.available:
            raise _not_supported(able.partial_refund.reason)
        if code is None:
            _refundable(original, amount)
        terms = Terms(
            kind="refund",
            rail=self.declaration.name,
            mode=self.rail.mode,
            principal=principal,
            payer=bound_to(self.rail),
            payee=original.payee,
            money=Money(amount, original.money.currency),
            arguments=plain(refund),
            original=original.id,
        )
        request = PaymentRequest(terms=terms, rail=self.rail, model=refund, purpose=refund.reason, original=original)
        return await ask_or_execute(self, request, code)

    async def _give_back(self, refund: Refund, principal: str) -> Envelope:
        """We received it, so it is given back by a payment to whoever paid it: confirmed, limited and sent as one."""
        making = partial(self.engine.build_return, self.declaration.name, refund)
        return await confirm_derived_payment(self, self.name, refund, principal, making, self.engine.refuse_duplicate)

    async def _by_hand(self, refund: Refund, original: PaymentRecord) -> Envelope:
        """Nothing moves. For a settled payment a case is opened, with what a person needs to ask for the money."""
        if original.state is not State.SETTLED:
            return success(manual_refund_data(self.rail, original))
        case = await self.engine.open_refund_case(original, refund.reason)
        return success(manual_refund_data(self.rail, original, case, self._for_the_person(original)))

    def _for_the_person(self, original: PaymentRecord) -> dict[str, str]:
        """What the rail says a person needs, in names and words; a rail that fails at it says nothing."""
        assert self.declaration.manual_refund is not None  # noqa: S101 (run looked)
        try:
            told = self.declaration.manual_refund(original.order())
            return {clean_text(name): clean_text(words, MOST_WORDS) for name, words in told.items()}
        except (Exception, SystemExit) as failure:
            log.warning(
                "the rail %r failed to say what a person needs (%s)", self.declaration.name, type(failure).__name__
            )
            return {}


def _refundable(original: PaymentRecord, amount: int) -> None:
    """Refuse at once what the journal would refuse in the end."""
    if original.state is not State.SETTLED:
        raise _not_refundable()
    if amount > original.money.amount - original.refunded:
        raise NothingSent(
            "The refund is more than what is left of the payment. Nothing was sent.",
            code="REFUND_EXCEEDS_PAYMENT",
            next_action="Ask for at most refundable, in minor units.",
            details={"refundable": original.money.amount - original.refunded},
        )


def _not_refundable() -> NothingSent:
    return NothingSent(
        "Only a settled payment can be refunded. Nothing was sent.",
        code="NOT_REFUNDABLE",
        next_action="Check its status first.",
    )


def _not_supported(reason: str) -> NothingSent:
    return NothingSent(reason, code="NOT_SUPPORTED", next_action="Nothing was sent. Tell the person why.")
