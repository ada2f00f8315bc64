"""The life of one payment, from start to end."""

from riel.payments.clients import Clients
from riel.payments.context import Context, PaymentRequest, Timing
from riel.payments.engine import OpenedChallenge, PaymentEngine, RecoveryTask
from riel.payments.rules import Backoff

__all__ = [
    "Backoff",
    "Clients",
    "Context",
    "OpenedChallenge",
    "PaymentEngine",
    "PaymentRequest",
    "RecoveryTask",
    "Timing",
]
