"""The rail's own code for talking to STP: it makes an order, hands it over, and asks after it. It never tries again.

An order's operating day is written down with its tracking key before anything leaves. STP refuses a key that it knows
on the same operating day only and books it on the next, so an order is asked after on its own day and on the one after,
and may be sent again only while its own day lasts.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import httpx

from rail_spei.fields import carried_name, folded, minted, numeric_reference
from rail_spei.models import SpeiPayment, SpeiRefund, SpeiReturn
from rail_spei.operating import closes, is_business_day, last_business_day, next_business_day, operating_date
from rail_spei.receiving import return_key, to_give_back
from rail_spei.settings import SEND_DEADLINE, SpeiSettings
from rail_spei.stp.answers import Told
from rail_spei.stp.api import Stp
from rail_spei.stp.cadena import RegisterOrder
from rail_spei.stp.refusals import Accepted, Kind, Outcome, Refused, Unclear
from rail_spei.stp.signing import SigningKey
from rail_spei.telling import answer, entry
from riel import (
    Answer,
    Draft,
    Mint,
    NothingLearned,
    Order,
    OutcomeUnknown,
    Payment,
    Prepared,
    Rejected,
    Statement,
    Status,
)

AROUND_THE_ROLL = timedelta(minutes=5)
"""How far STP's clock and ours, and the way of an order to STP, may move it over the roll of the operating day."""

Clock = Callable[[], datetime]


class SpeiClient:
    """STP as one company sees it, in the core's words."""

    def __init__(self, settings: SpeiSettings, stp: Stp, clock: Clock) -> None:
        self._settings = settings
        self._stp = stp
        self._clock = clock

    def prepare(self, draft: Draft, mint: Mint) -> Prepared:
        """A tracking key for the operating day that begins or lasts now, and the signed order."""
        day = operating_date(mint.now, self._settings.calendar)
        match draft.payment:
            case SpeiPayment() as payment:
                key = minted(self._settings.key_prefix, day, mint)
                body, bank = self._order(payment, key, mint), payment.payee().institution
                facts = {"operationDate": day.isoformat(), "bankName": bank}
            case SpeiReturn() as back:
                key = return_key(self._settings.key_prefix, back)
                body = self._stp.return_body(
                    day=back.operation_date, key=back.tracking_key, return_key=key, amount=back.amount
                )
                facts = {"operationDate": day.isoformat(), "means": SpeiReturn.MEANS}
            case _:
                raise TypeError("this draft is not one of SPEI")
        rolled = operating_date(mint.now + AROUND_THE_ROLL, self._settings.calendar)
        return Prepared(
            reference=key,
            body=body,
            facts=facts,
            resend_until=closes(day, self._settings.calendar) - AROUND_THE_ROLL,
            absent_after=closes(rolled, self._settings.calendar) + AROUND_THE_ROLL,
        )

    def _order(self, payment: SpeiPayment, key: str, mint: Mint) -> bytes:
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
                return Answer(status=Status.PENDING, rail_id=number, facts={"providerOrder": number})
            case Refused(kind=Kind.LATER):
                raise OutcomeUnknown(outcome.said)  # nothing was taken: the same order is sent later, while it may be
            case Refused() if outcome.doubtful(order.body.partition(b'"institucionContraparte":"')[2][:5].decode()):
                if (told := await self._anywhere(order)) is not None:
                    return await self._told(order, told)
                raise Rejected(outcome.native, outcome.said)
            case Refused():
                raise Rejected(outcome.native, outcome.said)
            case Unclear(why=why):
                raise OutcomeUnknown(why)

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
        older = await self._stp.legacy_query(order.reference, date.fromisoformat(order.facts["operationDate"]))
        if isinstance(older, Told):
            return older
        raise silent  # the older way saw one day only: that it saw nothing proves nothing

    def _days(self, order: Order) -> Iterator[date | None]:
        """The running day as STP has it, then the order's own day and the next business day."""
        own = date.fromisoformat(order.facts["operationDate"])
        now = operating_date(self._clock(), self._settings.calendar)
        following = next_business_day(own, self._settings.calendar)
        yield None
        yield from (day for day in (own, following) if day <= now)

    async def _told(self, order: Order, told: Told) -> Answer:
        """An order in a state whose name is ambiguous is asked after once more before it counts as ended."""
        if told.state().ambiguous:
            again = await self._anywhere(order)
            if again is None or again.state_code != told.state_code:
                raise NothingLearned("STP tells two different states")
        return answer(told, order)

    async def received(self, refund: SpeiRefund) -> Payment | None:
        """What gives back the received payment of that tracking key; ``None`` where STP knows of none lately.

        :raises NotAllowed: it was received, and cannot be given back now.
        """
        today = operating_date(self._clock(), self._settings.calendar)
        return await to_give_back(refund, self._stp, today, self._settings)

    async def statement(self, day: date) -> Statement:
        """Every order that was sent on an operating day, which begins with the roll of the business day before."""
        holidays = self._settings.calendar
        if not is_business_day(day, holidays):
            raise NothingLearned(f"{day} is no operating day: SPEI has them on business days only")
        running = day == operating_date(self._clock(), holidays)
        listed = await self._stp.reconciliation("E", None if running else day)
        return Statement(
            since=closes(last_business_day(day, holidays), holidays),
            until=closes(day, holidays),
            entries=[entry(told) for told in listed],
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
    verify: ssl.SSLContext | bool = True
    if settings.ca_bundle is not None:
        verify = ssl.create_default_context(cafile=str(settings.ca_bundle))
    async with httpx.AsyncClient(
        timeout=SEND_DEADLINE.total_seconds(), transport=transport, verify=verify, trust_env=False
    ) as http:
        stp = Stp(http, settings.orders_at, settings.queries_at, settings.empresa, key)
        yield SpeiClient(settings, stp, clock)
