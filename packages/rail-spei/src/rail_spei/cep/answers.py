"""What a look-up at Banxico can end with. Only :class:`Found` is proof, and none of them is proof of a failure.

Found              the CEP is there, and it is of this payment
Differs            there is something, and it is not of this payment
NotGenerated       SPEI has the payment, its CEP is not there (yet); Banxico tells its state
NotMatched         nothing fits what was asked
NotReceived        SPEI has no such order
RateLimited        asked too often: nothing is asked for a long time
CaptchaDemanded    a person is asked for: nothing is asked any more
SiteTrouble        no useful answer
Later              not asked at all, out of politeness
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from rail_spei.cep.comparing import Field
from rail_spei.cep.receipt import Cep

StateAtBanxico: TypeAlias = Literal[
    "in_process", "settled", "returning", "returned", "cancelled", "rejected", "unknown"
]


@dataclass(frozen=True, slots=True)
class Found:
    """Banxico handed over the CEP of exactly this payment."""

    cep: Cep


@dataclass(frozen=True, slots=True)
class Differs:
    """What Banxico shows is another payment's, in these fields. It is not handed on: it is about other people."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class NotGenerated:
    """SPEI has the payment; the receiving bank has not reported the credit (it may take half an hour)."""

    state: StateAtBanxico
    words: str
    """The state as Banxico writes it, cleaned."""


@dataclass(frozen=True, slots=True)
class NotMatched:
    """No payment fits what was asked: a wrong date, amount, account or institution, too early, or too old."""


@dataclass(frozen=True, slots=True)
class NotReceived:
    """SPEI has received no such order."""


@dataclass(frozen=True, slots=True)
class RateLimited:
    """This address asked too often. Nothing is asked for ``wait``."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class CaptchaDemanded:
    """The form wants a person. This is no place for a program any more: give the link to a person."""


@dataclass(frozen=True, slots=True)
class SiteTrouble:
    """The site could not be read: nothing was learned. ``why`` repeats nothing of what it wrote."""

    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing was asked: the last look-up was a moment ago, is still going on, or was refused. Ask after ``wait``."""

    wait: timedelta


Outcome: TypeAlias = (
    Found | Differs | NotGenerated | NotMatched | NotReceived | RateLimited | CaptchaDemanded | SiteTrouble | Later
)
