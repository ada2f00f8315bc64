"""A journal filled with as many payments as it is told to: one that was really made, copied."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from tests.support.postgres import Postgres

TABLES = ("challenges", "tries", "payments", "events", "outbox")
THE_SAME = {
    "created_at": "1700000000000 + k",
    "at": "1700000000000 + k",
    "sent_at": "1700000000000 + k",
    "next_at": "1700000000000 + k",
    "principal": "'session ' || (k % 1000)",
}
ID = "printf('pay_%012x%020x', 1700000000000 + k, k)"
NEW_IN_SQLITE = {
    **THE_SAME,
    "id": ID,
    "tries.id": "NULL",
    "outbox.id": f"{ID} || '.3'",
    "challenge": ID,
    "payment_id": ID,
    "seq": "NULL",
    "digest": "randomblob(32)",
    "reference": "hex(randomblob(12))",
}
"""What differs from row to row; everything else is as in the payment that was made."""

IN_POSTGRES = "'pay_' || lpad(to_hex(1700000000000 + k), 12, '0') || lpad(to_hex(k), 20, '0')"
NEW_IN_POSTGRES = {
    **THE_SAME,
    "id": IN_POSTGRES,
    "tries.id": "nextval(pg_get_serial_sequence('tries', 'id'))",
    "outbox.id": f"{IN_POSTGRES} || '.3'",
    "challenge": IN_POSTGRES,
    "payment_id": IN_POSTGRES,
    "seq": "nextval(pg_get_serial_sequence('events', 'seq'))",
    "digest": "decode(md5(k::text) || md5('d' || k::text), 'hex')",
    "reference": "upper(md5('r' || k::text))",
}


def in_sqlite(file: Path, rows: int) -> None:
    """Copy the one payment in ``file`` until there are ``rows``."""
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript("PRAGMA foreign_keys = 0; PRAGMA synchronous = 0; PRAGMA journal_mode = memory; BEGIN")
    for table in TABLES:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        db.execute(
            "WITH RECURSIVE series (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM series WHERE k < ?) "
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(_value(table, column, NEW_IN_SQLITE) for column in columns)} FROM series, {table} t "
            f"WHERE t.rowid <= (SELECT max(rowid) FROM {table}) ORDER BY k",
            (rows,),
        )
    db.execute("COMMIT")
    db.execute("ANALYZE")
    db.close()


def in_postgres(server: Postgres, url: str, rows: int) -> None:
    """The same in a database of ``server``."""
    server.run(url, *_statements(server, url, rows))
    server.run(url, "VACUUM ANALYZE")


def _statements(server: Postgres, url: str, rows: int) -> list[str]:
    made = ["SET session_replication_role = replica"]  # no foreign key is looked at, row by row
    for table in TABLES:
        asked = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY 1"
        columns = [row["column_name"] for row in server.run(url, asked)]
        made.append(
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(_value(table, column, NEW_IN_POSTGRES) for column in columns)} "
            f"FROM generate_series(1, {rows}::bigint) AS k, {table} t ORDER BY k"
        )
    return made


def _value(table: str, column: str, new: Mapping[str, str]) -> str:
    return new.get(f"{table}.{column}", new.get(column, f"t.{column}"))
