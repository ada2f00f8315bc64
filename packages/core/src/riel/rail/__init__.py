"""What a rail author writes: one value that declares a rail, and the code behind it."""

from riel.rail.client import REFERENCE_ALPHABET, Answer, Client, Draft, Heard, Mint, Order, Prepared, Status
from riel.rail.declaration import ErrorCode, Rail, Table, Tool
from riel.rail.guarantees import FOREVER, Capabilities, Capability, Guarantees, never, not_yet, yes
from riel.rail.models import Kind, Lookup, Mode, Payee, Payment, Receipt, Refund, Wire
from riel.rail.sandbox import Debit, Sandbox
from riel.rail.settings import RailSettings
from riel.rail.statement import Entry, Statement, TellsADay

__all__ = [
    "FOREVER",
    "REFERENCE_ALPHABET",
    "Answer",
    "Capabilities",
    "Capability",
    "Client",
    "Debit",
    "Draft",
    "Entry",
    "ErrorCode",
    "Guarantees",
    "Heard",
    "Kind",
    "Lookup",
    "Mint",
    "Mode",
    "Order",
    "Payee",
    "Payment",
    "Prepared",
    "Rail",
    "RailSettings",
    "Receipt",
    "Refund",
    "Sandbox",
    "Statement",
    "Status",
    "Table",
    "TellsADay",
    "Tool",
    "Wire",
    "never",
    "not_yet",
    "yes",
]
