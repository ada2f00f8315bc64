"""Fill a journal with many payments, all of them copies of one that was really made."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from tests.support.postgres import Postgres

TABLES = ("challenges", "attempts", "payments", "events", "outbox")
COMMON_VALUES = {
    "created_at": "1700000000000 + k",
    "at": "1700000000000 + k",
    "sent_at": "1700000000000 + k",
    "next_at": "1700000000000 + k",
    "principal": "'session ' || (k % 1000)",
}
SQLITE_ID = "printf('pay_%012x%020x', 1700000000000 + k, k)"
SQLITE_VALUES = {
    **COMMON_VALUES,
    "id": SQLITE_ID,
    "attempts.id": "NULL",
    "outbox.id": f"{SQLITE_ID} || '.3'",
    "challenge_id": SQLITE_ID,
    "payment_id": SQLITE_ID,
    "seq": "NULL",
    "digest": "randomblob(32)",
    "reference": "hex(randomblob(12))",
}
"""The columns that differ from row to row; everything else is copied."""

POSTGRES_ID = "'pay_' || lpad(to_hex(1700000000000 + k), 12, '0') || lpad(to_hex(k), 20, '0')"
POSTGRES_VALUES = {
    **COMMON_VALUES,
    "id": POSTGRES_ID,
    "attempts.id": "nextval(pg_get_serial_sequence('attempts', 'id'))",
    "outbox.id": f"{POSTGRES_ID} || '.3'",
    "challenge_id": POSTGRES_ID,
    "payment_id": POSTGRES_ID,
    "seq": "nextval(pg_get_serial_sequence('events', 'seq'))",
    "digest": "decode(md5(k::text) || md5('d' || k::text), 'hex')",
    "reference": "upper(md5('r' || k::text))",
}


def fill_sqlite(file: Path, rows: int) -> None:
    """Copy the one payment in ``file`` until there are ``rows``."""
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript("PRAGMA foreign_keys = 0; PRAGMA synchronous = 0; PRAGMA journal_mode = memory; BEGIN")
    for table in TABLES:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        db.execute(
            "WITH RECURSIVE series (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM series WHERE k < ?) "
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(_value(table, column, SQLITE_VALUES) for column in columns)} FROM series, {table} t "
            f"WHERE t.rowid <= (SELECT max(rowid) FROM {table}) ORDER BY k",
            (rows,),
        )
    db.execute("COMMIT")
    db.execute("ANALYZE")
    db.close()


def fill_postgres(server: Postgres, url: str, rows: int) -> None:
    """Copy the one payment in a database of ``server`` ``rows`` times."""
    server.run(url, *_statements(server, url, rows))
    server.run(url, "VACUUM ANALYZE")


def _statements(server: Postgres, url: str, rows: int) -> list[str]:
    statements = ["SET session_replication_role = replica"]  # no foreign key is checked row by row
    for table in TABLES:
        of_table = f"FROM information_schema.columns WHERE table_name = '{table}' AND is_generated = 'NEVER'"
        names = f"SELECT column_name {of_table} ORDER BY 1"
        columns = [row["column_name"] for row in server.run(url, names)]
        statements.append(
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(_value(table, column, POSTGRES_VALUES) for column in columns)} "
            f"FROM generate_series(1, {rows}::bigint) AS k, {table} t ORDER BY k"
        )
    return statements


def _value(table: str, column: str, values: Mapping[str, str]) -> str:
    return values.get(f"{table}.{column}", values.get(column, f"t.{column}"))
