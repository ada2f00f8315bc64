"""Bugs in what is believed of a connection, of a provider's clock, and of a list of holidays."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import httpx

import rail_spei.client
from rail_spei.calendar import Holidays, cutoff_of, operating_date
from rail_spei.stp import api
from riel import NotSent
from riel.http import client as http_client
from riel.http.wire import current_wire

from .registry import bug, on_rail, seen_in


def _own_day_only(own: date, *beliefs: Any) -> list[date]:
    return [own]


@on_rail("spei")
@seen_in("clocks")
@bug
def the_time_of_stp_ignored() -> Iterator[None]:
    """STP's clock is not compared with ours, and an order is looked up on the day on which we believe it is."""
    with (
        patch.object(api, "require_same_time", lambda difference: None),
        patch.object(rail_spei.client, "possible_days", _own_day_only),
    ):
        yield


@on_rail("spei")
@seen_in("calendar")
@bug
def a_list_of_holidays_believed() -> Iterator[None]:
    """Until when an order goes again, and where it is looked up, follows from the list that may be wrong."""
    client = rail_spei.client
    real = client.SpeiClient.prepare

    def prepare(self: Any, draft: Any, references: Any) -> Any:
        holidays: Holidays = self._settings.holiday_calendar

        def until(created_at: datetime) -> datetime:
            return cutoff_of(operating_date(created_at, holidays), holidays) - timedelta(minutes=5)

        with patch.object(client, "resend_until", until):
            return real(self, draft, references)

    with (
        patch.object(client.SpeiClient, "prepare", prepare),
        patch.object(client, "possible_days", _own_day_only),
    ):
        yield


@on_rail("spei")
@seen_in("clocks")
@bug
def clocks_that_differ_prove_an_absence() -> Iterator[None]:
    """STP's time is not asked for. Every possible day is, and yet a day may close later than we believe."""
    with patch.object(api, "require_same_time", lambda difference: None):
        yield


@on_rail("spei")
@seen_in("connections")
@bug
def requests_counted_only_if_they_were_answered() -> Iterator[None]:
    """A connection that broke while the bank answered counts as one that was never made."""
    real = http_client.CountingTransport._counted

    async def uncounted(self: Any, request: httpx.Request) -> httpx.Response:
        try:
            return await real(self, request)
        except httpx.RemoteProtocolError as failure:
            current_wire().requests = 0
            raise httpx.ConnectError("no connection") from failure

    with patch.object(http_client.CountingTransport, "_counted", uncounted):
        yield


@on_rail("spei")
@seen_in("connections")
@bug
def redirects_followed() -> Iterator[None]:
    """An order that the bank booked goes on to another address, and a connection that fails there is believed."""

    async def send(self: Any, request: httpx.Request, **how: Any) -> httpx.Response:
        return await httpx.AsyncClient.send(self, request, **{**how, "follow_redirects": True})

    real = http_client.CountingTransport._counted

    async def uncounted(self: Any, request: httpx.Request) -> httpx.Response:
        try:
            return await real(self, request)
        except httpx.ConnectError as failure:
            current_wire().requests = 0
            raise NotSent("no connection") from failure

    with (
        patch.object(http_client.RailHttpClient, "send", send),
        patch.object(http_client.CountingTransport, "_counted", uncounted),
    ):
        yield
