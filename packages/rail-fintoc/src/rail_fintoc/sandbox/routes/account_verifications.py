"""Account verifications: one centavo is sent to a CLABE, and its receipt tells who holds it."""

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body, instant
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.accounts import Account
from rail_fintoc.sandbox.ledger.institutions import institution, is_clabe, participant, person
from rail_fintoc.sandbox.ledger.organisation import Json, stamp
from rail_fintoc.sandbox.ledger.transfer import NEVER_PAID, Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import Ledger
from rail_fintoc.sandbox.magic import fate_of
from rail_fintoc.sandbox.routes.transfers import affordable, spending

NAMES = ("JON SNOW", "ARYA STARK", "SAMWELL TARLY", "BRIENNE DE TARTH")


@dataclass(slots=True, kw_only=True)
class AccountVerification:
    """Whether a CLABE exists, and who holds it."""

    id: str
    transfer: Transfer
    at: datetime
    status: str = "pending"
    reason: str | None = None
    holder_id: str | None = None
    holder_name: str | None = None

    def told(self) -> Json:
        """The verification as Fintoc tells it."""
        known = {name: self.transfer.counterparty[name] for name in ("account_number", "account_type", "institution")}
        return {
            "object": "account_verification",
            "id": self.id,
            "mode": self.transfer.mode,
            "status": self.status,
            "reason": self.reason,
            "transfer_id": self.transfer.id,
            "counterparty": {"holder_id": self.holder_id, "holder_name": self.holder_name, **known},
            "receipt_url": self.transfer.receipt_url if self.status == "succeeded" else None,
            "transaction_date": stamp(self.at),
        }


def create(asked: Asked) -> Reply:
    """``POST /v2/account_verifications``: from the root account, in Mexico."""
    clabe = _clabe(asked.body)
    account = next(row for row in asked.books.shelf(Account) if row.currency == "MXN" and row.entity.is_root)
    spending(account)
    affordable(account, 1)
    holder = {"holder_id": None, "holder_name": None, "account_number": clabe, "account_type": "clabe", "email": None}
    transfer = Transfer(
        id=asked.world.id("tr"),
        mode=asked.mode,
        number=account.root,
        amount=1,
        direction="outbound",
        at=asked.now,
        counterparty=holder | {"institution": institution(participant(clabe))},
        fate=fate_of("MXN", clabe),
        for_verification=True,
    )
    ledger = Ledger(asked.books)
    ledger.order(transfer)
    made = asked.books.shelf(AccountVerification).put(
        AccountVerification(id=asked.world.id("accv"), transfer=transfer, at=asked.now)
    )
    told = made.told()
    ledger.send(transfer)
    asked.world.due(asked.world.behaviour.verified_seconds, lambda: _end(asked, made))
    return Reply(told, 201)


def _end(asked: Asked, made: AccountVerification) -> None:
    fate = made.transfer.fate
    if fate.ends == "pending":
        return
    if fate.ends in NEVER_PAID:
        made.status, made.reason = "failed", fate.reason
    else:
        made.status = "succeeded"
        made.holder_id, made.holder_name = holder_of(str(made.transfer.counterparty["account_number"]))
        made.holder_name = fate.payee or made.holder_name
    asked.books.tell(f"account_verification.{made.status}", made.told())


def holder_of(clabe: str) -> tuple[str, str]:
    """Who holds a CLABE: somebody at random, and always the same."""
    chance = random.Random(hashlib.sha256(clabe.encode()).digest())  # noqa: S311  # it makes a name, no secret
    return person(chance), chance.choice(NAMES)


def verifications(asked: Asked) -> Reply:
    """``GET /v2/account_verifications``"""
    since = instant("since", asked.query.get("since"))
    rows = [row for row in asked.books.shelf(AccountVerification).newest() if since is None or row.at >= since]
    return listed(asked, rows, AccountVerification.told)


def verification(asked: Asked) -> Reply:
    """``GET /v2/account_verifications/{id}``"""
    return Reply(asked.books.shelf(AccountVerification).find(asked.path["id"]).told())


def _clabe(body: Body) -> str:
    clabe = body.needed("account_number")
    if not is_clabe(clabe):
        raise Refused(400, "invalid_clabe", "account_number is not a valid CLABE", "account_number")
    return clabe


WAYS = (
    Way(method="GET", path="/v2/account_verifications", answer=verifications),
    Way(method="POST", path="/v2/account_verifications", answer=create, signed=True),
    Way(method="GET", path="/v2/account_verifications/{id}", answer=verification),
)
