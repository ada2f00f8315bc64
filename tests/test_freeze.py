"""``riel freeze`` on a running server: nothing new is asked, confirmed or sent, and what has left is looked up."""

import pytest

from .support.bank_process import BankProcess
from .support.invariants import check_invariants
from .support.operator_commands import Operator
from .support.processes import ForkServer
from .support.retrying_agent import PAYEE
from .support.server import SEND, STATUS, Installation, run_server

pytestmark = pytest.mark.anyio

WHAT = {**PAYEE, "amount": 50_000}


async def test_a_freeze_stops_a_running_server_with_its_next_call(
    fork_server: ForkServer, home: Installation, bank: BankProcess
) -> None:
    operator = Operator(fork_server, home, bank)
    async with run_server(fork_server, home, bank) as server:
        waiting = (await server.call(SEND, **WHAT))["data"]
        confirming = {**WHAT, "verificationCode": home.code(waiting["paymentId"])}
        assert (await operator.run("freeze", "--why", "a stolen phone"))[0] == 0
        for arguments in (confirming, {**WHAT, "amount": 60_000}):
            refused = (await server.call(SEND, **arguments))["error"]
            assert (refused["code"], refused["retryable"]) == ("FROZEN", True)
        status = await server.call(STATUS, trackingKey=waiting["paymentId"])
        assert status["data"]["status"] == "2fa_required", "what is only looked at goes on"
        assert bank.debits() == []
        code, _, err = await operator.run("thaw", "--why", "an agent has no terminal")
        assert (code, "a person at a terminal" in err) == (2, True)
        await server.leave()
    assert (await operator.run("audit", "verify"))[0] == 0
    await check_invariants(home, bank)
