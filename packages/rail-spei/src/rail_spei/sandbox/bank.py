"""The pretend STP without HTTP: the orders that it accepts, its refusals, and the orders in transit to it.

It knows nothing of HTTP and has no clock: every request comes with the time of its arrival. Nothing here awaits, so
one event loop makes each order whole.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from rail_spei.calendar import Holidays, operating_date
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.sandbox.cadena import ORDER, Body, cadena, pesos, text
from rail_spei.sandbox.ledger import Direction, LedgerOrder, StateChange, StpLedger, key_in_use, planned_changes
from rail_spei.sandbox.magic import DEFAULT, AnswerFault, Scenario, scenario_of
from rail_spei.sandbox.refusals import REFUSALS, STP, StpContract, StpRefusal, Verify, check_form, check_rules
from riel import Debit

OTHER_COMPANY = "OTRA_EMPRESA"
NO_SUCH_PAYMENT = StpRefusal(-1, "Orden no encontrada")


@dataclass(frozen=True, slots=True)
class OrderResult:
    """The result of an order: the ``accepted`` entry, the ``refusal``, or neither, and the fault of the answer."""

    accepted: LedgerOrder | None = None
    refusal: StpRefusal | None = None
    answer: AnswerFault = "whole"


class StpBank:
    """The pretend STP of one company, with its ledger."""

    def __init__(self, behaviour: StpBehaviour, contract: StpContract, verify: Verify, holidays: Holidays) -> None:
        self.behaviour = behaviour
        self.contract = contract
        self.verify = verify
        self.ledger = StpLedger()
        self.maintenance = False
        self.holidays = holidays
        self._seen_keys: set[str] = set()
        self._in_transit: list[tuple[datetime, int, Body]] = []
        self._unannounced: list[LedgerOrder] = []

    def today(self, now: datetime) -> date:
        """The operating day of an order that arrives now."""
        return operating_date(now, self.holidays)

    def visible_at(self, now: datetime) -> datetime:
        """The time of the ledger's state that queries show."""
        self.catch_up(now)
        return now - timedelta(seconds=self.behaviour.lookup_lag_seconds)

    def catch_up(self, now: datetime) -> None:
        """Decide the delayed orders that have arrived by now. Their senders no longer wait for an answer."""
        while self._in_transit and self._in_transit[0][0] <= now:
            arrived, _, order = heapq.heappop(self._in_transit)
            self._decide(order, DEFAULT, arrived)

    def debits(self, now: datetime) -> list[Debit]:
        """The money that has left the company's account."""
        self.catch_up(now)
        return self.ledger.debits(self.contract.empresa, now)

    def of_day(self, direction: Direction, day: date, at: datetime) -> list[LedgerOrder]:
        """The company's orders of an operating day, oldest first."""
        return self.ledger.of_day(self.contract.empresa, direction, day, at)

    def take_unannounced(self) -> list[LedgerOrder]:
        """Return the orders that were booked since the last call, so that their webhooks are sent."""
        booked, self._unannounced = self._unannounced, []
        return booked

    def register(self, order: Body, now: datetime) -> OrderResult:
        """``ordenPago/registra``"""
        self.catch_up(now)
        scenario = self._scenario(order, text(order.get("claveRastreo")))
        if scenario.answer == "late":
            late = now + timedelta(seconds=self.behaviour.late_seconds)
            heapq.heappush(self._in_transit, (late, len(self._seen_keys), order))
        if scenario.answer != "whole" and not scenario.stored:
            return OrderResult(answer=scenario.answer)  # the answer of a gateway in front of STP
        return self._decide(order, scenario, now)

    def return_received(self, request: Body, received: LedgerOrder | None, now: datetime) -> OrderResult:
        """``ordenPago/retornaOrden`` for the payment ``received``. The caller has checked the request's form."""
        key, today = text(request.get("claveRastreoDevolucion")), self.today(now)
        scenario = self._scenario(request, key)
        if scenario.answer != "whole" and not scenario.stored:
            return OrderResult(answer=scenario.answer)
        if self.maintenance:
            return OrderResult(refusal=REFUSALS[-30])
        if scenario.foreign or self.ledger.find("E", today, key, now):
            return OrderResult(refusal=StpRefusal(-1, key_in_use(key, today)))
        if received is None or received.change_at(now).state != "CCO" or centavos(request) != received.amount:
            return OrderResult(refusal=NO_SUCH_PAYMENT)
        if scenario.refusal and not scenario.stored:
            return OrderResult(refusal=scenario.refusal)
        entry = self._book("E", key, received.amount, _return_fields(received.fields, key), now, scenario)
        received.changes.append(StateChange(now, "XR"))
        self.ledger.returns[received.number] = entry
        if (end := entry.settled_at(datetime.max.replace(tzinfo=now.tzinfo))) is not None:
            received.changes.append(StateChange(end, "RE"))
        return OrderResult(accepted=entry, refusal=scenario.refusal, answer=scenario.answer)

    def receive(self, fields: Mapping[str, Any], key: str, amount: int, now: datetime) -> LedgerOrder:
        """Book a payment from another bank, which is credited at once."""
        self.catch_up(now)
        return self._book("R", key, amount, fields, now, scenario_of(amount))

    def register_foreign_key(self, key: str, now: datetime) -> None:
        """Book an order of another company at STP with this key."""
        fields = {"empresa": OTHER_COMPANY, "cuentaBeneficiario": "", "claveRastreo": key}
        self._book("E", key, 1, fields, now, DEFAULT)

    def _scenario(self, request: Body, key: str) -> Scenario:
        scenario = scenario_of(centavos(request))
        if scenario.first_only and key in self._seen_keys:
            return DEFAULT
        self._seen_keys.add(key)
        return scenario

    def _decide(self, order: Body, scenario: Scenario, now: datetime) -> OrderResult:
        today = self.today(now)
        key = text(order.get("claveRastreo"))
        signed = self.verify(cadena(order, ORDER), text(order.get("firma")))
        refusal = REFUSALS[-30] if self.maintenance else check_form(order, signed)
        refusal = refusal or check_rules(order, self.contract, today)
        if refusal:
            return OrderResult(refusal=refusal)
        if scenario.foreign and not self.ledger.find("E", today, key, now):
            self.register_foreign_key(key, now)
        if self.ledger.find("E", today, key, now):
            return OrderResult(refusal=StpRefusal(-1, key_in_use(key, today)))
        within_stp = scenario.stored_within_stp and text(order.get("institucionContraparte")) == STP
        if scenario.refusal and not (scenario.stored or within_stp):
            return OrderResult(refusal=scenario.refusal)
        fields = {name: value for name, value in order.items() if name != "firma"}
        entry = self._book("E", key, centavos(order) + scenario.adds, fields, now, scenario)
        refusal = StpRefusal(-1, key_in_use(key, today)) if scenario.refusal == REFUSALS[-1] else scenario.refusal
        return OrderResult(accepted=entry, refusal=refusal, answer=scenario.answer)

    def _book(
        self, direction: Direction, key: str, amount: int, fields: Mapping[str, Any], now: datetime, scenario: Scenario
    ) -> LedgerOrder:
        if direction == "R":
            changes = [StateChange(now, "CCO")]
        else:
            own = text(fields.get("institucionContraparte")) == STP
            changes = planned_changes(scenario, now, self.behaviour, between_our_own=own)
        entry = LedgerOrder(
            number=self.ledger.next_number,
            direction=direction,
            day=self.today(now),
            at=now,
            key=key,
            amount=amount,
            fields=fields,
            changes=changes,
            scenario=replace(scenario, refusal=None),
        )
        if entry.empresa == self.contract.empresa:
            self._unannounced.append(entry)
        return self.ledger.add(entry)


def centavos(request: Body) -> int:
    """The amount of a request in centavos; 0 where it has none, which the rules refuse."""
    return int((pesos(request.get("monto")) or 0) * 100)


def _return_fields(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The fields of the order that returns a received payment (type 17): payer and payee change places."""
    counterparts = {"Ordenante": "Beneficiario", "Beneficiario": "Ordenante"}
    return_fields = dict(fields)
    for field in ("tipoCuenta", "nombre", "cuenta", "rfcCurp"):
        for one, other in counterparts.items():
            return_fields[f"{field}{one}"] = fields.get(f"{field}{other}")
    return return_fields | {"claveRastreo": key, "tipoPago": 17, "conceptoPago": "Devolucion"}
