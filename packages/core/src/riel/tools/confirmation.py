"""The two calls of a tool that moves money: without a code it asks a person, with the code it pays."""

from typing import Protocol

from riel.catalog import ActiveRail
from riel.journal import State
from riel.money import mask_account
from riel.payments import PaymentEngine, PaymentRequest
from riel.redaction import Redactor
from riel.tools.envelope import Envelope, challenge_data, failure, receipt, refusal, success


class ConfirmingTool(Protocol):
    """A tool that moves money: ``send_payment``, ``request_refund``, or a rail's own."""

    @property
    def engine(self) -> PaymentEngine: ...
    @property
    def rail(self) -> ActiveRail: ...
    @property
    def logs(self) -> Redactor: ...


def mask_in_logs(tool: ConfirmingTool, request: PaymentRequest) -> None:
    """Mask the account number of the payee in the logs from here on."""
    account = request.terms.payee.account
    tool.logs.remember(account, mask_account(account))


async def ask_or_execute(tool: ConfirmingTool, request: PaymentRequest, code: str | None) -> Envelope:
    """Without ``code``, open a challenge; with it, execute ``request`` once and answer with its status."""
    mask_in_logs(tool, request)
    if code is None:
        challenge, delivery = await tool.engine.ask(request)
        return success(challenge_data(challenge, delivery, tool.engine.now()))
    tool.logs.remember(code)
    record = await tool.engine.confirm(request, code)
    if record.state is State.REJECTED:
        return failure(refusal(tool.rail, record), mode=record.mode)
    return success(receipt(tool.rail, record))
