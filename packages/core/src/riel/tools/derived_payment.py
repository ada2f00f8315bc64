"""Payments that are made of what a provider tells: a person confirms what was made, not only what was asked for.

The provider is asked again when the code comes. Where it tells something else by then, or nothing, nobody may conclude
that nothing was done: perhaps it tells so because it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from riel.errors import NotConfirmed, NotFound, NothingSent
from riel.payments import PaymentRequest
from riel.rail import Payment, WireModel
from riel.tools.arguments import CODE_FIELD
from riel.tools.envelope import Envelope
from riel.tools.send_payment import ConfirmingTool, ask_or_execute, build_request, plain

First = Callable[[PaymentRequest], Awaitable[None]]


async def confirm_derived_payment(
    verb: ConfirmingTool,
    name: str,
    asked: WireModel,
    principal: str,
    make: Callable[[], Awaitable[Payment | None]],
    before_asking: First | None = None,
) -> Envelope:
    """Ask whether what ``make`` makes of ``asked`` may be paid, or pay it.

    :param name: of the tool, so that a code for one is none for another that makes the same.
    :param before_asking: refuses what need not be asked.
    """
    code: str | None = getattr(asked, CODE_FIELD)
    try:
        payment = await make()
        if payment is None:
            raise NotFound("There is nothing of that name to pay.", next_action="Check the arguments.")
    except NothingSent as refusal:
        if code is None or refusal.problem.retryable:
            raise
        raise _not_with_this_code(refusal) from refusal
    arguments: dict[str, Any] = {"tool": name, "arguments": plain(asked), "made": plain(payment)}
    request = build_request(verb, payment, arguments, principal)
    if code is None and before_asking is not None:
        await before_asking(request)
    try:
        return await ask_or_execute(verb, request, code)
    except NotConfirmed as refusal:
        if code is None or refusal.problem.code != NotConfirmed.code or "attemptsLeft" in refusal.problem.details:
            raise
        raise _not_with_this_code(refusal) from refusal


def _not_with_this_code(refusal: NothingSent) -> NothingSent:
    """What the provider tells is not what it told when the person was asked: it may be so because this was done."""
    return NothingSent(
        "Nothing more is done with this code: what the provider tells is not what it was when the person was asked.",
        code=refusal.problem.code,
        next_action="It may have been done already: check the status of the paymentId that came with the question, and "
        "do not ask anew before that.",
        details=refusal.problem.details,
    )
