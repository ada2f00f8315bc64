"""The life of one payment, start to end."""

from riel.payments.clients import Clients
from riel.payments.context import Context, PaymentRequest, Timing
from riel.payments.engine import Asked, PaymentEngine, RecoveryTask
from riel.payments.rules import Backoff

__all__ = ["Asked", "Backoff", "Clients", "Context", "PaymentEngine", "PaymentRequest", "RecoveryTask", "Timing"]
