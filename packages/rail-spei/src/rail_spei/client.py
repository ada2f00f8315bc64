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

from rail_spei.calendar import closes, is_business_day, last_business_day, operating_date
from rail_spei.days import AROUND_THE_ROLL, around, days_of_an_order
from rail_spei.fields import carried_name, folded, minted, numeric_reference
from rail_spei.mapping import answer, entry
from rail_spei.models import SpeiPayment, SpeiRefund, SpeiReturn
from rail_spei.returns import return_key, to_give_back
from rail_spei.settings import SEND_DEADLINE, SpeiSettings, trusted
from rail_spei.stp.api import Stp
from rail_spei.stp.cadena import RegisterOrder
from rail_spei.stp.models import Told
from rail_spei.stp.refusals import Accepted, Kind, Outcome, Refused, Unclear
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
        day = operating_date(references.now, self._settings.calendar)
        match draft.payment:
            case SpeiPayment() as payment:
                key = minted(self._settings.key_prefix, day, references)
                body, bank = self._order(payment, key, references), payment.payee().institution
                facts = {"operationDate": day.isoformat(), "bankName": bank}
            case SpeiReturn() as back:
                key = return_key(self._settings.key_prefix, back)
                body = self._stp.return_body(
                    day=back.operation_date, key=back.tracking_key, return_key=key, amount=back.amount
                )
                facts = {"operationDate": day.isoformat(), "means": SpeiReturn.MEANS}
            case _:
                raise TypeError("this draft is not one of SPEI")
        first, last = around(references.now, self._settings.calendar)
        return Prepared(
            reference=key,
            body=body,
            facts=facts,
            resend_until=closes(first, self._settings.calendar) - AROUND_THE_ROLL,
            absent_after=closes(last, self._settings.calendar) + AROUND_THE_ROLL,
        )

    def _order(self, payment: SpeiPayment, key: str, mint: ReferenceSource) -> bytes:
        settings = self._settings
        return self._stp.order_body(
            RegisterOrder(
                institucion_contraparte=settings.catalogue.of(payment.clabe, test=settings.mode != "live").participant,
                empresa=settings.empresa,
                folio_origen=key,
                clave_rastreo=key,
                monto=payment.amount,
                nombre_ordenante=carried_name(settings.payer_name),
                cuenta_ordenante=settings.account,
                rfc_curp_ordenante=settings.payer_rfc.replace("Ñ", "N"),
                nombre_beneficiario=carried_name(payment.recipient_name),
                cuenta_beneficiario=payment.clabe,
                concepto_pago=folded(payment.concept),
                referencia_numerica=numeric_reference(mint),
                latitud=settings.latitude,
                longitud=settings.longitude,
            )
        )

    async def send(self, order: Order) -> Answer:
        """``PUT ordenPago/registra``, or ``retornaOrden`` for what gives a received payment back."""
        giving_back = order.facts.get("means") == SpeiReturn.MEANS
        outcome = await (self._stp.return_received if giving_back else self._stp.register)(order.body)
        return await self._meaning(order, outcome)

    async def _meaning(self, order: Order, outcome: Outcome) -> Answer:
        match outcome:
            case Accepted(id=number):
                return Answer(status=Status.PENDING, provider_id=number, facts={"providerOrder": number})
            case Refused(kind=Kind.LATER) if not self._made_around_the_roll(order):
                raise OutcomeUnknown(outcome.said)  # nothing was taken: the same order is sent later, while it may be
            case Refused():
                if outcome.doubtful(_participant(order)) and (found := await self._after_all(order, outcome)):
                    return found
                raise Rejected(outcome.native, outcome.said)
            case Unclear(why=why):
                raise OutcomeUnknown(why)

    async def _after_all(self, order: Order, refused: Refused) -> Answer | None:
        """The order, where STP has it in spite of its refusal."""
        try:
            return await self.status(order)
        except NothingLearned as failure:
            raise OutcomeUnknown(f"{refused.said}; and STP did not say whether it has the order") from failure

    async def refund(self, order: Order) -> Answer:
        """Never: what has settled is final."""
        raise TypeError("a settled SPEI payment cannot be pulled back")

    async def status(self, order: Order) -> Answer | None:
        """What STP knows of the order, on any operating day that it can have come to."""
        told = await self._anywhere(order)
        return None if told is None else await self._told(order, told)

    async def _anywhere(self, order: Order) -> Told | None:
        """The order as STP tells it, or ``None`` where STP has it on none of its days.

        :raises NothingLearned: STP did not say, neither in its present way nor in the older one.
        """
        silent: NothingLearned | None = None
        for day in self._days(order):
            try:
                found = await self._stp.query(order.reference, "E", day)
            except NothingLearned as failure:
                silent = failure
                continue
            if isinstance(found, Told):
                return found
        if silent is None:
            return None
        for day in self._days(order):
            older = await self._stp.legacy_query(order.reference, day)
            if isinstance(older, Told):
                return older
        raise silent  # nobody has shown that the older way knows every order, so that it finds none proves nothing

    def _days(self, order: Order) -> Iterator[date | None]:
        own = date.fromisoformat(order.facts["operationDate"])
        return days_of_an_order(own, order.created_at, self._clock(), self._settings.calendar)

    def _made_around_the_roll(self, order: Order) -> bool:
        """Whether it is never sent again, as ``prepare`` promised."""
        first, last = around(order.created_at, self._settings.calendar)
        return first != last

    async def _told(self, order: Order, told: Told) -> Answer:
        """An order in a state whose name is ambiguous is asked after once more before it counts as ended."""
        state = told.state()
        if state.ambiguous:
            again = await self._anywhere(order)
            if again is None or again.state_code != told.state_code:
                raise NothingLearned("STP tells two different states")
        if state.alert:
            log.warning("STP tells of %s the state %r, which nobody explained: ask STP", order.reference, state.code)
        return answer(told, order)

    async def build_return(self, refund: SpeiRefund) -> Payment | None:
        """What gives back the received payment of that tracking key; ``None`` where STP knows of none lately.

        :raises NotAllowed: it was received, and cannot be given back now.
        """
        return await to_give_back(refund, self._stp, self._clock(), self._settings)

    async def statement(self, day: date) -> Statement:
        """Every order that was sent on an operating day, which begins with the roll of the business day before."""
        holidays = self._settings.calendar
        if not is_business_day(day, holidays):
            raise NothingLearned(f"{day} is no operating day: SPEI has them on business days only")
        first, last = around(self._clock(), holidays)
        if first != last and day in {first, last}:
            raise NothingLearned("the operating day rolls about now, and STP may see it otherwise: ask in ten minutes")
        listed = await self._stp.reconciliation("E", None if day == first else day)
        return Statement(
            since=closes(last_business_day(day, holidays), holidays),
            until=closes(day, holidays),
            lines=[entry(told) for told in listed],
            covers=frozenset({"payment"}),
        )


@asynccontextmanager
async def opened(
    settings: SpeiSettings,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> AsyncIterator[SpeiClient]:
    """A client for as long as the block lasts. TLS is always verified; the environment's proxies are not used."""
    key = SigningKey.load(settings.private_key, settings.private_key_passphrase.get_secret_value())
    verify: ssl.SSLContext | bool = True if settings.ca_bundle is None else trusted(settings.ca_bundle)
    async with httpx.AsyncClient(
        timeout=SEND_DEADLINE.total_seconds(), transport=transport, verify=verify, trust_env=False
    ) as http:
        stp = Stp(http, settings.orders_at, settings.queries_at, settings.empresa, key)
        yield SpeiClient(settings, stp, clock)


def _participant(order: Order) -> str:
    """Whom the order is for, by the bytes that were sent; nobody for what gives a payment back."""
    return str(json.loads(order.body).get("institucionContraparte", ""))
