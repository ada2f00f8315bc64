"""One payment and three kinds of rail, of which the rules are asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from riel.journal.records import PaymentRecord, State
from riel.money import Money
from riel.payments.rules import Backoff
from riel.rail import Answer, Payee, Status
from riel.rail.guarantees import Guarantees

S = State
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
MS, SECOND, MINUTE, HOUR, DAY = (timedelta(milliseconds=1), *(timedelta(seconds=n) for n in (1, 60, 3600, 86400)))
PATIENCE = Backoff()
DEADLINE, LAG, ABSENCE, WATCH = 30 * SECOND, 2 * SECOND, MINUTE, 3 * HOUR
CLOSING = DEADLINE + PATIENCE.margin
"""How long before a window ends a second send would no longer be inside it."""

PLAIN = Guarantees(
    dedupe="no",
    dedupe_window=timedelta(0),
    refusals_stored=False,
    refusals=frozenset({"NO_FUNDS"}),
    lookup="by_reference",
    lookup_lag=LAG,
    absence_after=ABSENCE,
    late_arrival_window=WATCH,
    return_window=DAY,
    settlement="later",
    refunds="by_rail",
    send_deadline=DEADLINE,
)
BY_KEY = replace(PLAIN, dedupe="by_key", dedupe_window=HOUR)
BY_REFERENCE = replace(PLAIN, dedupe="by_reference", dedupe_window=HOUR)

RECORD = PaymentRecord(
    id="pay_a",
    principal="ana",
    rail="mock",
    mode="sandbox",
    kind="payment",
    reference="REF-a",
    money=Money(50_000, "MXN"),
    payee=Payee("012180001234567895"),
    body=b"",
    facts={},
    state=S.SENDING,
    fence=7,
    owner="me",
    sends=1,
    lookups=0,
    created_at=NOW,
    sent_at=NOW,
    updated_at=NOW,
    payer="the account that pays",
)
SENT_TWICE = replace(RECORD, sends=2, sent_at=NOW + MINUTE)


def answer(status: str, **changes: Any) -> Answer:
    return Answer(status=Status(status), **changes)
