"""Somebody who can write to the database of the journal, and has no key: edits one row between two steps of riel."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .simulation import Simulation

ATTACKS = 3
MONEY, ACCOUNT = 777_777, "9999999999"


class SimAttacker:
    """Puts rows in, edits them and sets them back to an older version."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self._older: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Attack a few times while agents pay."""
        random = self.simulation.random
        for _ in range(ATTACKS):
            await asyncio.sleep(2 + random.random() * 15)
            if self.simulation.faults.calm:
                return
            self._attack()

    def _attack(self) -> None:
        random = self.simulation.random
        payments = self._rows("SELECT * FROM payments ORDER BY rowid")
        challenges = self._rows("SELECT * FROM challenges WHERE state = 'open' ORDER BY rowid")
        deeds: list[tuple[str, Any]] = []
        if payments:
            row = random.choice(payments)
            deeds += [("edits", row), ("edits", row), ("sets back", row)]
        if challenges:
            deeds.append(("edits the challenge", random.choice(challenges)))
        if payments and challenges:
            deeds += [("puts in", (random.choice(payments), random.choice(challenges)))] * 2
        if not deeds:
            return
        deed, what = random.choice(deeds)
        if deed == "edits":
            self._touch(what["id"], deed)
            order = {**json.loads(what["body"]), "amount": MONEY, "account": ACCOUNT}
            self._update("payments", what["id"], body=json.dumps(order).encode(), amount=MONEY, account=ACCOUNT)
            self._update("payments", what["id"], state="unknown", next_at=0, owner=None)
        elif deed == "edits the challenge":
            self._touch(what["id"], deed)
            self._update("challenges", what["id"], amount=MONEY, account=ACCOUNT)
        elif deed == "puts in":
            payment, challenge = what
            self._touch(challenge["id"], deed)
            order = {**json.loads(payment["body"]), "reference": "FORGED", "amount": MONEY, "account": ACCOUNT}
            row = {**payment, "id": challenge["id"], "reference": "FORGED", "body": json.dumps(order).encode()}
            row |= {"state": "unknown", "next_at": 0, "owner": None, "amount": MONEY, "account": ACCOUNT}
            self._update("challenges", challenge["id"], state="consumed")
            places = ", ".join("?" * len(row))
            self.simulation.db.execute(
                f"INSERT OR IGNORE INTO payments ({', '.join(row)}) VALUES ({places})", tuple(row.values())
            )
        elif (older := self._older.get(what["id"])) is not None:
            self._touch(what["id"], deed)
            self._update("payments", what["id"], **{**older, "next_at": 0, "owner": None, "fence": what["fence"]})
        self._older |= {row["id"]: row for row in payments if row["id"] not in self._older}

    def _touch(self, payment_id: str, deed: str) -> None:
        self.simulation.checks.touched.add(payment_id)
        self.simulation.faults.counted[f"attacker {deed}"] += 1
        self.simulation.trace("attacker", f"{deed} {payment_id[-6:]}")

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.simulation.db.execute(sql)]

    def _update(self, table: str, payment_id: str, **columns: Any) -> None:
        sets = ", ".join(f"{column} = ?" for column in columns)
        self.simulation.db.execute(f"UPDATE {table} SET {sets} WHERE id = ?", (*columns.values(), payment_id))
