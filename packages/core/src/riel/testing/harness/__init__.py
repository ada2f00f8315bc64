"""A payment engine at work in the process of a test, with everything real but the provider, the approver and the time.

An agent calls the tools of one rail, an approver reads the challenge, and the rail's client talks to its pretend bank::

    clock = Clock()
    bank = rail_zap.pretend_bank(clock=clock)
    async with run_harness(rail, tmp_path, settings=ZapSettings(**bank.settings), clock=clock) as harness:
        answer = await harness.confirm("send_payment", phone="5550100", amount=50_000)
        assert answer["data"]["status"] == "success"
        assert len(list(bank.debits())) == 1
"""

from riel.http_server import serve_http
from riel.testing.harness.approver import Approver
from riel.testing.harness.clock import Clock
from riel.testing.harness.engine import Harness, activate, run_harness
from riel.testing.harness.limits import limits_guard
from riel.testing.harness.orders import draft_order, lookup_outcome, references, send_outcome
from riel.testing.harness.transport import ObservedTransport, http_client
from riel.tools import Scopes
from riel.tools.schema import input_schema

__all__ = [
    "Approver",
    "Clock",
    "Harness",
    "ObservedTransport",
    "Scopes",
    "activate",
    "draft_order",
    "http_client",
    "input_schema",
    "limits_guard",
    "lookup_outcome",
    "references",
    "run_harness",
    "send_outcome",
    "serve_http",
]
