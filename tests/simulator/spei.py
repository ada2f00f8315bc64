"""SPEI in a simulation: the real rail and its real client, with a pretend STP shortly before its cut-off.

Most simulations begin minutes before 18:00 in Mexico City, on Fridays and before holidays too, so that a lost order is
looked up, and might be sent again, on another operating day than the one on which it was sent.
"""

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

import rail_spei
from rail_spei.client import SpeiClient, open_client
from rail_spei.institutions import Catalogue
from rail_spei.models import SpeiPayment
from rail_spei.sandbox.app import payable_institutions
from rail_spei.settings import GUARANTEES, SpeiSettings
from riel import Payment
from riel.catalog import ActiveRail
from riel.payments import Timing
from riel_mexico import check_digit

from .loop import PROCESS, SimProcess
from .network import NetworkTransport
from .stp_bank import AROUND_CUTOFF, WATCH, PretendStp

if TYPE_CHECKING:
    from .simulation import Simulation

WEEKS = (
    ("2026-06-09", "2026-06-10", "2026-06-11", "2026-06-12", "2026-06-15", "2026-06-16", "2026-06-17"),
    ("2026-06-12", "2026-06-15", "2026-06-16", "2026-06-17", "2026-06-18", "2026-06-19", "2026-06-22"),
    ("2026-03-13", "2026-03-17", "2026-03-18", "2026-03-19", "2026-03-20", "2026-03-23", "2026-03-24"),
    ("2026-04-01", "2026-04-06", "2026-04-07", "2026-04-08", "2026-04-09", "2026-04-10", "2026-04-13"),
    ("2026-12-24", "2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31", "2027-01-04", "2027-01-05"),
)
"""Operating days in sequence: an ordinary week, from a Friday, before a long weekend, Holy Week, and Christmas."""

MAGIC = (1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 22, 23, 24, 25, 26, 27, 28, 29, 30, 60, 61, 64)
"""Centavos of the scenarios in use. Some of the others would leave a payment open for ever."""
FROM_STP_TO_STP = 31

BITS = 1024
"""The length of the key: short, since it signs a dozen times for each payment of thousands of simulations."""
PASSPHRASE = "simulated"  # the key is worth nothing


def _clabe(first: str) -> str:
    return first + check_digit(first)


ACCOUNTS: Mapping[str, str] = {
    "payer": _clabe("64618011040000000"),
    "another": _clabe("64618011040000001"),
    "0001": _clabe("01218000000000001"),
    "0002": _clabe("64618015700000002"),
    "0003": _clabe("07269100000000003"),
    "0004": _clabe("01418000000000004"),
    "0666": _clabe("64618015700000666"),
}


@cache
def _key_file() -> Path:
    """Write the key to a file in an old format without key stretching, since each simulation reads it."""
    folder = Path(tempfile.mkdtemp(prefix="riel-simulated-stp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    encrypted = BestAvailableEncryption(PASSPHRASE.encode())
    path = folder / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encrypted))
    return path


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, BITS)


@cache
def _settings(payer: str, holidays: str, business_days: str) -> SpeiSettings:
    """The settings, which are read once because reading them scans the whole environment."""
    return SpeiSettings.model_validate(
        {
            "base_url": "http://127.0.0.1:9",
            "empresa": "SIMULATED",
            "private_key": _key_file(),
            "private_key_passphrase": PASSPHRASE,
            "account": ACCOUNTS[payer],
            "payer_name": "Empresa Demo",
            "key_prefix": "SIM",
            "holidays": holidays,
            "business_days": business_days,
        }
    )


@cache
def _payable() -> Mapping[str, str]:
    return payable_institutions(Catalogue.read(None))


@dataclass(frozen=True)
class SpeiTraits:
    """SPEI's properties for the checks: it has look-ups, absence is provable, and a key is unique for one day."""

    punctual: bool
    lookup: bool = True
    absence: bool = True


