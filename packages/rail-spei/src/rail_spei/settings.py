"""The rail's settings, which are checked before the rail is offered, and the values computed from them."""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from rail_spei.calendar import Holidays
from rail_spei.codes import REFUSALS
from rail_spei.fields import KeyPrefix, Taxpayer, spei_name
from rail_spei.institutions import Catalogue
from riel import FOREVER, Guarantees, Misconfigured, Mode, RailSettings, SingleLine, mask_account
from riel_mexico import Clabe

ORDERS, QUERIES = "/speiws/rest", "/efws/API"
DEMO_QUERIES = "https://efws-dev.stpmex.com/efws/API"

System = Literal["sandbox", "demo", "production"]
SYSTEMS: Mapping[str | None, System] = {
    **dict.fromkeys(("localhost", "127.0.0.1", "::1"), "sandbox"),
    **dict.fromkeys(("demo.stpmex.com", "efws-dev.stpmex.com"), "demo"),
}
"""The system of each known host. STP may use any other host for production."""

DEGREES = r"^-?[0-9]{1,3}(\.[0-9]{1,24})?$"

STP_ACCOUNTS = "646"
"""What the CLABE of every account at STP begins with."""

FEWEST_BITS = 2048
"""The shortest RSA key that signs real orders. The keys of STP's demo have 1024 bits."""

PUBLISHED_KEY = "b133687e29aea97bad20d87fc16c3aa8b806ea16b23dc6ac9a2240d56883777d"
"""Fingerprint of the key pair that ``riel.sandbox.kit`` publishes: only a pretend STP may be paid with it."""

SEND_DEADLINE = timedelta(seconds=20)
LOOKUP_LAG = timedelta(seconds=60)
LATE_ARRIVAL_WINDOW = timedelta(days=1)
RETURN_WINDOW = timedelta(days=5)


def _system(host: str | None) -> System:
    return SYSTEMS.get(host, "production")


def _url(url: str) -> str:
    parts = urlsplit(url)
    here = _system(parts.hostname) == "sandbox"
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("write https://host/path, without a user, a query or a fragment")
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise ValueError("it must begin with https://")
    return url.rstrip("/")


def _days(value: Any) -> Any:
    return [day.strip() for day in value.split(",") if day.strip()] if isinstance(value, str) else value


def _has_spei_text(name: str) -> str:
    if not spei_name(name):
        raise ValueError("it holds nothing that SPEI carries: write it with letters of the Latin alphabet")
    return name


Url = Annotated[str, AfterValidator(_url)]
Days = Annotated[frozenset[date], NoDecode, BeforeValidator(_days)]


