"""Account verifications: one centavo is sent to a CLABE, and its receipt tells who holds it."""

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body, parse_time
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.accounts import Account
from rail_fintoc.sandbox.ledger.institutions import institution, is_clabe, participant, random_rfc
from rail_fintoc.sandbox.ledger.organisation import Json, timestamp
from rail_fintoc.sandbox.ledger.transfer import NEVER_PAID, Transfer
from rail_fintoc.sandbox.ledger.transfer_ledger import TransferLedger
from rail_fintoc.sandbox.magic import scenario_of
from rail_fintoc.sandbox.routes.transfers import require_debitable, require_funds

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

    def to_json(self) -> Json:
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
            "transaction_date": timestamp(self.at),
        }


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/account_verifications``: from the root account, in Mexico."""
    clabe = _clabe(request.body)
    account = next(row for row in request.store.table(Account) if row.currency == "MXN" and row.entity.is_root)
    require_debitable(account)
    require_funds(account, 1)
    holder = {"holder_id": None, "holder_name": None, "account_number": clabe, "account_type": "clabe", "email": None}
    transfer = Transfer(
        id=request.organisation.id("tr"),
        mode=request.mode,
        number=account.root,
        amount=1,
        direction="outbound",
        at=request.now,
        counterparty=holder | {"institution": institution(participant(clabe))},
        scenario=scenario_of("MXN", clabe),
        for_verification=True,
    )
    ledger = TransferLedger(request.store)
    ledger.create_outbound(transfer)
    verification = request.store.table(AccountVerification).add(
        AccountVerification(id=request.organisation.id("accv"), transfer=transfer, at=request.now)
    )
    first_json = verification.to_json()
    ledger.start(transfer)
    request.organisation.schedule(request.organisation.behaviour.verified_seconds, lambda: _end(request, verification))
    return ApiResponse(first_json, 201)


def _end(request: ApiRequest, verification: AccountVerification) -> None:
    scenario = verification.transfer.scenario
    if scenario.final_status == "pending":
        return
    if scenario.final_status in NEVER_PAID:
        verification.status, verification.reason = "failed", scenario.reason
    else:
        verification.status = "succeeded"
        verification.holder_id, verification.holder_name = holder_of(
            str(verification.transfer.counterparty["account_number"])
        )
        verification.holder_name = scenario.holder_name or verification.holder_name
    request.store.emit(f"account_verification.{verification.status}", verification.to_json())


def holder_of(clabe: str) -> tuple[str, str]:
    """Who holds a CLABE: somebody at random, and always the same."""
    chance = random.Random(hashlib.sha256(clabe.encode()).digest())  # noqa: S311  # it makes a name, no secret
    return random_rfc(chance), chance.choice(NAMES)


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/account_verifications``"""
    since = parse_time("since", request.query.get("since"))
    rows = [row for row in request.store.table(AccountVerification).newest_first() if since is None or row.at >= since]
    return list_response(request, rows, AccountVerification.to_json)


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v2/account_verifications/{id}``"""
    return ApiResponse(request.store.table(AccountVerification).get(request.path["id"]).to_json())


def _clabe(body: Body) -> str:
    clabe = body.required_text("account_number")
    if not is_clabe(clabe):
        raise ApiError(400, "invalid_clabe", "account_number is not a valid CLABE", "account_number")
    return clabe


ROUTES = (
    ApiRoute(method="GET", path="/v2/account_verifications", handler=list_all),
    ApiRoute(method="POST", path="/v2/account_verifications", handler=create, signed=True),
    ApiRoute(method="GET", path="/v2/account_verifications/{id}", handler=get),
)
