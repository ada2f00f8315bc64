"""riel: any installed payment rail becomes three tools that an agent can call.

What stands in ``__all__`` is what rails are written with; everything else may change.
"""

from typing import TYPE_CHECKING, Any

from riel.confirm import Asked, Factor, Proof, Setup, Terms
from riel.errors import Misconfigured, NotAllowed, NotConfirmed, NothingLearned, NotSent, OutcomeUnknown, Rejected
from riel.guards import Guard
from riel.hookspecs import hookimpl
from riel.money import MinorUnits, Money, masked
from riel.rail import (
    Answer,
    Client,
    Debit,
    Draft,
    ErrorCode,
    Heard,
    Lookup,
    Mint,
    Mode,
    Order,
    Payee,
    Payment,
    Prepared,
    Rail,
    RailSettings,
    Receipt,
    Refund,
    Sandbox,
    Status,
    Table,
    Tool,
    Wire,
)
from riel.rail.guarantees import FOREVER, Capabilities, Capability, Guarantees, never, not_yet, yes
from riel.rail.statement import Entry, Statement
from riel.text import Line, said

if TYPE_CHECKING:
    from riel.http import paying, reading
else:

    def __getattr__(name: str) -> Any:
        """``paying`` and ``reading`` bring httpx along, which only a connected rail needs."""
        if name in {"paying", "reading"}:
            from riel import http

            return getattr(http, name)
        raise AttributeError(f"module 'riel' has no attribute {name!r}")


__version__ = "0.1.0"

__all__ = [
    "FOREVER",
    "Answer",
    "Asked",
    "Capabilities",
    "Capability",
    "Client",
    "Debit",
    "Draft",
    "Entry",
    "ErrorCode",
    "Factor",
    "Guarantees",
    "Guard",
    "Heard",
    "Line",
    "Lookup",
    "MinorUnits",
    "Mint",
    "Misconfigured",
    "Mode",
    "Money",
    "NotAllowed",
    "NotConfirmed",
    "NotSent",
    "NothingLearned",
    "Order",
    "OutcomeUnknown",
    "Payee",
    "Payment",
    "Prepared",
    "Proof",
    "Rail",
    "RailSettings",
    "Receipt",
    "Refund",
    "Rejected",
    "Sandbox",
    "Setup",
    "Statement",
    "Status",
    "Table",
    "Terms",
    "Tool",
    "Wire",
    "hookimpl",
    "masked",
    "never",
    "not_yet",
    "paying",
    "reading",
    "said",
    "yes",
]
