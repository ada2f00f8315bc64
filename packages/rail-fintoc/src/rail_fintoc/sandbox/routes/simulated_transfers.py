"""Fintoc's own way of letting money arrive in test mode: ``/v2/simulate``."""

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import Asked, Reply, Way
from rail_fintoc.sandbox.ledger.accounts import AccountNumber
from rail_fintoc.sandbox.ledger.transfer import Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger
from rail_fintoc.sandbox.routes.counterparties import somebody
from rail_fintoc.sandbox.routes.transfers import LONGEST_COMMENT, LONGEST_REFERENCE

SENDER = ("holder_id", "holder_name", "account_number", "account_type", "institution_id")


def receive(asked: Asked) -> Reply:
    """``POST /v2/simulate/receive_transfer``: the sender's fields come as ``counterparty_…`` or in an object."""
    body = asked.body
    amount, currency = body.whole("amount", required=True) or 0, body.currency()
    return _received(asked, body.needed("account_number_id"), amount, currency)


def receive_v1(asked: Asked) -> Reply:
    """``POST /v1/simulate/receive-transfer``: the same in older words."""
    body = asked.body
    amount, currency = body.whole("amount", required=True) or 0, body.currency("currency_code")
    return _received(asked, body.needed("destination_account_number_id"), amount, currency)


def _received(asked: Asked, number_id: str, amount: int, currency: str) -> Reply:
    body, world = asked.body, asked.world
    comment = body.text("comment", longest=LONGEST_COMMENT, code="invalid_comment_size")
    reference = body.text("reference_id", longest=LONGEST_REFERENCE, code="invalid_reference_id_size")
    number = asked.books.shelf(AccountNumber).find(number_id)
    if number.account.currency != currency:
        raise Refused(400, "mismatch_transfer_account_currency", f"The account holds {number.account.currency}")
    transfer = Transfer(
        id=world.id("tr"),
        mode=asked.mode,
        number=number,
        amount=amount,
        direction="inbound",
        at=asked.now,
        counterparty=somebody(currency, _sender(body), world.randomness),
        comment=comment,
        reference_id=reference or str(len(asked.books.shelf(Transfer)) + 1),
    )
    told = Ledger(asked.books).receive(transfer).told(asked.version)
    return Reply(told | {"status": "pending", "receipt_url": None}, 201)


def _sender(body: Body) -> Body:
    nested = body.within("counterparty")
    flat = {name: body[f"counterparty_{name}"] for name in SENDER if f"counterparty_{name}" in body}
    return Body({**nested, **flat}, "counterparty")


WAYS = (
    Way(method="POST", path="/v2/simulate/receive_transfer", answer=receive),
    Way(method="POST", path="/v2/simulate/receive-transfer", answer=receive),
    Way(method="POST", path="/v1/simulate/receive-transfer", answer=receive_v1),
)
