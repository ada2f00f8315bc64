"""What every journal promises, whatever it is stored in: subclass :class:`JournalPromises` and say how to reach it.

::

    class TestMyStore(JournalPromises):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)   # keeps the protocol `Store`

Each test is one promise, made through the verbs alone; what an intruder does goes through ``Store.tamper``.
"""

from riel.testing.journal_contract.attempts import AttemptPromises
from riel.testing.journal_contract.audit import TAMPERINGS, AuditPromises, create_audited
from riel.testing.journal_contract.challenges import ChallengePromises
from riel.testing.journal_contract.controls import ControlPromises
from riel.testing.journal_contract.creation import CreationPromises, RefundPromises
from riel.testing.journal_contract.decisions import DecisionPromises
from riel.testing.journal_contract.durability import DurabilityPromises
from riel.testing.journal_contract.epochs import EpochPromises
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    DAY,
    HOUR,
    LIMITS,
    MINUTE,
    NOW,
    PAYEE,
    SECOND,
    Store,
    challenge_text,
    claim,
    count_attempt,
    create_in_state,
    create_payment,
    create_refund,
    create_settled,
    enter_wrong_code,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
    try_to_open,
)
from riel.testing.journal_contract.freeze import FreezePromises
from riel.testing.journal_contract.leases import LeasePromises
from riel.testing.journal_contract.outbox import OutboxPromises
from riel.testing.journal_contract.reservations import ReservationPromises
from riel.testing.journal_contract.row_edits import TamperingPromises
from riel.testing.journal_contract.transitions import TransitionPromises

__all__ = [
    "ACCOUNT",
    "DAY",
    "HOUR",
    "LIMITS",
    "MINUTE",
    "NOW",
    "PAYEE",
    "SECOND",
    "TAMPERINGS",
    "JournalPromises",
    "Store",
    "challenge_text",
    "claim",
    "count_attempt",
    "create_audited",
    "create_in_state",
    "create_payment",
    "create_refund",
    "create_settled",
    "enter_wrong_code",
    "event_names",
    "move",
    "new_challenge",
    "new_intent",
    "open_challenge",
    "try_to_open",
]


class JournalPromises(
    ChallengePromises,
    ReservationPromises,
    AttemptPromises,
    CreationPromises,
    RefundPromises,
    TransitionPromises,
    LeasePromises,
    AuditPromises,
    OutboxPromises,
    DurabilityPromises,
    EpochPromises,
    TamperingPromises,
    ControlPromises,
    FreezePromises,
    DecisionPromises,
):
    """All of them."""
