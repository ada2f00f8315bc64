"""The simulated rail's declaration, the approvers' factors, and a guard with one limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import pyotp

from riel import Capabilities, Lookup, Payee, Payment, Rail, RailSettings, Receipt, Refund, yes
from riel.catalog import ActiveRail
from riel.confirm import ConfirmationRequest, Proof, Terms
from riel.confirm.bound_code import BoundCodeFactor
from riel.confirm.factors.totp import Enrolment, TotpFactor
from riel.errors import Code, NotAllowed
from riel.guards import Reservation

from .bank_traits import SimTraits

KEY = bytes(range(32))
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class SimPayment(Payment):
    account: str
    concept: str = ""

    def payee(self) -> Payee:
        return Payee(self.account, "Empresa Demo")


class SimLookup(Lookup):
    reference: str


class SimRefund(Refund):
    reference: str


class SimSettings(RailSettings):
    @property
    def payer(self) -> str:
        return self.base_url


def _never(settings: Any, http: object) -> Any:
    raise NotImplementedError


@cache
def _settings(payer: str) -> SimSettings:
    """Read once: it looks through the whole environment."""
    return SimSettings(base_url=f"http://{payer}.invalid")


@cache
def _rail(traits: SimTraits) -> Rail:
    return Rail(
        name="sim",
        title="Simulated",
        currency="MXN",
        payment=SimPayment,
        lookup=SimLookup,
        refund=SimRefund,
        receipt=Receipt,
        connect=_never,
        settings=SimSettings,
        errors={},
        capabilities=Capabilities(refund=yes, partial_refund=yes),
        guarantees=traits.guarantees(),
    )


def activate(traits: SimTraits, payer: str, connect: Callable[[Any, Any], Any]) -> ActiveRail:
    """The rail of a bank with these traits, as the catalog would activate it."""
    rail = replace(_rail(traits), connect=connect)
    return ActiveRail(
        declaration=rail,
        distribution="rail-sim",
        version="1",
        entry_point="sim",
        settings=_settings(payer),
        mode="sandbox",
        guarantees=traits.guarantees(),
    )


@dataclass(frozen=True)
class SimApprover(BoundCodeFactor):
    """The real check of bound codes, whose key the test has. ``on_check`` is called before a code is compared."""

    name: ClassVar[str] = "approver"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    on_check: Callable[[ConfirmationRequest], None] = lambda request: None

    async def ask(self, request: ConfirmationRequest) -> str:
        return "The approver was asked."

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        self.on_check(request)
        return super().check(request, code, now)


class OneJournal:
    """The used steps of an enrolment that one journal has: the journal alone keeps a step from being used twice."""

    def claim(self, enrolment: Enrolment, step: int, payment_id: str) -> bool:
        return True


@dataclass(frozen=True)
class SimAuthenticator(TotpFactor):
    """The real check of an authenticator's codes. ``on_check`` is called before a code is compared."""

    on_check: Callable[[ConfirmationRequest], None] = lambda request: None

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        self.on_check(request)
        return super().check(request, code, now)


@dataclass(frozen=True)
class TotalLimit:
    """A guard with one limit on everything that is paid."""

    most: int
    name: str = "total_limit"

    def check(self, terms: Terms, now: datetime) -> None:
        return None

    def reservations(self, terms: Terms, now: datetime) -> Sequence[Reservation]:
        if terms.kind == "refund":
            return ()
        takes = terms.money.amount
        return (Reservation(scope="all", bucket=0, since=0, amount=takes, limit=self.most, error=_limit_reached),)


def _limit_reached(left: int) -> NotAllowed:
    return NotAllowed(Code.LIMIT_PER_DAY, limit="", scope="", left=left)


@cache
def _app() -> Any:
    return pyotp.TOTP(SECRET)


def totp(at: datetime) -> str:
    """What the app shows then."""
    code: str = _app().at(at)
    return code
