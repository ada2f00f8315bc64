"""The behaviour of the bank: one set of settings, which the pretend bank obeys and the rail declares.

A real rail knows its provider and declares one value. Here every kind of guarantee can be chosen, so that the core
can be tried against each kind of bank there is.
"""

import hashlib
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rail_mock.codes import REFUSALS
from riel import FOREVER, Guarantees, Mode, RailSettings

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SomeSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class BankBehaviour(BaseModel):
    """The bank's handling of copies, look-ups and time. The defaults are those of a good provider such as Stripe."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    dedupe: Annotated[
        Literal["no", "by_key", "by_reference"],
        Field(description="A second order of one reference is booked again, answered as the first, or refused."),
    ] = "by_key"
    dedupe_seconds: Annotated[
        SomeSeconds | Literal["forever"], Field(description="For how long the bank remembers a key or a reference.")
    ] = 86_400.0
    refusals_stored: Annotated[
        bool, Field(description="Whether a refusal is remembered too. A bank that does not dedupe remembers none.")
    ] = True
    lookup: Annotated[
        Literal["no", "by_reference", "by_key", "by_list"],
        Field(description="The one way in which the bank can be asked about an order."),
    ] = "by_reference"
    lookup_lag_seconds: Annotated[Seconds, Field(description="How far what the bank answers lies behind.")] = 0.0
    absence_seconds: Annotated[
        Seconds | Literal["never"], Field(description="After how long 'not found' proves that nothing was booked.")
    ] = 30.0
    watch_seconds: Annotated[
        Seconds, Field(description="How late a request may arrive; one that is under way for longer is lost.")
    ] = 3_600.0
    returns_seconds: Annotated[
        Seconds, Field(description="For how long after settlement money may come back; zero: never.")
    ] = 3_600.0
    settles: Annotated[
        Literal["at_once", "later"],
        Field(description="Whether whatever is accepted has settled, or may settle (or be rejected) later."),
    ] = "later"
    send_deadline_seconds: Annotated[SomeSeconds, Field(description="How long one send may take.")] = 10.0

    @model_validator(mode="after")
    def _absence_can_be_seen(self) -> "BankBehaviour":
        if self.absence_seconds != "never" and self.absence_seconds < self.lookup_lag_seconds:
            raise ValueError("absence_seconds is shorter than lookup_lag_seconds: a booking could still be hidden")
        return self

    @property
    def dedupe_window(self) -> timedelta:
        """How long after an order's first arrival the bank recognizes its copies."""
        if self.dedupe == "no":
            return timedelta(0)
        return FOREVER if self.dedupe_seconds == "forever" else timedelta(seconds=self.dedupe_seconds)

    @property
    def longest_journey(self) -> timedelta:
        """How late a request may arrive: within ``watch_seconds``, and while the bank recognizes its copies."""
        watch = timedelta(seconds=self.watch_seconds)
        return watch if self.dedupe == "no" else min(watch, self.dedupe_window)


class MockSettings(RailSettings, BankBehaviour):  # type: ignore[misc]  # mypy compares the two model_config; pydantic merges
    """The rail's settings. There is no live system behind it: away from this machine its mode is ``test``."""

    @property
    def mode(self) -> Mode:
        return "test"

    @property
    def has_published_credentials(self) -> bool:
        """It has none, and no provider speaks its protocol."""
        return True

    @property
    def payer(self) -> str:
        """The only account of the bank at ``base_url``: another pretend bank knows nothing of its orders."""
        return hashlib.sha256(f"mock {self.base_url}".encode()).hexdigest()[:16]

    @property
    def payer_label(self) -> str:
        """Every pretend bank has one account that pays."""
        return "your account"


def guarantees(bank: BankBehaviour) -> Guarantees:
    """The guarantees of a bank with that behaviour."""
    provable = bank.lookup != "no" and bank.absence_seconds != "never"
    return Guarantees(
        dedupe=bank.dedupe,
        dedupe_window=bank.dedupe_window,
        refusals_stored=bank.refusals_stored and bank.dedupe != "no",
        refusals=REFUSALS,
        lookup=bank.lookup,
        lookup_lag=timedelta(seconds=bank.lookup_lag_seconds),
        absence_after=timedelta(seconds=float(bank.absence_seconds)) if provable else None,
        late_arrival_window=timedelta(seconds=bank.watch_seconds),
        return_window=timedelta(seconds=bank.returns_seconds),
        settlement=bank.settles,
        refunds="by_rail",
        send_deadline=timedelta(seconds=bank.send_deadline_seconds),
    )
