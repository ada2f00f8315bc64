"""The durable record of challenges, payments and events. :func:`riel.journal.open.open_journal` opens one by URL."""

from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow
from riel.journal.controls import Control
from riel.journal.decisions import DecisionResult, Weigh
from riel.journal.failures import ConfirmFailure, LimitReached
from riel.journal.freeze import Frozen
from riel.journal.protocol import (
    MAX_REFUSALS,
    REFUSAL_WINDOW,
    Attempt,
    AttemptLimits,
    ChallengeText,
    Journal,
    OpenedChallenge,
    PayeeHistory,
    TooManyOpen,
)
from riel.journal.records import (
    Backlog,
    Challenge,
    ChallengeState,
    Change,
    Event,
    Intent,
    Message,
    PaymentRecord,
    State,
    Topic,
)

__all__ = [
    "MAX_REFUSALS",
    "REFUSAL_WINDOW",
    "Anchor",
    "Attempt",
    "AttemptLimits",
    "Backlog",
    "ChainBreak",
    "ChainRow",
    "Challenge",
    "ChallengeState",
    "ChallengeText",
    "Change",
    "ConfirmFailure",
    "Control",
    "DecisionResult",
    "Event",
    "Frozen",
    "Intent",
    "Journal",
    "LimitReached",
    "Message",
    "OpenedChallenge",
    "PayeeHistory",
    "PaymentRecord",
    "State",
    "TooManyOpen",
    "Topic",
    "Weigh",
]
