"""riel: any installed payment rail becomes three tools that an agent can call.

What stands in ``__all__`` is what rails are written with; everything else may change.
"""

from typing import TYPE_CHECKING, Any

from riel.confirm import ConfirmationRequest, Factor, FactorContext, Proof, Terms
from riel.errors import (
    ErrorCode,
    Misconfigured,
    NotAllowed,
    NotConfirmed,
    NothingLearned,
    NotSent,
    OutcomeUnknown,
    Rejected,
)
from riel.guards import Guard
from riel.hookspecs import hookimpl
from riel.money import MinorUnits, Money, mask_account
from riel.rail import (
    Answer,
    Client,
    CliTable,
    Debit,
    Draft,
    Lookup,
    Mode,
    Order,
    Payee,
    Payment,
    Prepared,
    Rail,
    RailSettings,
    Receipt,
    ReferenceSource,
    Refund,
    ReturnClient,
    Sandbox,
    StatementClient,
    Status,
    Tool,
    Trusted,
    WebhookResult,
    WireModel,
)
from riel.rail.guarantees import FOREVER, Capabilities, Capability, Guarantees, never, not_yet, yes
from riel.rail.statement import Statement, StatementLine
from riel.secrets import read_private_file
from riel.text import SingleLine, clean_text

if TYPE_CHECKING:
    from riel.http.calls import paying, reading
else:

    def __getattr__(name: str) -> Any:
        """``paying`` and ``reading`` bring httpx along, which only a connected rail needs."""
        if name in {"paying", "reading"}:
            from riel.http import calls

            return getattr(calls, name)
        raise AttributeError(f"module 'riel' has no attribute {name!r}")


__version__ = "0.1.0"

__all__ = [
    "FOREVER",
    "Answer",
    "Capabilities",
    "Capability",
    "CliTable",
    "Client",
    "ConfirmationRequest",
    "Debit",
    "Draft",
    "ErrorCode",
    "Factor",
    "FactorContext",
    "Guarantees",
    "Guard",
    "Lookup",
    "MinorUnits",
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
    "ReferenceSource",
    "Refund",
    "Rejected",
    "ReturnClient",
    "Sandbox",
    "SingleLine",
    "Statement",
    "StatementClient",
    "StatementLine",
    "Status",
    "Terms",
    "Tool",
    "Trusted",
    "WebhookResult",
    "WireModel",
    "clean_text",
    "hookimpl",
    "mask_account",
    "never",
    "not_yet",
    "paying",
    "read_private_file",
    "reading",
    "yes",
]
