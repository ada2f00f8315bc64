"""What test mode can do and the real world does by itself: money arrives. And what only a pretend Fintoc can do.

``/v2/simulate`` is Fintoc's own. ``/pretend`` puts a transfer, an account or an entity into a status, so that a test
need not wait for it.
"""

from rail_fintoc.sandbox.accounts import ACCOUNT_STATUSES, ENTITY_STATUSES
from rail_fintoc.sandbox.asked import Asked, Reply, Way
from rail_fintoc.sandbox.book import Ledger
from rail_fintoc.sandbox.holdings import Account, AccountNumber, Entity
from rail_fintoc.sandbox.institutions import somebody
from rail_fintoc.sandbox.reading import Body
from rail_fintoc.sandbox.refusing import Refused
from rail_fintoc.sandbox.transfer import STATUSES, Transfer
from rail_fintoc.sandbox.transfers import LONGEST_COMMENT, LONGEST_REFERENCE

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


def move(asked: Asked) -> Reply:
    """``POST /pretend/transfers/{id}``: a transfer ends as it is told."""
    transfer = asked.books.shelf(Transfer).find(asked.path["id"])
    status = asked.body.one_of("status", STATUSES, required=True)
    if transfer.status not in {"pending", "succeeded"} or transfer.direction != "outbound":
        raise Refused(409, "invalid_transfer_status", "Only an outbound transfer that has not come back can be moved")
    Ledger(asked.books).become(transfer, status, asked.body.text("reason"))
    return Reply(transfer.told(asked.version))


def hold(asked: Asked) -> Reply:
    """``POST /pretend/accounts/{id}``: an account is blocked, closed or active again."""
    account = asked.books.shelf(Account).find(asked.path["id"])
    account.status = asked.body.one_of("status", ACCOUNT_STATUSES, required=True)
    return Reply(account.told(asked.version))


def pause(asked: Asked) -> Reply:
    """``POST /pretend/entities/{id}``: an entity enters a status."""
    entity = asked.books.shelf(Entity).find(asked.path["id"])
    entity.status = asked.body.one_of("status", ENTITY_STATUSES, required=True)
    return Reply(entity.told(asked.version))


WAYS = (
    Way(method="POST", path="/v2/simulate/receive_transfer", answer=receive),
    Way(method="POST", path="/v2/simulate/receive-transfer", answer=receive),
    Way(method="POST", path="/v1/simulate/receive-transfer", answer=receive_v1),
    Way(method="POST", path="/pretend/transfers/{id}", answer=move),
    Way(method="POST", path="/pretend/accounts/{id}", answer=hold),
    Way(method="POST", path="/pretend/entities/{id}", answer=pause),
)
