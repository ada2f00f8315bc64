"""The life of one payment, start to end."""

from riel.payments.clients import Clients
from riel.payments.context import Call, Desk, Pace
from riel.payments.engine import Asked, Resolving, Teller
from riel.payments.rules import Patience

__all__ = ["Asked", "Call", "Clients", "Desk", "Pace", "Patience", "Resolving", "Teller"]
