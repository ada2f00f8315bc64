"""What every journal promises, whatever it is stored in: subclass :class:`JournalPromises` and say how to reach it.

::

    class TestMyStore(JournalPromises):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)   # keeps the protocol `Store`

Each test is one promise, made through the verbs alone; what an intruder does goes through ``Store.tamper``.
"""

from riel.testing.journal_contract.attempts import TryPromises
from riel.testing.journal_contract.audit import DEEDS, AuditPromises, audited
from riel.testing.journal_contract.challenges import QuestionPromises
from riel.testing.journal_contract.creation import BirthPromises, RefundPromises
from riel.testing.journal_contract.durability import KeepingPromises
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    PAYEE,
    SECOND,
    TALLY,
    Store,
    a_question,
    an_intent,
    asked_for,
    born,
    guess,
    history,
    in_state,
    leased,
    moved,
    opened,
    paid_back,
    plainly,
    settled,
    tried,
)
from riel.testing.journal_contract.leases import LeasePromises
from riel.testing.journal_contract.outbox import OutboxPromises
from riel.testing.journal_contract.reservations import HoldPromises
from riel.testing.journal_contract.transitions import TransitionPromises

__all__ = [
    "ACCOUNT",
    "DAY",
    "DEEDS",
    "HOUR",
    "MINUTE",
    "NOW",
    "PAYEE",
    "SECOND",
    "TALLY",
    "JournalPromises",
    "Store",
    "a_question",
    "an_intent",
    "asked_for",
    "audited",
    "born",
    "guess",
    "history",
    "in_state",
    "leased",
    "moved",
    "opened",
    "paid_back",
    "plainly",
    "settled",
    "tried",
]


class JournalPromises(
    QuestionPromises,
    HoldPromises,
    TryPromises,
    BirthPromises,
    RefundPromises,
    TransitionPromises,
    LeasePromises,
    AuditPromises,
    OutboxPromises,
    KeepingPromises,
):
    """All of them."""
