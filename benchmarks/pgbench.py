"""The peer of a PostgreSQL journal: the very statements that a payment sent, replayed by PostgreSQL's own pgbench.

The server's log has the statements and their values. pgbench makes a new value for each that must differ from payment
to payment (its id, its reference, the principal); the others stay as they were.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator

from tests.support.postgres import Postgres, named

from benchmarks.workload import make_payments
from riel.journal.open import open_journal
from riel.testing.keys import ROW_MAC

PRINCIPAL = "recorded"
VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
MAC = re.compile(r"v1:([0-9a-f]+):")
IDS = re.compile(r"pay_[0-9a-f]{32}")


def recorded(server: Postgres) -> list[tuple[str, dict[int, str]]]:
    """The statements of one payment and their values as literals, in the order in which they arrived."""
    url = server.fresh()

    async def pay_twice() -> None:
        await make_payments(await open_journal(url, ROW_MAC), 1, 1, "before")  # prepares what is prepared once
        server.run("postgres", f"ALTER DATABASE {named(url)} SET log_min_duration_statement = 0")
        await make_payments(await open_journal(url, ROW_MAC), 1, 1, PRINCIPAL)

    asyncio.run(pay_twice())
    server.run("postgres", f"ALTER DATABASE {named(url)} RESET log_min_duration_statement")
    statements = []
    for line in _log(server):
        message, detail = line.get("message", ""), line.get("detail", "")
        if line.get("dbname") != named(url) or "execute" not in message:
            continue
        sql = message.partition("execute ")[2].partition(": ")[2]
        if sql:
            statements.append((sql, {int(place): value for place, value in VALUE.findall(detail)}))
    return statements


def _log(server: Postgres) -> Iterator[dict[str, str]]:
    for line in (server.folder / "data" / "log" / "postgresql.json").read_text("utf-8").splitlines():
        yield json.loads(line)


def script(statements: list[tuple[str, dict[int, str]]]) -> str:
    """Those statements for pgbench, with a new id, reference and principal in each transaction."""
    values = [value for _, parameters in statements for value in parameters.values()]
    payment_id = next(found[0] for value in values if (found := IDS.search(value)))
    (reference,) = {v for v in values if re.fullmatch(r"'[0-9A-Z]{24}'", v)}
    (digest,) = {v for v in values if re.fullmatch(r"'\\x[0-9a-f]{64}'", v)}
    replaced = {
        f"'{payment_id}'": "('pay_bench_' || :n::text)",
        reference: "('R' || :n::text)",
        digest: "decode(md5(:n::text) || md5('d' || :n::text), 'hex')",
        f"'{PRINCIPAL} 0'": "('bench ' || :client_id::text)",
    }
    lines = ["\\set n random(1, 9000000000000000)"]
    for sql, parameters in statements:
        if any(payment_id in value or PRINCIPAL in value for value in parameters.values()):
            filled = {place: replaced.get(value, value) for place, value in parameters.items()}
            if counted := re.search(r"attempts\.id = \$(\d+)", sql):
                filled[int(counted[1])] = ":counted"  # a column that the statement before it returns
            lines.append(_filled(sql, filled) + (" \\gset" if "count_attempt(" in sql else ";"))
    return "\n".join(lines) + "\n"


def _filled(sql: str, values: dict[int, str]) -> str:
    return re.sub(r"\$(\d+)", lambda place: _without_names(values[int(place[1])]), sql)


def _without_names(value: str) -> str:
    """A text with MACs as SQL in which pgbench finds no name of a variable: ``:f1a0``."""
    return "(" + MAC.sub(r"v1' || chr(58) || '\1' || chr(58) || '", value) + ")" if MAC.search(value) else value


def rate(server: Postgres, url: str, text: str, clients: int, payments: int) -> float:
    """Payments a second that pgbench makes with so many clients."""
    file = server.folder / "payment.sql"
    file.write_text(text)
    completed = subprocess.run(
        [
            *(server.binaries / "pgbench", "--no-vacuum", "--protocol=prepared", "--jobs=2", f"--client={clients}"),
            *(f"--transactions={max(1, payments // clients)}", f"--file={file}", url),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    found = re.search(r"tps = ([\d.]+) \(without", completed.stdout) or re.search(r"tps = ([\d.]+)", completed.stdout)
    if completed.returncode or found is None:
        raise RuntimeError(completed.stderr[-2000:])
    return float(found[1])
