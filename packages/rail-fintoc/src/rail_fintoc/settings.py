"""The rail's settings, and what follows from them."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from rail_fintoc.api.constants import API, LOOPBACK_NAMES, PUBLISHED_KEY, VERSION
from rail_fintoc.codes import REFUSALS
from riel import Guarantees, Misconfigured, Mode, RailSettings

DOCS = "https://docs.fintoc.com/mcp"

SEND_DEADLINE = timedelta(seconds=20)
DEDUPE_WINDOW = timedelta(hours=23)
"""Fintoc may forget a key once it is 24 hours old; an hour is left for clocks and for the way there."""

LOOKUP_LAG = timedelta(minutes=1)
ABSENCE_AFTER = timedelta(hours=1)
LATE_ARRIVAL_WINDOW = timedelta(days=1)
RETURN_WINDOW = timedelta(days=5)


class FintocSettings(RailSettings):
    """One organisation at Fintoc: its key decides the mode, its JWS key signs what moves money."""

    base_url: Annotated[str, Field(description="Fintoc's API, or a pretend one on this machine.")] = API
    secret_key: Annotated[SecretStr, Field(description="`sk_test_…` or `sk_live_…`: it decides the mode.")]
    jws_private_key: Annotated[
        Path | None, Field(description="The path of the RSA key that signs transfers; without it, only reading works.")
    ] = None
    account_id: Annotated[
        str | None,
        Field(pattern=r"^acc_[A-Za-z0-9]{1,60}$", description="The account that pays: `acc_…`; its currency counts."),
    ] = None
    version: Annotated[str, Field(description="The version of the API to speak.")] = VERSION
    webhook_secret: Annotated[SecretStr | None, Field(description="`whsec_…`, by which webhooks are signed.")] = None
    docs_url: Annotated[
        str | None, Field(description="Fintoc's documentation server (MCP), asked before the bundled pages.")
    ] = None
    tool_prefix: Annotated[
        str,
        Field(pattern=r"^([a-z][a-z0-9]*_)?$", description="What the 18 tools begin with; empty for Fintoc's names."),
    ] = "fintoc_"

    @model_validator(mode="after")
    def _check_everything(self) -> "FintocSettings":
        """What a payment would need is opened now, so that it is the operator who hears of it and not a payer."""
        from rail_fintoc.api.jws import JwsKey
        from rail_fintoc.api.request import Address, SecretKey, validate_version

        Address(self.base_url)
        SecretKey(self.secret_key.get_secret_value())
        validate_version(self.version)
        if not self.on_this_machine and urlsplit(self.base_url).hostname != urlsplit(API).hostname:
            raise Misconfigured(f"RIEL_FINTOC_BASE_URL is neither {API} nor on this machine")
        if self.on_this_machine and self.secret_key.get_secret_value().startswith("sk_live_"):
            raise Misconfigured("RIEL_FINTOC_SECRET_KEY is a live key, and the address is that of a pretend Fintoc")
        if self.jws_private_key is not None:
            key = JwsKey.load(self.jws_private_key)
            if key.fingerprint == PUBLISHED_KEY and not self.on_this_machine:
                raise Misconfigured("RIEL_FINTOC_JWS_PRIVATE_KEY is the published key of the pretend Fintoc")
        return self

    @property
    def on_this_machine(self) -> bool:
        """Whether Fintoc is one on this machine."""
        return (urlsplit(self.base_url).hostname or "") in LOOPBACK_NAMES

    @property
    def mode(self) -> Mode:
        """The mode of the key."""
        return "live" if self.secret_key.get_secret_value().startswith("sk_live_") else "test"

    @property
    def payer(self) -> str:
        """The account that pays, in its mode. Where none is named, the secret key says whose money it is.

        Then a new key is another payer: two organisations may never pass for one, and only Fintoc knows whether two
        keys are of the same.
        """
        host = urlsplit(self.base_url).hostname
        account = self.account_id or self.secret_key.get_secret_value()
        return hashlib.sha256(f"fintoc {host} {self.mode} {account}".encode()).hexdigest()[:16]

    @property
    def payer_label(self) -> str:
        """Fintoc's own id of the account, or that it is the organisation of the key."""
        return f"the account {self.account_id} at Fintoc" if self.account_id else "your organisation at Fintoc"

    @property
    def rail_tool_prefix(self) -> str | None:
        """What the names of the rail's own tools begin with."""
        return self.tool_prefix

    def missing_setting(self, *, account: bool) -> str:
        """The setting that is missing to sign an order, or (with ``account``) to know who pays; empty where none is."""
        if self.jws_private_key is None:
            return "RIEL_FINTOC_JWS_PRIVATE_KEY"
        return "RIEL_FINTOC_ACCOUNT_ID" if account and self.account_id is None else ""

    @property
    def documentation(self) -> str | None:
        """The documentation server: Fintoc's, unless it is set; none where Fintoc itself is pretend."""
        return self.docs_url or (None if self.on_this_machine else DOCS)


GUARANTEES = Guarantees(
    dedupe="by_key",
    dedupe_window=DEDUPE_WINDOW,
    refusals_stored=False,
    refusals=REFUSALS,
    lookup="by_list",
    lookup_lag=LOOKUP_LAG,
    absence_after=ABSENCE_AFTER,
    late_arrival_window=LATE_ARRIVAL_WINDOW,
    return_window=RETURN_WINDOW,
    settlement="later",
    refunds="no",
    send_deadline=SEND_DEADLINE,
)
"""What Fintoc promises. It stores the first answer to a key, except where the key or the signature was refused, so that
a refusal says nothing of an earlier request. It cannot be asked by our own reference: the list of transfers is read."""
