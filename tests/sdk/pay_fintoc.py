"""The official Python SDK of Fintoc pays through the pretend one. It runs where nothing of riel is installed.

``python pay.py URL KEYFILE``: everything that a user of the SDK would do, and what they may rely on.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import fintoc.core
from fintoc.errors import AuthenticationError, InvalidRequestError
from fintoc.webhook import WebhookSignature

TOLD: list[tuple[str, str]] = []


class Listener(BaseHTTPRequestHandler):
    """Whoever receives the webhooks."""

    def do_POST(self) -> None:
        """One event."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        TOLD.append((body, self.headers["Fintoc-Signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def until(what: str, done: Any, seconds: float = 20) -> Any:
    """What ``done`` returns once it is something."""
    begun = time.monotonic()
    while not (found := done()):
        if time.monotonic() > begun + seconds:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.1)
    return found


def main(url: str, key: str) -> None:
    """Each step, and a word about it."""
    fintoc.core.API_BASE_URL = url
    client = fintoc.core.Fintoc("sk_test_riel", "2026-02-01", jws_private_key=key)
    listener = HTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=listener.serve_forever, daemon=True).start()
    endpoint = client.webhook_endpoints.create(
        url=f"http://127.0.0.1:{listener.server_port}/hooks", enabled_events=["transfer.outbound.succeeded"]
    )
    secret = endpoint.secret
    print("a webhook endpoint, whose secret is told once:", secret[:6] + "…")

    for number in range(5):
        client.v2.customers.create(email=f"c{number}@example.com", name=f"Customer {number}")
    customers = list(client.v2.customers.list(limit=2))
    assert len(customers) >= 7, len(customers)
    assert len({customer.id for customer in customers}) == len(customers)
    print("customers, two to a page:", len(customers))
    assert len(list(client.payment_intents.list(per_page=2))) >= 2
    print("payment intents of v1, two to a page")

    account = next(account for account in client.v2.accounts.list() if account.currency == "MXN")
    before = account.available_balance
    paid = client.v2.transfers.create(
        idempotency_key="sdk-1",
        amount=50000,
        currency="MXN",
        account_id=account.id,
        counterparty={"account_number": "014027000005555558", "holder_name": "Jon Snow"},
        comment="From the SDK",
    )
    again = client.v2.transfers.create(
        idempotency_key="sdk-1",
        amount=50000,
        currency="MXN",
        account_id=account.id,
        counterparty={"account_number": "014027000005555558", "holder_name": "Jon Snow"},
        comment="From the SDK",
    )
    assert (paid.id, paid.status) == (again.id, again.status) == (paid.id, "pending")
    done = until("the transfer", lambda: _in(client.v2.transfers.get(paid.id), "succeeded"))
    assert client.v2.accounts.get(account.id).available_balance == before - 50000
    print("a signed transfer, repeated with its key, paid once:", done.id)
    assert paid.id in {transfer.id for transfer in client.v2.transfers.list(direction="outbound", status="succeeded")}

    number = next(number for number in client.v2.account_numbers.list(account_id=account.id))
    came = client.v2.simulate.receive_transfer(account_number_id=number.id, amount=10000, currency="MXN")
    until("the inbound transfer", lambda: _in(client.v2.transfers.get(came.id), "succeeded"))
    back = client.v2.transfers.return_(transfer_id=came.id)
    assert back.status == "return_pending", back.status
    until("its return", lambda: _in(client.v2.transfers.get(came.id), "returned"))
    print("a received transfer, given back:", came.id)

    try:
        fintoc.core.Fintoc("sk_test_riel").v2.transfers.create(amount=1, currency="MXN", account_id=account.id)
    except AuthenticationError as refused:
        print("an unsigned transfer is refused:", str(refused).splitlines()[0])
    else:
        sys.exit("an unsigned transfer was taken")
    try:
        client.v2.transfers.get("tr_nobody")
    except InvalidRequestError as missing:
        print("an unknown id:", missing)
    else:
        sys.exit("an unknown id was found")

    body, signature = until("a webhook", lambda: TOLD)[0]
    assert WebhookSignature.verify_header(body, signature, secret)
    print("a webhook, verified by the SDK")
    listener.shutdown()


def _in(transfer: Any, status: str) -> Any:
    return transfer if transfer.status == status else None


main(sys.argv[1], sys.argv[2])
