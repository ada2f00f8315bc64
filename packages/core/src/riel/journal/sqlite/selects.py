"""SQL that reads a challenge or a payment with the end of its chain, which proves it."""

import sqlite3

from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.columns import CHALLENGE_COLUMNS, PAYMENT_COLUMNS
from riel.journal.row_mac import JOURNAL_ROW, ProvenRow, RowMac
from riel.journal.sqlite.audit import CHAIN_HEAD
from riel.journal.stored_rows import read_challenge, read_payment

SELECT_CHALLENGES = (
    f"SELECT {CHALLENGE_COLUMNS}, max(base.failed, (SELECT count(*) FROM attempts t WHERE t.challenge_id = base.id)) "
    f"AS attempts, {CHAIN_HEAD} FROM challenges base WHERE "
)
SELECT_PAYMENTS = (
    f"SELECT {PAYMENT_COLUMNS}, (SELECT coalesce(sum(r.amount), 0) FROM payments r WHERE r.refund_of = base.id AND "
    f"r.state = 'settled') AS refunded, {CHAIN_HEAD} FROM payments base "
)


def current_row(db: sqlite3.Connection, mac: RowMac, payment_id: str) -> ProvenRow:
    """The payment of that id, or its challenge where there is none yet, to be proven by one more event."""
    if payment_id == JOURNAL_CHAIN:
        return JOURNAL_ROW
    if row := db.execute(SELECT_PAYMENTS + "WHERE base.id = ?", (payment_id,)).fetchone():
        return read_payment(mac, row).row
    return read_challenge(mac, db.execute(SELECT_CHALLENGES + "id = ?", (payment_id,)).fetchone()).row
