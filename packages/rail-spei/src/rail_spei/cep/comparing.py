"""A CEP held against the payment that it should be of: every field, and which of them differ.

Whoever shows a CEP must not have chosen what it is compared with: the expected values are those of our own record.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from rail_spei.cep.document import read_cep
from rail_spei.cep.receipt import Cep
from rail_spei.operating import MEXICO_CITY
from riel import Money

Field: TypeAlias = Literal["claveRastreo", "MontoPago", "Cuenta", "ClaveSPEI", "FechaOperacion", "date"]
"""What a CEP can differ in, named as in its XML; ``date`` is the calendar date of the credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The payment as we know it. ``amount`` is in centavos; institutions are participants' codes of SPEI.

    ``credited_on`` is the calendar date of the credit in Mexico City, which from 18:00 and before a holiday is not
    the operating date.
    """

    tracking_key: str
    sender: str
    receiver: str
    account: str = field(repr=False)
    amount: int = field(repr=False)
    credited_on: date
    operating_date: date

    def __post_init__(self) -> None:
        Money(self.amount, "MXN")  # which refuses whatever is not an int of centavos

    @property
    def pesos(self) -> str:
        """The amount as Banxico's form takes it: pesos, a point, two decimals."""
        return f"{Money(self.amount, 'MXN').decimal:f}"

    @property
    def dates(self) -> tuple[date, ...]:
        """The dates to look under. The form goes by the calendar; the operating date is the second guess."""
        return tuple(dict.fromkeys((self.credited_on, self.operating_date)))


def calendar_date(at: datetime) -> date:
    """The date in Mexico City at an instant (``tsLiquidacion``)."""
    if at.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return at.astimezone(MEXICO_CITY).date()


def differences(cep: Cep, expected: Expected) -> tuple[Field, ...]:
    """The fields in which the CEP is not of the expected payment; none where it is."""
    same: dict[Field, bool] = {
        "claveRastreo": cep.tracking_key == expected.tracking_key,
        "MontoPago": cep.amount == expected.amount,
        "Cuenta": cep.payee.account == expected.account,
        "ClaveSPEI": cep.receiver.lstrip("0") == expected.receiver.lstrip("0"),
        "FechaOperacion": cep.operating_date == expected.operating_date,
        "date": cep.credited_at.date() == expected.credited_on,
    }
    return tuple(name for name, equal in same.items() if not equal)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A CEP that somebody gave us: unverified, however well it fits. Only Banxico's site can confirm it."""

    cep: Cep
    differs: tuple[Field, ...]
    label: Literal["unverified"] = "unverified"


def handed_in(document: bytes, expected: Expected) -> HandedIn:
    """What a third party's file claims. A file that fits is no proof: its seal cannot be checked offline.

    :raises NotACep: it is not even a CEP.
    """
    cep = read_cep(document)
    return HandedIn(cep, differences(cep, expected))