class SpeiRail:
    """SPEI as a simulation uses it. Returns and late arrivals come sooner than the rail itself allows for."""

    name, refunds, takes_days = "spei", False, True
    dedupes_for_ever = False
    gives_up = timedelta(days=9).total_seconds()

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        draws = simulation.random
        self.traits = SpeiTraits(punctual=draws.random() < 0.8)
        self._ordinary = 0.5
        self.stretch = draws.choice((1.0, 1.0, 1.0, 10.0))
        self._week = draws.choice(WEEKS)
        days = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in self._week]
        self._wrong_day = draws.choice(self._week[:3])
        self._cutoffs = [day + timedelta(hours=18 + 6) for day in days]  # Mexico City is six hours behind
        before = draws.choice((0, 0, AROUND_CUTOFF - 180, AROUND_CUTOFF, 6 * 3600)) + draws.random() * 120
        self.begins = self._cutoffs[0] - timedelta(milliseconds=int(before * 1000))

    def in_doubt(self) -> None:
        """Give each payment a scenario other than plain settlement."""
        self._ordinary = 0.0

    def open_bank(self) -> PretendStp:
        self._stp = PretendStp(
            self._simulation,
            self._cutoffs,
            self.traits.punctual,
            public_key=_key().public_key(),
            empresa="SIMULATED",
            accounts=[ACCOUNTS["payer"]],
            institutions=_payable(),
        )
        return self._stp

    def activate(self, payer: str) -> ActiveRail:
        """The declared rail, with the simulation's transport and shorter windows for returns and late arrivals."""
        (rail,) = rail_spei.riel_rails()
        watch = timedelta(seconds=WATCH)
        rules = replace(GUARANTEES, late_arrival_window=watch, return_window=watch)
        return ActiveRail(
            declaration=replace(rail, connect=self._connect, guarantees=rules),
            distribution="rail-spei",
            version="1",
            entry_point="spei",
            settings=_settings(payer, *self._wrong_days()),
            mode="sandbox",
            guarantees=rules,
        )

    def transport(self, process: SimProcess) -> httpx.AsyncBaseTransport:
        """The way to the pretend STP."""
        return NetworkTransport(self._simulation, self._stp, process)

    def _wrong_days(self) -> tuple[str, str]:
        """What the settings say of holidays, wrongly under the profile ``calendar``: one too many, or each too few."""
        if self._simulation.profile != "calendar":
            return "", ""
        first, last = map(date.fromisoformat, (self._week[0], self._week[-1]))
        between = [(first + timedelta(days=passed)) for passed in range((last - first).days)]
        missing = [each.isoformat() for each in between if each.weekday() < 5 and each.isoformat() not in self._week]
        return ("", ",".join(missing)) if missing and self._simulation.seed % 2 else (self._wrong_day, "")

    def _connect(self, settings: Any, http: httpx.AsyncClient) -> AbstractAsyncContextManager[SpeiClient]:
        @asynccontextmanager
        async def connected() -> AsyncIterator[SpeiClient]:
            simulation, process = self._simulation, PROCESS.get()
            async with open_client(settings, http, lambda: simulation.now(process)) as client:
                yield client

        return connected()

    def payment(self, account: str, amount: int) -> Payment:
        return SpeiPayment(
            clabe=ACCOUNTS.get(account, account), amount=amount, concept="Factura 42", recipient_name="Empresa Demo"
        )

    def amount(self, account: str) -> int:
        """An amount that settles, or one whose centavos select another scenario."""
        draws = self._simulation.random
        pesos = draws.choice((500, 900, 1300))
        if draws.random() < self._ordinary:
            return pesos
        if account == "0002" and not self._stp.lags and draws.random() < 0.2:
            return pesos + FROM_STP_TO_STP
        return pesos + draws.choice(MAGIC)

    def pace(self, usual: Timing) -> Timing:
        """Longer intervals than the usual ones: a SPEI simulation lasts days."""
        patience = replace(usual.backoff, longest=timedelta(hours=8), watch=(timedelta(hours=8),))
        return replace(
            usual,
            poll_interval=timedelta(seconds=5),
            anchor_interval=timedelta(hours=1),
            resend_within=timedelta(hours=24),
            backoff=patience,
        )
