"""The durable record of questions, payments and events. :func:`riel.journal.open.open_journal` opens one by URL."""

from riel.journal.audit.chain import Anchor, Broken, Row
from riel.journal.protocol import Counted, Full, Journal, Opened, Tally, Unconfirmed, Words
from riel.journal.records import (
    Backlog,
    Challenge,
    ChallengeState,
    Change,
    Earlier,
    Event,
    Intent,
    Message,
    PaymentRecord,
    State,
    Topic,
)

__all__ = [
    "Anchor",
    "Backlog",
    "Broken",
    "Challenge",
    "ChallengeState",
    "Change",
    "Counted",
    "Earlier",
    "Event",
    "Full",
    "Intent",
    "Journal",
    "Message",
    "Opened",
    "PaymentRecord",
    "Row",
    "State",
    "Tally",
    "Topic",
    "Unconfirmed",
    "Words",
]
