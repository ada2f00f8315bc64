"""Payments built from a provider's data: a person confirms the built payment, not only the agent's arguments.

The payment is built again when the code comes. If the provider's data differs by then, or is gone, the answer must not
say that nothing was done: the data may have changed because the payment was made.
"""

from collections.abc import Awaitable, Callable

from riel.errors import Code, NotConfirmed, NotFound, NothingSent, Rejected
from riel.payments import PaymentRequest
from riel.payments.requests import payment_request
from riel.rail import Payment, WireModel
from riel.tools.confirmation import ConfirmingTool, ask_or_execute, mask_in_logs
from riel.tools.envelope import Envelope
from riel.tools.provider_refusal import provider_refusal

Precheck = Callable[[PaymentRequest], Awaitable[None]]
"""Raises for a request about which no person should be asked."""


async def confirm_derived_payment(
    tool: ConfirmingTool,
    name: str,
    arguments: WireModel,
    code: str | None,
    principal: str,
    build: Callable[[], Awaitable[Payment | None]],
    precheck: Precheck | None = None,
) -> Envelope:
    """Ask a person to confirm the payment that ``build`` returns, or pay it with their code.

    :param name: the tool's name: a code for one tool does not confirm the same payment by another.
    """
    try:
        payment = await _built(tool, build)
        if payment is None:
            raise NotFound
    except NothingSent as refusal:
        if code is None or refusal.error.retryable:
            raise
        if refusal.error.code == Code.RAIL_BROKEN:  # the code may have been used before the rail failed
            problem = f"it could not build the payment of {name}"
            raise NothingSent(Code.RAIL_TOOL_FAILED, rail=tool.rail.declaration.name, problem=problem) from refusal
        raise _changed(tool, refusal) from refusal
    request = payment_request(tool.rail, payment, principal, tool=name, arguments=arguments, by_others=True)
    mask_in_logs(tool, request)
    if code is None and precheck is not None:
        await precheck(request)
    try:
        return await ask_or_execute(tool, request, code)
    except NotConfirmed as refusal:
        unasked = refusal.error.code in {Code.TWO_FA_MISMATCH, Code.TWO_FA_NOT_REQUESTED}
        if code is None or not unasked or "attemptsLeft" in refusal.error.details:
            raise
        raise _changed(tool, refusal) from refusal


async def _built(tool: ConfirmingTool, build: Callable[[], Awaitable[Payment | None]]) -> Payment | None:
    """Build the payment.

    :raises NothingSent: the provider refused, or did not answer, or the rail failed.
    """
    try:
        return await build()
    except Rejected as refused:
        raise provider_refusal(tool, refused) from refused


def _changed(tool: ConfirmingTool, refusal: NothingSent) -> NothingSent:
    """The provider's data is not what it was when the person was asked: perhaps because this payment was made."""
    details = {**refusal.error.details, "cause": refusal.error.code}
    return NothingSent(Code.TERMS_CHANGED, rail=tool.rail.declaration.title, details=details)
