"""The pretend STP behind its counter: what it takes, what it refuses, and what is still on its way to it.

It knows nothing of HTTP and has no clock: every request comes with the time of its arrival. Nothing here awaits, so
one event loop makes each order whole.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from rail_spei.calendar import Holidays, operating_date
from rail_spei.sandbox.behaviour import Behaviour
from rail_spei.sandbox.cadena import ORDER, Body, cadena, pesos, text
from rail_spei.sandbox.ledger import Book, Change, Direction, Entry, life_of, uses
from rail_spei.sandbox.magic import ORDINARY, Fate, Wire, fate_of
from rail_spei.sandbox.refusals import CATALOGUE, STP, Contract, Refused, Verify, one_of_its_fields, refusal
from riel import Debit

ANOTHER = "OTRA_EMPRESA"
NO_SUCH_PAYMENT = Refused(-1, "Orden no encontrada")


@dataclass(frozen=True, slots=True)
class Told:
    """What STP answers, and what befalls the answer: it was ``taken`` as this order, ``refused``, or neither."""

    taken: Entry | None = None
    refused: Refused | None = None
    answer: Wire = "whole"


class Bank:
    """STP with a book of its own, for one company."""

    def __init__(self, behaviour: Behaviour, contract: Contract, verify: Verify, holidays: Holidays) -> None:
        self.behaviour = behaviour
        self.contract = contract
        self.verify = verify
        self.book = Book()
        self.maintenance = False
        self.holidays = holidays
        self._met: set[str] = set()
        self._under_way: list[tuple[datetime, int, Body]] = []
        self._untold: list[Entry] = []

    def today(self, now: datetime) -> date:
        """The operating day that an order gets which arrives now."""
        return operating_date(now, self.holidays)

    def seen(self, now: datetime) -> datetime:
        """The time as of which queries are answered."""
        self.catch_up(now)
        return now - timedelta(seconds=self.behaviour.lookup_lag_seconds)

    def catch_up(self, now: datetime) -> None:
        """Let in what was under way and has arrived by now; nobody waits for its answer any more."""
        while self._under_way and self._under_way[0][0] <= now:
            arrived, _, order = heapq.heappop(self._under_way)
            self._decide(order, ORDINARY, arrived)

    def debits(self, now: datetime) -> list[Debit]:
        """The money that has left the company."""
        self.catch_up(now)
        return self.book.debits(self.contract.empresa, now)

    def of_day(self, direction: Direction, day: date, at: datetime) -> list[Entry]:
        """The company's orders of an operating day, oldest first."""
        return self.book.of_day(self.contract.empresa, direction, day, at)

    def balance(self, account: str, at: datetime) -> tuple[int, int]:
        """The centavos on an account of the company, and those of its orders that are not settled yet."""
        return self.book.balance(self.contract.empresa, account, self.behaviour.opening_centavos, at)

    def to_tell(self) -> list[Entry]:
        """The orders that were booked since the last call, for whoever sends the webhooks."""
        booked, self._untold = self._untold, []
        return booked

    def register(self, order: Body, now: datetime) -> Told:
        """``ordenPago/registra``"""
        self.catch_up(now)
        fate = self._fate(order, text(order.get("claveRastreo")))
        if fate.answer == "late":
            late = now + timedelta(seconds=self.behaviour.late_seconds)
            heapq.heappush(self._under_way, (late, len(self._met), order))
        if fate.answer != "whole" and not fate.stored:
            return Told(answer=fate.answer)  # a gateway in front of STP wrote it
        return self._decide(order, fate, now)

    def give_back(self, asked: Body, received: Entry | None, now: datetime) -> Told:
        """``ordenPago/retornaOrden``, of the received payment that it names; its form was checked before."""
        key, today = text(asked.get("claveRastreoDevolucion")), self.today(now)
        fate = self._fate(asked, key)
        if fate.answer != "whole" and not fate.stored:
            return Told(answer=fate.answer)
        if self.maintenance:
            return Told(refused=CATALOGUE[-30])
        if fate.foreign or self.book.find("E", today, key, now):
            return Told(refused=Refused(-1, uses(key, today)))
        if received is None or received.now(now).state != "CCO" or centavos(asked) != received.amount:
            return Told(refused=NO_SUCH_PAYMENT)
        if fate.refused and not fate.stored:
            return Told(refused=fate.refused)
        entry = self._enter("E", key, received.amount, _reversed(received.said, key), now, fate)
        received.life.append(Change(now, "XR"))
        self.book.returned[received.number] = entry
        if (end := entry.settled_at(datetime.max.replace(tzinfo=now.tzinfo))) is not None:
            received.life.append(Change(end, "RE"))
        return Told(taken=entry, refused=fate.refused, answer=fate.answer)

    def receive(self, said: Mapping[str, Any], key: str, amount: int, now: datetime) -> Entry:
        """A payment from somebody else's bank, credited at once."""
        self.catch_up(now)
        return self._enter("R", key, amount, said, now, fate_of(amount))

    def used_by_another(self, key: str, now: datetime) -> None:
        """Another company of STP sends an order with this key."""
        said = {"empresa": ANOTHER, "cuentaBeneficiario": "", "claveRastreo": key}
        self._enter("E", key, 1, said, now, ORDINARY)

    def _fate(self, asked: Body, key: str) -> Fate:
        fate = fate_of(centavos(asked))
        if fate.once and key in self._met:
            return ORDINARY
        self._met.add(key)
        return fate

    def _decide(self, order: Body, fate: Fate, now: datetime) -> Told:
        today = self.today(now)
        key = text(order.get("claveRastreo"))
        signed = self.verify(cadena(order, ORDER), text(order.get("firma")))
        wrong = CATALOGUE[-30] if self.maintenance else one_of_its_fields(order, signed)
        wrong = wrong or refusal(order, self.contract, today)
        if wrong:
            return Told(refused=wrong)
        if fate.foreign and not self.book.find("E", today, key, now):
            self.used_by_another(key, now)
        if self.book.find("E", today, key, now):
            return Told(refused=Refused(-1, uses(key, today)))
        within = fate.stored_within_stp and text(order.get("institucionContraparte")) == STP
        if fate.refused and not (fate.stored or within):
            return Told(refused=fate.refused)
        said = {name: value for name, value in order.items() if name != "firma"}
        entry = self._enter("E", key, centavos(order) + fate.adds, said, now, fate)
        refused = Refused(-1, uses(key, today)) if fate.refused == CATALOGUE[-1] else fate.refused
        return Told(taken=entry, refused=refused, answer=fate.answer)

    def _enter(
        self, direction: Direction, key: str, amount: int, said: Mapping[str, Any], now: datetime, fate: Fate
    ) -> Entry:
        if direction == "R":
            life = [Change(now, "CCO")]
        else:
            own = text(said.get("institucionContraparte")) == STP
            life = life_of(fate, now, self.behaviour, between_our_own=own)
        entry = Entry(
            number=self.book.next_number,
            direction=direction,
            day=self.today(now),
            at=now,
            key=key,
            amount=amount,
            said=said,
            life=life,
            fate=replace(fate, refused=None),
        )
        if entry.empresa == self.contract.empresa:
            self._untold.append(entry)
        return self.book.enter(entry)


def centavos(asked: Body) -> int:
    """The amount of a request; nothing where it says none, which no rule lets pass."""
    return int((pesos(asked.get("monto")) or 0) * 100)


def _reversed(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A received payment turned around: what the order looks like that gives it back (type 17)."""
    turned = {"Ordenante": "Beneficiario", "Beneficiario": "Ordenante"}
    back = dict(said)
    for field in ("tipoCuenta", "nombre", "cuenta", "rfcCurp"):
        for one, other in turned.items():
            back[f"{field}{one}"] = said.get(f"{field}{other}")
    return back | {"claveRastreo": key, "tipoPago": 17, "conceptoPago": "Devolucion"}
