"""The client of SPEI through STP: it prepares an order, sends it, and looks it up. It never repeats a request.

The core stores an order's operating day with its tracking key before the order is sent. STP refuses a key that it knows
on the same operating day only, and books the same key again on the next day. So the client looks an order up on every
day on which STP may have booked it, and the core may send it again only while its own day certainly lasts. Where the
clocks differ, or STP holds a day to be in the future that has begun for us, "not found" proves nothing.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import httpx

from rail_spei.calendar import cutoff_of, is_business_day, is_weekday, last_business_day, operating_date
from rail_spei.codes import CODES
from rail_spei.days import absent_after, begun_day, may_return, possible_days, resend_until
from rail_spei.fields import new_tracking_key, numeric_reference, spei_name, spei_text
from rail_spei.mapping import to_answer, to_statement_line
from rail_spei.models import SpeiPayment, SpeiRefund, SpeiReturn
from rail_spei.returns import build_return, return_key
from rail_spei.settings import SpeiSettings
from rail_spei.stp.api import Absence, Stp
from rail_spei.stp.cadena import RegisterOrder
from rail_spei.stp.clock import ClocksDiffer
from rail_spei.stp.models import OrderStatus
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, OrderUnclear, Outcome, RefusalKind
from rail_spei.stp.signature import SigningKey
from riel import (
    Answer,
    Draft,
    NotAllowed,
    NothingLearned,
    Order,
    OutcomeUnknown,
    Payment,
    Prepared,
    ReferenceSource,
    Rejected,
    Statement,
    Status,
)

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class SpeiClient:
    """The client that the core calls, for one company at STP."""

    def __init__(self, settings: SpeiSettings, stp: Stp, clock: Clock) -> None:
        self._settings = settings
        self._stp = stp
        self._clock = clock

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """Return a tracking key with the operating day of the confirmation, and the signed order.

        An order that is prepared around the cut-off is never sent again: STP could book its copy on another day.

        :raises NotAllowed: it is a return, around the cut-off.
        """
        day = operating_date(references.now, self._settings.holiday_calendar)
        match draft.payment:
            case SpeiPayment() as payment:
                asked_on = operating_date(references.created_at, self._settings.holiday_calendar)
                key = new_tracking_key(self._settings.key_prefix, asked_on, references)
                body, bank = self._order_body(payment, key, references), payment.payee().institution
                facts = {"operationDate": day.isoformat(), "bankName": bank}
            case SpeiReturn() as received:
                if not may_return(references.now):
                    raise NotAllowed(CODES["SPEI_RETURN_AT_CUTOFF"])
                key = return_key(self._settings.key_prefix, received)
                body = self._stp.return_body(
                    day=received.operation_date,
                    key=received.tracking_key,
                    return_key=key,
                    amount=received.amount,
                )
                facts = {"operationDate": day.isoformat(), "operation": SpeiReturn.OPERATION}
            case _:
                raise TypeError("this draft is not one of SPEI")
        return Prepared(
            reference=key,
            body=body,
            facts=facts,
            resend_until=resend_until(references.now),
            absent_after=absent_after(references.now, self._settings.holiday_calendar),
        )

    def _order_body(self, payment: SpeiPayment, key: str, references: ReferenceSource) -> bytes:
        settings = self._settings
        return self._stp.order_body(
            RegisterOrder(
                institucion_contraparte=settings.catalogue.of(payment.clabe, test=settings.mode != "live").participant,
                empresa=settings.empresa,
                folio_origen=key,
                clave_rastreo=key,
                monto=payment.amount,
                nombre_ordenante=spei_name(settings.payer_name),
                cuenta_ordenante=settings.account,
                rfc_curp_ordenante=settings.payer_rfc.replace("Ñ", "N"),
                nombre_beneficiario=spei_name(payment.recipient_name),
                cuenta_beneficiario=payment.clabe,
                concepto_pago=spei_text(payment.concept),
                referencia_numerica=numeric_reference(references),
                topologia="T",
                prioridad=0,
                latitud=settings.latitude,
                longitud=settings.longitude,
            )
        )

    async def send(self, order: Order) -> Answer:
        """``PUT ordenPago/registra``, or ``retornaOrden`` for the return of a received payment."""
        is_return = order.facts.get("operation") == SpeiReturn.OPERATION
        outcome = await (self._stp.return_received if is_return else self._stp.register)(order.body)
        return await self._to_answer(order, outcome)

    async def _to_answer(self, order: Order, outcome: Outcome) -> Answer:
        match outcome:
            case OrderAccepted(id=number):
                return Answer(status=Status.PENDING, provider_id=number, facts={"providerOrder": number})
            case OrderRefusal(kind=RefusalKind.LATER) if resend_until(order.created_at) > order.created_at:
                raise OutcomeUnknown(outcome.text)  # STP booked nothing: the core may send the same order later
            case OrderRefusal():
                if outcome.needs_lookup(_payee_participant(order)) and (
                    answer := await self._status_despite_refusal(order, outcome)
                ):
                    return answer
                raise Rejected(outcome.row_code, outcome.text)
            case OrderUnclear(reason=reason):
                raise OutcomeUnknown(reason)

    async def _status_despite_refusal(self, order: Order, refusal: OrderRefusal) -> Answer | None:
        """Look up an order that STP refused: in some cases STP has it all the same."""
        try:
            return await self.status(order)
        except NothingLearned as failure:
            raise OutcomeUnknown(f"{refusal.text}; and STP did not say whether it has the order") from failure

    async def refund(self, order: Order) -> Answer:
        """Raise ``TypeError``: a settled SPEI payment is final."""
        raise TypeError("a settled SPEI payment cannot be pulled back")

    async def status(self, order: Order) -> Answer | None:
        """Look the order up on every operating day on which STP may have booked it."""
        status = await self._find_on_any_day(order)
        return None if status is None else await self._checked_answer(order, status)

    async def _find_on_any_day(self, order: Order) -> OrderStatus | None:
        """Return STP's status of the order, or ``None`` where STP has it on none of the possible days.

        :raises NothingLearned: neither STP's present query nor the older one gave an answer that proves anything.
        """
        now, holidays = self._clock(), self._settings.holiday_calendar
        days, begun = possible_days(_expected_day(order), order.created_at, now, holidays), begun_day(now, holidays)
        doubt: NothingLearned | None = None
        for day in days:
            try:
                status = await self._stp.query(order.reference, "E", day)
            except NothingLearned as failure:
                doubt = failure
                continue
            if isinstance(status, OrderStatus):
                return status
            if status is Absence.DATE_AHEAD and (day is None or day <= begun):
                doubt = ClocksDiffer(
                    f"STP holds {day or 'its own day'} to be in the future: this machine's clock is ahead, or the "
                    "list of holidays (RIEL_SPEI_HOLIDAYS) is wrong"
                )
        if doubt is None:
            return None
        if isinstance(doubt, ClocksDiffer):
            log.error("%s. The payment %s is neither given up nor sent again until that is mended", doubt, order.id)
        for day in days:
            legacy = await self._stp.legacy_query(order.reference, day)
            if isinstance(legacy, OrderStatus):
                return legacy
        raise doubt  # that the older query knows every order is not proven: its "not found" proves nothing

    async def _checked_answer(self, order: Order, status: OrderStatus) -> Answer:
        """Map a status to the core's answer, after a second look-up where the state is ambiguous."""
        state, expected = status.state(), _expected_day(order)
        if status.day is not None and status.day != expected:
            log.warning(
                "STP has the payment %s on the operating day %s, and not on %s: this machine's clock or the list of "
                "holidays is wrong, or the payment was under way at a cut-off",
                order.id,
                status.day,
                expected,
            )
        if state.ambiguous:
            second = await self._find_on_any_day(order)
            if second is None or second.state_code != status.state_code:
                raise NothingLearned("STP gave two different states")
        if state.alert:
            log.warning(
                "STP gave %s the state %r, which its catalogue does not explain: ask STP", order.reference, state.code
            )
        return to_answer(status, order)

    async def build_return(self, refund: SpeiRefund) -> Payment | None:
        """Return the payment that returns the received one of that tracking key; ``None`` where STP has no recent one.

        :raises NotAllowed: the payment was received, and cannot be returned now.
        """
        return await build_return(refund, self._stp, self._clock(), self._settings)

    async def statement(self, day: date) -> Statement:
        """List every order that was sent on an operating day, from the cut-off of the business day before it.

        A weekday that we hold to be a holiday is an operating day where STP lists an order on it.
        """
        holidays = self._settings.holiday_calendar
        statuses = await self._stp.reconciliation("E", day) if is_weekday(day) else []
        if not is_business_day(day, holidays):
            if not statuses:
                raise NothingLearned(f"{day} is no operating day: SPEI has them on business days only")
            log.warning("STP lists orders on %s, which is a holiday here: the list of holidays is wrong", day)
            holidays = holidays.without(day)
        return Statement(
            since=cutoff_of(last_business_day(day, holidays), holidays),
            until=cutoff_of(day, holidays),
            lines=[to_statement_line(status) for status in statuses],
            covers=frozenset({"payment"}),
        )


@asynccontextmanager
async def open_client(
    settings: SpeiSettings, http: httpx.AsyncClient, clock: Clock = lambda: datetime.now(UTC)
) -> AsyncIterator[SpeiClient]:
    """Open a client for the block."""
    key = SigningKey.load(settings.private_key, settings.private_key_passphrase.get_secret_value())
    stp = Stp(http, settings.orders_at, settings.queries_at, settings.empresa, key, clock)
    yield SpeiClient(settings, stp, clock)


def _expected_day(order: Order) -> date:
    """The operating day that STP told, or the one that we expected when the order was prepared."""
    return date.fromisoformat(order.facts["operationDate"])


def _payee_participant(order: Order) -> str:
    """The code of the payee's institution in the order's bytes; empty for a return, which names none."""
    return str(json.loads(order.body).get("institucionContraparte", ""))
