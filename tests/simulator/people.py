"""Who and what stands around the engine: the rail as it is declared, the persons' factors, and a guard with a limit."""

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
from riel.confirm.factors.totp import TotpFactor
from riel.errors import Code, NotAllowed
from riel.guards import Reservation

from .kinds import Kind

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
    pass


def _never(settings: Any) -> Any:
    raise NotImplementedError


@cache
def _settings(payer: str) -> SimSettings:
    """Read once: it looks through the whole environment."""
    return SimSettings(base_url=f"http://{payer}.invalid")


@cache
def _rail(kind: Kind) -> Rail:
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
        guarantees=kind.guarantees(),
    )


def activate(kind: Kind, payer: str, connect: Callable[[Any], Any]) -> ActiveRail:
    """The rail of a bank of that kind, as the catalog would offer it."""
    rail = replace(_rail(kind), connect=connect)
    return ActiveRail(
        declaration=rail,
        distribution="rail-sim",
        version="1",
        entry_point="sim",
        settings=_settings(payer),
        mode="sandbox",
        guarantees=kind.guarantees(),
    )


@dataclass(frozen=True)
class Person(BoundCodeFactor):
    """The real check of our own codes, delivered to whoever holds the key: the test."""

    name: ClassVar[str] = "person"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    listening: Callable[[ConfirmationRequest], None] = lambda asked: None

    async def ask(self, asked: ConfirmationRequest) -> str:
        return "The person was asked."

    def check(self, asked: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        self.listening(asked)
        return super().check(asked, code, now)


@dataclass(frozen=True)
class App(TotpFactor):
    """The real check of an authenticator's codes, overheard."""

    listening: Callable[[ConfirmationRequest], None] = lambda asked: None

    def check(self, asked: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        self.listening(asked)
        return super().check(asked, code, now)


@dataclass(frozen=True)
class Ration:
    """A guard with one limit on everything that is paid."""

    most: int
    name: str = "ration"

    def check(self, terms: Terms, now: datetime) -> None:
        return None

    def reservations(self, terms: Terms, now: datetime) -> Sequence[Reservation]:
        if terms.kind == "refund":
            return ()
        takes = terms.money.amount
        return (Reservation(scope="all", bucket=0, since=0, amount=takes, limit=self.most, error=_full),)


def _full(left: int) -> NotAllowed:
    return NotAllowed(Code.LIMIT_PER_DAY, limit="", scope="", left=left)


@cache
def _app() -> Any:
    return pyotp.TOTP(SECRET)


def totp(at: datetime) -> str:
    """What the app shows then."""
    code: str = _app().at(at)
    return code