class SpeiSettings(RailSettings):
    """One company at STP: its alias, its key, and the account that pays."""

    base_url: Annotated[Url, Field(description="Where orders go, as STP gave it to you.")]
    query_url: Annotated[Url | None, Field(description="Where orders are asked after (EFWS).")] = None
    empresa: Annotated[SingleLine, Field(min_length=1, max_length=15, description="The alias that STP gave you.")]
    private_key: Annotated[Path, Field(description="The path of the RSA key: PKCS#8 PEM, encrypted.")]
    private_key_passphrase: Annotated[SecretStr, Field(description="What the key is encrypted with.")]
    account: Annotated[Clabe, Field(description="The CLABE that pays.")]
    payer_name: Annotated[
        SingleLine, AfterValidator(_has_spei_text), Field(description="Who pays, as the payee reads it.")
    ]
    payer_rfc: Annotated[Taxpayer, Field(description="RFC or CURP of who pays; `ND` where there is none.")] = "ND"
    key_prefix: Annotated[
        KeyPrefix,
        Field(description="What your tracking keys begin with: 1 to 6 of A-Z and 0-9, since all companies share them."),
    ]
    banks: Annotated[Path | None, Field(description="A table of institutions instead of the packaged one.")] = None
    holidays: Annotated[Days, Field(description="Bank holidays besides the computed ones: `2030-10-01,…`.")] = (
        frozenset()
    )
    business_days: Annotated[Days, Field(description="Computed bank holidays that are none.")] = frozenset()
    latitude: Annotated[str | None, Field(pattern=DEGREES, description="If your contract asks.")] = None
    longitude: Annotated[str | None, Field(pattern=DEGREES, description="If your contract asks.")] = None

    _is_published: bool = PrivateAttr(default=False)

    @field_validator("empresa")
    @classmethod
    def _check_alias(cls, empresa: str) -> str:
        if not empresa.isascii() or "|" in empresa:
            raise ValueError("an alias at STP is ASCII without pipes")
        return empresa

    @model_validator(mode="after")
    def _check_whole(self) -> "SpeiSettings":
        """Open each file that a payment needs: the operator sees the error at the start, and not a payer later."""
        from rail_spei.stp.signature import SigningKey

        key = SigningKey.load(self.private_key, self.private_key_passphrase.get_secret_value())
        self._is_published = key.fingerprint == PUBLISHED_KEY
        if self._is_published and not self.on_this_machine:
            raise Misconfigured("RIEL_SPEI_PRIVATE_KEY is the published key of the pretend STP, which anybody has")
        if self.system == "production" and key.public_key.key_size < FEWEST_BITS:
            raise Misconfigured(
                f"RIEL_SPEI_PRIVATE_KEY has {key.public_key.key_size} bits, which is too few where money is real: make "
                f"one of {FEWEST_BITS}"
            )
        if not self.on_this_machine and not self.account.startswith(STP_ACCOUNTS):
            raise Misconfigured(f"RIEL_SPEI_ACCOUNT is not an account at STP, whose CLABEs begin with {STP_ACCOUNTS}")
        catalogue(self.banks)
        holidays_of(self.holidays, self.business_days)
        if _system(urlsplit(self.queries_at).hostname) != self.system:
            raise Misconfigured(
                "RIEL_SPEI_QUERY_URL is another system than RIEL_SPEI_BASE_URL, which knows nothing of the orders: "
                "take both of STP's demo system, both of its production, or both of this machine"
            )
        return self

    @property
    def host(self) -> str:
        """The host of ``base_url``."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def system(self) -> System:
        """The system at ``base_url``. Every host but the demo's and this machine moves real money."""
        return _system(self.host)

    @property
    def on_this_machine(self) -> bool:
        """Whether that system is on this machine."""
        return self.system == "sandbox"

    @property
    def mode(self) -> Mode:
        """``test`` for STP's demo and for the published key, which signs for nobody; ``live`` for anything else.

        A company's own key is live on an address of this machine too: a relay to STP may listen there.
        """
        return "test" if self.system == "demo" or self.has_published_credentials else "live"

    @property
    def has_published_credentials(self) -> bool:
        """Whether orders are signed with the published key of the pretend STP."""
        return self._is_published

    @property
    def payer(self) -> str:
        """The company's account at STP. It does not depend on the key that signs, nor on the host in production.

        STP has several hosts and one ledger of real money, so the payer stays when the host changes.
        """
        ledger = "" if self.system == "production" else f" {self.host}"
        return hashlib.sha256(f"stp{ledger} {self.empresa} {self.account}".encode()).hexdigest()[:16]

    @property
    def payer_label(self) -> str:
        """The alias at STP and the end of the CLABE that pays."""
        return f"{self.empresa} at STP (account {mask_account(self.account)})"

    @property
    def orders_at(self) -> str:
        """The base of the requests that move money; a bare host gets STP's usual path."""
        return self.base_url if urlsplit(self.base_url).path else self.base_url + ORDERS

    @property
    def queries_at(self) -> str:
        """The base of the queries: ``query_url``, or the address that belongs to ``base_url``."""
        if self.query_url is not None:
            return self.query_url
        if self.system == "demo":
            return DEMO_QUERIES
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}{QUERIES}"

    @property
    def catalogue(self) -> Catalogue:
        """The institutions that take part in SPEI."""
        return catalogue(self.banks)

    @property
    def holiday_calendar(self) -> Holidays:
        """The days on which banks are closed."""
        return holidays_of(self.holidays, self.business_days)


@cache
def catalogue(path: Path | None) -> Catalogue:
    """The table of institutions, read once."""
    return Catalogue.read(path)


def holidays_of(extra: frozenset[date], removed: frozenset[date]) -> Holidays:
    """The holidays as the settings correct them.

    :raises Misconfigured: one of them is in both lists.
    """
    try:
        return Holidays(extra, removed)
    except ValueError as failure:
        raise Misconfigured(f"RIEL_SPEI_HOLIDAYS and RIEL_SPEI_BUSINESS_DAYS: {failure}") from None


GUARANTEES = Guarantees(
    dedupe="by_reference",
    dedupe_window=FOREVER,
    refusals_stored=False,
    refusals=REFUSALS,
    lookup="by_reference",
    lookup_lag=LOOKUP_LAG,
    absence_after=None,
    late_arrival_window=LATE_ARRIVAL_WINDOW,
    return_window=RETURN_WINDOW,
    settlement="later",
    refunds="no",
    send_deadline=SEND_DEADLINE,
)
"""The guarantees of SPEI through STP. A tracking key is unique for one operating day only, so ``prepare`` narrows the
window of a repeated send, and the time from which absence is proven, for each order by its own day."""
