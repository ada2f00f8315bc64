"""The string that the receiving bank seals (``cadenaCDA``), in its 47 parts.

It repeats what the XML around it says, and adds the calendar date of the credit. The parts are those of CEPs issued
since 2024; older ones have fewer and have left Banxico's site long ago.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from rail_spei.cep.receipt import NotACep

PARTS = 47

_CALLED = {
    "payment_type": 2,
    "operating_date": 3,
    "credit_date": 4,
    "time": 5,
    "receiver": 6,
    "sender_name": 7,
    "payer_name": 8,
    "payer_kind": 9,
    "payer_account": 10,
    "payer_taxpayer": 11,
    "receiver_name": 12,
    "payee_name": 13,
    "payee_kind": 14,
    "payee_account": 15,
    "payee_taxpayer": 16,
    "concept": 17,
    "iva": 18,
    "amount": 19,
    "third_name": 27,
    "third_account": 28,
    "third_taxpayer": 29,
    "certificate": 44,
    "seal": 46,
}
"""Where each part stands when the string is split at ``|``. 33 to 43 are of remittances (types 35 and 36)."""


@dataclass(frozen=True, slots=True)
class Cda:
    """The parts, as they stand in the string; the third person is of the indirect types 30 and 31."""

    parts: tuple[str, ...] = field(repr=False)

    @classmethod
    def read(cls, cadena: str) -> "Cda":
        """The parts of ``cadena``.

        :raises NotACep: it has not the 47 parts, or its frame is another.
        """
        parts = tuple(cadena.split("|"))
        if len(parts) != PARTS or parts[0] or parts[1] or parts[45]:
            raise NotACep(f"cadenaCDA has not the {PARTS} parts of a CEP")
        return cls(parts)

    def __getitem__(self, name: str) -> str:
        return self.parts[_CALLED[name]]

    @property
    def payment_type(self) -> int:
        """The kind of payment, as SPEI numbers it: 1 is from one third party to another."""
        text = self["payment_type"]
        if not re.fullmatch(r"[0-9]{1,2}", text):
            raise NotACep("cadenaCDA has no payment type")
        return int(text)

    def date(self, name: str) -> date:
        """A date, written DDMMYYYY.

        :raises NotACep: it is no date.
        """
        text = self[name]
        try:
            if re.fullmatch(r"[0-9]{8}", text):
                return date(int(text[4:]), int(text[2:4]), int(text[:2]))
        except ValueError:
            pass
        raise NotACep(f"cadenaCDA has no {name.replace('_', ' ')}")

    def moment(self) -> datetime:
        """The credit, without a zone: the calendar date and the time of day in Mexico City.

        :raises NotACep: it is no date or no time.
        """
        text = self["time"]
        day = self.date("credit_date")
        try:
            if re.fullmatch(r"[0-9]{6}", text):
                return datetime(day.year, day.month, day.day, int(text[:2]), int(text[2:4]), int(text[4:]))  # noqa: DTZ001
        except ValueError:
            pass
        raise NotACep("cadenaCDA has no time")
