"""The durable record of challenges, payments and events. :func:`riel.journal.open.open_journal` opens one by URL."""

from riel.journal.audit.chain import Anchor, ChainBreak, ChainRow
from riel.journal.protocol import (
    Attempt,
    AttemptLimits,
    ChallengeText,
    ConfirmFailure,
    Journal,
    LimitReached,
    OpenedChallenge,
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
    "Event",
    "Intent",
    "Journal",
    "LimitReached",
    "Message",
    "OpenedChallenge",
    "PaymentRecord",
    "State",
    "Topic",
]
