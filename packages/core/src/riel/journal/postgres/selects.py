"""SQL that reads a challenge or a payment with the end of its chain, which proves it."""

from riel.journal.columns import CHALLENGE_COLUMNS, PAYMENT_COLUMNS
from riel.journal.errors import schema_changed
from riel.journal.postgres.connect import schema_version
from riel.journal.postgres.row_cache import CHAIN_HEAD, JOIN_CHAIN_HEAD, ChainHead
from riel.journal.postgres.sessions import Session
from riel.journal.row_mac import ProvenRow, RowMac
from riel.journal.stored_rows import read_challenge, read_payment

SELECT_CHALLENGES = (
    f"SELECT {CHALLENGE_COLUMNS}, "
    "greatest(base.failed, (SELECT count(*) FROM attempts t WHERE t.challenge_id = base.id)) AS attempts, "
    f"{CHAIN_HEAD} FROM challenges base {JOIN_CHAIN_HEAD} WHERE "
)
SELECT_PAYMENTS = (
    f"SELECT {PAYMENT_COLUMNS}, (SELECT coalesce(sum(r.amount), 0)::bigint FROM payments r "
    f"WHERE r.refund_of = base.id AND r.state = 'settled') AS refunded, {CHAIN_HEAD}, (SELECT c.reservations "
    "FROM challenges c WHERE c.id = base.id) "
    f"AS reservations FROM payments base {JOIN_CHAIN_HEAD} "
)

SCHEMA_IS_KNOWN = f"(SELECT max(version) FROM riel_schema) = {schema_version()}"


async def check_schema(session: Session) -> None:
    """Refuse to write a row where a newer riel has brought the tables up to date meanwhile.

    :raises JournalUnavailable: it has.
    """
    if not (await session.row(f"SELECT {SCHEMA_IS_KNOWN} AS known"))["known"]:
        raise schema_changed()


async def current_row(session: Session, mac: RowMac, payment_id: str) -> tuple[ProvenRow, ChainHead] | None:
    """The payment of that id, or its challenge where there is none yet, with the end of its chain.

    One statement reads both: where another transaction changes them, the number of the next event is taken.
    """
    if row := await session.row(SELECT_PAYMENTS + "WHERE base.id = $1", payment_id):
        proven = read_payment(mac, row).row
    elif row := await session.row(SELECT_CHALLENGES + "id = $1", payment_id):
        proven = read_challenge(mac, row).row
    else:
        return None
    return proven, ChainHead(row["last_n"], row["last_hash"])
