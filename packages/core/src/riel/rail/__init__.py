"""The parts of a rail: one value that declares it, and the protocols of the code behind it."""

from riel.rail.client import (
    REFERENCE_ALPHABET,
    Answer,
    Client,
    Draft,
    Order,
    Prepared,
    ReferenceSource,
    ReturnClient,
    Status,
    WebhookResult,
)
from riel.rail.declaration import CliTable, Rail, Tool
from riel.rail.guarantees import FOREVER, Capabilities, Capability, Guarantees, never, not_yet, yes
from riel.rail.models import Kind, Lookup, Mode, Payee, Payment, Receipt, Refund, Trusted, WireModel
from riel.rail.sandbox import Debit, Sandbox
from riel.rail.settings import RailSettings
from riel.rail.statement import Statement, StatementClient, StatementLine

__all__ = [
    "FOREVER",
    "REFERENCE_ALPHABET",
    "Answer",
    "Capabilities",
    "Capability",
    "CliTable",
    "Client",
    "Debit",
    "Draft",
    "Guarantees",
    "Kind",
    "Lookup",
    "Mode",
    "Order",
    "Payee",
    "Payment",
    "Prepared",
    "Rail",
    "RailSettings",
    "Receipt",
    "ReferenceSource",
    "Refund",
    "ReturnClient",
    "Sandbox",
    "Statement",
    "StatementClient",
    "StatementLine",
    "Status",
    "Tool",
    "Trusted",
    "WebhookResult",
    "WireModel",
    "never",
    "not_yet",
    "yes",
]
