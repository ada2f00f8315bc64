"""The rail's own code for talking to STP: it makes an order, hands it over, and asks after it. It never tries again.

An order's operating day is written down with its tracking key before anything leaves. STP refuses a key that it knows
on the same operating day only and books it on the next, so an order is asked after on every day that it can have come
to, and may be sent again only while its own day certainly lasts.
"""

import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import httpx

from rail_spei.calendar import cutoff_of, is_business_day, last_business_day, operating_date
from rail_spei.days import CUTOFF_MARGIN, operating_days_near, possible_days
from rail_spei.fields import new_tracking_key, numeric_reference, spei_name, spei_text
from rail_spei.mapping import to_answer, to_statement_line
from rail_spei.models import SpeiPayment, SpeiRefund, SpeiReturn
from rail_spei.returns import build_return, return_key
from rail_spei.settings import SEND_DEADLINE, SpeiSettings, tls_context
from rail_spei.stp.api import Stp
from rail_spei.stp.cadena import RegisterOrder
from rail_spei.stp.models import OrderStatus
from rail_spei.stp.refusals import OrderAccepted, OrderRefusal, OrderUnclear, Outcome, RefusalKind
from rail_spei.stp.signature import SigningKey
from riel import (
    Answer,
    Draft,
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
    """STP as one company sees it, in the core's words."""

    def __init__(self, settings: SpeiSettings, stp: Stp, clock: Clock) -> None:
        self._settings = settings
        self._stp = stp
        self._clock = clock

    def prepare(self, draft: Draft, references: ReferenceSource) -> Prepared:
        """A tracking key for the operating day that begins or lasts now, and the signed order.

        One that is made around the roll is never sent again: its copy could be the first of another operating day.
        """
        day = operating_date(references.now, self._settings.holiday_calendar)
        match draft.payment:
            case SpeiPayment() as payment:
                key = new_tracking_key(self._settings.key_prefix, day, references)
                body, bank = self._order_body(payment, key, references), payment.payee().institution
                facts = {"operationDate": day.isoformat(), "bankName": bank}
            case SpeiReturn() as received:
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
        first, last = operating_days_near(references.now, self._settings.holiday_calendar)
        return Prepared(
            reference=key,
            body=body,
            facts=facts,
            resend_until=cutoff_of(first, self._settings.holiday_calendar) - CUTOFF_MARGIN,
            absent_after=cutoff_of(last, self._settings.holiday_calendar) + CUTOFF_MARGIN,
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
                latitud=settings.latitude,
                longitud=settings.longitude,
            )
        )

    async def send(self, order: Order) -> Answer:
        """``PUT ordenPago/registra``, or ``retornaOrden`` for what gives a received payment back."""
        is_return = order.facts.get("operation") == SpeiReturn.OPERATION
        outcome = await (self._stp.return_received if is_return else self._stp.register)(order.body)
        return await self._to_answer(order, outcome)

    async def _to_answer(self, order: Order, outcome: Outcome) -> Answer:
        match outcome:
            case OrderAccepted(id=number):
                return Answer(status=Status.PENDING, provider_id=number, facts={"providerOrder": number})
            case OrderRefusal(kind=RefusalKind.LATER) if not self._created_near_cutoff(order):
                raise OutcomeUnknown(outcome.text)  # nothing was taken: the same order is sent later, while it may be
            case OrderRefusal():
                if outcome.needs_lookup(_payee_participant(order)) and (
                    found := await self._found_despite_refusal(order, outcome)
                ):
                    return found
                raise Rejected(outcome.row_code, outcome.text)
            case OrderUnclear(reason=reason):
                raise OutcomeUnknown(reason)

    async def _found_despite_refusal(self, order: Order, refusal: OrderRefusal) -> Answer | None:
        """The order, where STP has it in spite of its refusal."""
        try:
            return await self.status(order)
        except NothingLearned as failure:
            raise OutcomeUnknown(f"{refusal.text}; and STP did not say whether it has the order") from failure

    async def refund(self, order: Order) -> Answer:
        """Never: what has settled is final."""
        raise TypeError("a settled SPEI payment cannot be pulled back")

    async def status(self, order: Order) -> Answer | None:
        """What STP knows of the order, on any operating day that it can have come to."""
        status = await self._find_on_any_day(order)
        return None if status is None else await self._checked_answer(order, status)

    async def _find_on_any_day(self, order: Order) -> OrderStatus | None:
        """The order as STP tells it, or ``None`` where STP has it on none of its days.

        :raises NothingLearned: STP did not say, neither in its present way nor in the older one.
        """
        silent: NothingLearned | None = None
        for day in self._possible_days(order):
            try:
                found = await self._stp.query(order.reference, "E", day)
            except NothingLearned as failure:
                silent = failure
                continue
            if isinstance(found, OrderStatus):
                return found
        if silent is None:
            return None
        for day in self._possible_days(order):
            legacy = await self._stp.legacy_query(order.reference, day)
            if isinstance(legacy, OrderStatus):
                return legacy
        raise silent  # nobody has shown that the older way knows every order, so that it finds none proves nothing

    def _possible_days(self, order: Order) -> Iterator[date | None]:
        own = date.fromisoformat(order.facts["operationDate"])
        return possible_days(own, order.created_at, self._clock(), self._settings.holiday_calendar)

    def _created_near_cutoff(self, order: Order) -> bool:
        """Whether it is never sent again, as ``prepare`` promised."""
        first, last = operating_days_near(order.created_at, self._settings.holiday_calendar)
        return first != last

    async def _checked_answer(self, order: Order, status: OrderStatus) -> Answer:
        """An order in a state whose name is ambiguous is asked after once more before it counts as ended."""
        state = status.state()
        if state.ambiguous:
            second = await self._find_on_any_day(order)
            if second is None or second.state_code != status.state_code:
                raise NothingLearned("STP tells two different states")
        if state.alert:
            log.warning("STP tells of %s the state %r, which nobody explained: ask STP", order.reference, state.code)
        return to_answer(status, order)

    async def build_return(self, refund: SpeiRefund) -> Payment | None:
        """What gives back the received payment of that tracking key; ``None`` where STP knows of none lately.

        :raises NotAllowed: it was received, and cannot be given back now.
        """
        return await build_return(refund, self._stp, self._clock(), self._settings)

    async def statement(self, day: date) -> Statement:
        """Every order that was sent on an operating day, which begins with the roll of the business day before."""
        holidays = self._settings.holiday_calendar
        if not is_business_day(day, holidays):
            raise NothingLearned(f"{day} is no operating day: SPEI has them on business days only")
        first, last = operating_days_near(self._clock(), holidays)
        if first != last and day in {first, last}:
            raise NothingLearned("the operating day rolls about now, and STP may see it otherwise: ask in ten minutes")
        listed = await self._stp.reconciliation("E", None if day == first else day)
        return Statement(
            since=cutoff_of(last_business_day(day, holidays), holidays),
            until=cutoff_of(day, holidays),
            lines=[to_statement_line(status) for status in listed],
            covers=frozenset({"payment"}),
        )


@asynccontextmanager
async def open_client(
    settings: SpeiSettings,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> AsyncIterator[SpeiClient]:
    """A client for as long as the block lasts. TLS is always verified; the environment's proxies are not used."""
    key = SigningKey.load(settings.private_key, settings.private_key_passphrase.get_secret_value())
    verify: ssl.SSLContext | bool = True if settings.ca_bundle is None else tls_context(settings.ca_bundle)
    async with httpx.AsyncClient(
        timeout=SEND_DEADLINE.total_seconds(), transport=transport, verify=verify, trust_env=False
    ) as http:
        stp = Stp(http, settings.orders_at, settings.queries_at, settings.empresa, key)
        yield SpeiClient(settings, stp, clock)


def _payee_participant(order: Order) -> str:
    """Whom the order is for, by the bytes that were sent; nobody for what gives a payment back."""
    return str(json.loads(order.body).get("institucionContraparte", ""))
