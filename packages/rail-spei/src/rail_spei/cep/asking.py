"""Banxico's CEP form, asked as a considerate person would ask it: rarely, once, and not after it said no.

There is no official interface; these are the calls of the site's own form. It has limits for everybody behind one
address, so this belongs to a person's explicit question. The link (``cep_link``) asks nothing and is the better way.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import httpx

from rail_spei.cep.answers import (
    CaptchaDemanded,
    Differs,
    Found,
    Later,
    NotGenerated,
    NotMatched,
    NotReceived,
    Outcome,
    RateLimited,
    SiteTrouble,
)
from rail_spei.cep.comparing import Expected, differences
from rail_spei.cep.document import read_cep
from rail_spei.cep.fetching import HEADERS, TooMany, body, on_this_machine
from rail_spei.cep.form import filled_in, of_another
from rail_spei.cep.links import BANXICO
from rail_spei.cep.pages import Page, read_page
from rail_spei.cep.receipt import NotACep
from riel import NothingLearned, clean_text


class CepSite:
    """One site, and when it may be asked again.

    Each process counts for itself. After the site has demanded a captcha, it is not asked again in this process.

    :param pause: between two look-ups, whoever asks.
    :param back_off: after the site said that it was asked too often.
    :param between_dates: before the operating date is tried, where the calendar date brought nothing.
    :param deadline: of all that is asked under one date.
    """

    def __init__(
        self,
        base_url: str = BANXICO,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        tls: ssl.SSLContext | None = None,
        pause: timedelta = timedelta(seconds=30),
        back_off: timedelta = timedelta(hours=6),
        between_dates: timedelta = timedelta(seconds=5),
        deadline: timedelta = timedelta(seconds=20),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._loopback = on_this_machine(base_url)
        self._base_url = base_url
        self._transport = transport
        self._tls = tls
        self._pause = pause
        self._back_off = back_off
        self._between_dates = between_dates
        self._deadline = deadline
        self._monotonic = monotonic
        self._sleep = sleep
        self._not_before: float | None = None
        self._asking = False
        self._wants_a_person = False

    async def look_up(self, expected: Expected) -> Outcome:
        """The CEP of the expected payment, or why there is none. Asked once under each date, never again by itself."""
        if self._wants_a_person:
            return CaptchaDemanded()
        if self._asking:
            return Later(self._pause)
        if self._not_before is not None and (wait := self._not_before - self._monotonic()) > 0:
            return Later(timedelta(seconds=wait))
        self._asking = True
        outcome: Outcome = SiteTrouble("the look-up was broken off")
        try:
            outcome = await self._under_each_date(expected)
        finally:
            self._asking = False
            rest = self._back_off if isinstance(outcome, RateLimited) else self._pause
            self._not_before = self._monotonic() + rest.total_seconds()
            self._wants_a_person = isinstance(outcome, CaptchaDemanded)
        return outcome

    async def _under_each_date(self, expected: Expected) -> Outcome:
        first, *others = expected.dates
        outcome = await self._under(first, expected)
        for day in others:
            if not isinstance(outcome, NotMatched | NotReceived):
                break
            await self._sleep(self._between_dates.total_seconds())
            outcome = await self._under(day, expected)
        return outcome

    async def _under(self, day: date, expected: Expected) -> Outcome:
        """One visit, with cookies of its own: what the site remembers of another must not be downloaded."""
        try:
            async with asyncio.timeout(self._deadline.total_seconds()), self._visit() as http:
                page = read_page(await body(http, "POST", "/valida.do", data=filled_in(expected, day)))
                if (outcome := self._told(page, expected)) is not None:
                    return outcome
                document = await body(http, "GET", "/descarga.do", params={"formato": "XML"})
        except TimeoutError:
            return SiteTrouble("no whole answer came in time")
        except TooMany:
            return RateLimited(self._back_off)
        except NothingLearned as failure:
            return SiteTrouble(str(failure))
        try:
            cep = read_cep(document, source="banxico")
        except NotACep as failure:
            return self._told(read_page(document), expected) or SiteTrouble(f"no CEP was downloaded: {failure}")
        fields = differences(cep, expected)
        return Differs(fields) if fields else Found(cep)

    def _visit(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base_url,
            headers=HEADERS,
            transport=self._transport,
            verify=self._tls or True,
            timeout=self._deadline.total_seconds(),
            trust_env=not self._loopback,
        )

    def _told(self, page: Page, expected: Expected) -> Outcome | None:
        """What a page says of the payment, or ``None`` where it says nothing that is known."""
        match page.says:
            case "rate_limited":
                return RateLimited(self._back_off)
            case "captcha":
                return CaptchaDemanded()
            case "not_matched":
                return NotMatched()
            case "not_received":
                return NotReceived()
            case "not_generated":
                fields = of_another(page, expected)
                return Differs(fields) if fields else NotGenerated(page.state, clean_text(page.words, 40))
            case "nothing_known":
                return None
