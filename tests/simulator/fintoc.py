"""Fintoc in a simulation: the real rail and client on a pretend Fintoc that stores its first answer to a key."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

import rail_fintoc
from rail_fintoc.api import FintocApi, JwsKey, RateLimiter
from rail_fintoc.client import FintocClient
from rail_fintoc.models import FintocPayment
from rail_fintoc.sandbox.keys import SECRET_KEY, published_key_file
from rail_fintoc.sandbox.magic import payee_for
from rail_fintoc.sandbox.seed.companies import ACCOUNT, CHILEAN_ACCOUNT
from rail_fintoc.settings import GUARANTEES, FintocSettings
from riel import Payment
from riel.catalog import ActiveRail
from riel.payments import Timing

from .bank_traits import NOON
from .fintoc_bank import PretendFintoc
from .loop import PROCESS, SimProcess
from .network import NetworkTransport

if TYPE_CHECKING:
    from .simulation import Simulation

ENDS = (1, 3, 9, 10, 12, 13, 30, 32, 40, 41, 42, 43)
"""Fates of a payee whose transfer is refused, rejected or returned, or settles before the answer."""
DOUBTS = (20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
"""Fates of one of which the answer says nothing true, or comes late, or not at all."""
ORDINARY = (2, 11)
OTHERS = {"0003": 80, "0004": 81, "0666": 82}
"""Payees at which nothing befalls a transfer."""
WATCH = timedelta(minutes=10)


@cache
def _key() -> JwsKey:
    """Read once: it is checked whenever it is read, which takes too long for every simulation."""
    return JwsKey.load(published_key_file())


@cache
def _settings(payer: str) -> FintocSettings:
    """Read once: it looks through the whole environment."""
    return FintocSettings.model_validate(
        {
            "base_url": "http://127.0.0.1:9",
            "secret_key": SECRET_KEY,
            "jws_private_key": published_key_file(),
            "account_id": ACCOUNT if payer == "payer" else CHILEAN_ACCOUNT,
        }
    )


@dataclass(frozen=True)
class FintocTraits:
    """Fintoc as the checks know it: it can be asked, absence is proven, and no signature outlives its two minutes."""

    punctual: bool = True
    lookup: bool = True
    absence: bool = True


class FintocRail:
    """Fintoc as a simulation uses it. Returns and late arrivals come sooner than the rail itself allows for."""

    name, refunds, takes_days, begins, stretch = "fintoc", False, True, NOON, 1.0
    dedupes_for_ever = False
    gives_up = timedelta(days=9).total_seconds()

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.traits = FintocTraits()
        draws = simulation.random.choice
        self._payees = {"0001": draws((*ORDINARY, *ENDS, *DOUBTS)), "0002": draws((*ORDINARY, *DOUBTS)), **OTHERS}

    def in_doubt(self) -> None:
        """No payment just settles."""
        for account in ("0001", "0002"):
            self._payees[account] = self._simulation.random.choice(DOUBTS)

    def open_bank(self) -> PretendFintoc:
        self._fintoc = PretendFintoc(self._simulation)
        return self._fintoc

    def activate(self, payer: str) -> ActiveRail:
        """The rail as it is declared, but for its client's way out and for how long it is watched."""
        (rail,) = rail_fintoc.riel_rails()
        rules = replace(GUARANTEES, late_arrival_window=WATCH, return_window=WATCH)
        return ActiveRail(
            declaration=replace(rail, connect=self._connect, guarantees=rules),
            distribution="rail-fintoc",
            version="1",
            entry_point="fintoc",
            settings=_settings(payer),
            mode="sandbox",
            guarantees=rules,
        )

    def transport(self, process: SimProcess) -> httpx.AsyncBaseTransport:
        """The way to the pretend Fintoc."""
        return NetworkTransport(self._simulation, self._fintoc, process)

    def _connect(self, settings: Any, http: httpx.AsyncClient) -> AbstractAsyncContextManager[FintocClient]:
        @asynccontextmanager
        async def connected() -> AsyncIterator[FintocClient]:
            simulation, process = self._simulation, PROCESS.get()
            draw = simulation.random.random
            rate_limiter = RateLimiter(simulation.loop.time, simulation.pause, lambda most: int(draw() * most))
            api = FintocApi(
                http,
                settings.base_url,
                settings.secret_key.get_secret_value(),
                settings.version,
                _key(),
                lambda: simulation.now(process),
                lambda: simulation.random.randbytes(16).hex(),
                rate_limiter,
            )
            yield FintocClient(settings, api, lambda: simulation.now(process))

        return connected()

    def payment(self, account: str, amount: int) -> Payment:
        known = self._payees.get(account)
        return FintocPayment(
            amount=amount,
            currency="MXN",
            account_number=account if known is None else payee_for("MXN", known),
            recipient_name="Empresa Demo",
            comment="Factura 42",
        )

    def amount(self, account: str) -> int:
        return self._simulation.random.choice((500, 900, 1300))

    def pace(self, usual: Timing) -> Timing:
        """Slower where it only costs time: a day is longer than a minute."""
        patience = replace(usual.backoff, longest=timedelta(hours=8), watch=(timedelta(hours=8),))
        return replace(
            usual,
            poll_interval=timedelta(seconds=5),
            anchor_interval=timedelta(hours=1),
            resend_within=timedelta(hours=48),
            backoff=patience,
        )
