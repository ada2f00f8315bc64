"""Money is an integer of minor units and a currency; this is the only place where it is converted.

Exponents are those of ISO 4217, list one: how many decimals the currency's minor unit has. A currency that is not
here is refused, never guessed.
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Annotated

from pydantic import AfterValidator, Field

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in ((0, _NONE), (2, _TWO), (3, _THREE), (4, _FOUR)) for code in codes.split()
}

MAX_MINOR_UNITS = 2**53 - 1
"""The largest amount in minor units: what every JSON client can carry without rounding."""

MinorUnits = Annotated[
    int,
    Field(
        strict=True, ge=1, le=MAX_MINOR_UNITS, description="Amount in minor units, a positive integer (50000 = 500.00)."
    ),
]
"""A positive integer of minor units. Floats, booleans, strings, NaN and exponents are refused."""


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError("is no currency of ISO 4217")
    return code


Whole = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR_UNITS)]
AmountsByCurrency = Annotated[dict[Annotated[str, AfterValidator(_currency)], Whole], Field(min_length=1)]
"""Minor units by currency, as limits and the policy are written."""

_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
"""Arithmetic that says so instead of rounding."""


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` minor units of ``currency`` (ISO 4217)."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"an amount is an int of minor units, not {type(self.amount).__name__}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"{self.currency!r} is not a currency of ISO 4217")

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units, exact: 50000 MXN is ``Decimal('500.00')``."""
        return Decimal(self.amount).scaleb(-EXPONENTS[self.currency])

    @classmethod
    def of_decimal(cls, value: Decimal | str, currency: str) -> "Money":
        """The money a provider wrote as a decimal in whole units; what cannot be said in minor units is refused.

        A float has lost what the provider wrote before it comes here: parse JSON with ``parse_float=Decimal``.
        """
        if not isinstance(value, Decimal | str):
            raise TypeError(f"an amount in whole units is a Decimal or a str, not {type(value).__name__}")
        if currency not in EXPONENTS:
            raise ValueError(f"{currency!r} is not a currency of ISO 4217")
        try:
            minor = _EXACT.scaleb(Decimal(value), EXPONENTS[currency])
            return cls(int(_EXACT.quantize(minor, Decimal(1))), currency)
        except (DecimalException, ValueError) as failure:  # int() of NaN is the ValueError
            raise ValueError(f"{value!s:.40} {currency} is not a whole number of minor units") from failure

    def __str__(self) -> str:
        """For people: ``MXN 1,234.50``."""
        return f"{self.currency} {self.decimal:,}"


def group_account(account: str) -> str:
    """An account number for a person who compares it: in groups of four, ``0140 2700 0005 5555 58``."""
    plain = "".join(account.split())
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def mask_account(account: str) -> str:
    """An account number for people and logs: its last four characters, or none of a short one."""
    kept = account[-4:] if len(account) > 6 else ""
    return re.sub(r"\S", "*", account[: len(account) - len(kept)]) + kept
