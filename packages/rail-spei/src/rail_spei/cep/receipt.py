"""What a CEP says, as values. What is personal stands in no ``repr``, so that none of it reaches a log by itself."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias


class NotACep(ValueError):
    """What was read is not a CEP: one sentence that repeats nothing of it."""


Source: TypeAlias = Literal["banxico", "unverified"]
"""Who gave it. The seal cannot be checked by the public: only a CEP that Banxico itself handed over proves anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of the payment; what is missing is empty."""

    institution: str
    name: str = field(repr=False)
    kind: int | None = field(repr=False)
    account: str = field(repr=False)
    taxpayer: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cep:
    """One receipt. ``amount`` and ``iva`` are in centavos, ``receiver`` is the participant's code."""

    source: Source
    tracking_key: str
    operating_date: date
    credited_at: datetime
    receiver: str
    payment_type: int
    amount: int = field(repr=False)
    iva: int | None = field(repr=False)
    concept: str = field(repr=False)
    payer: Party
    payee: Party
    certificate: str
    seal: str = field(repr=False)
