"""How the pretend Fintoc behaves in time, and how much it takes: what a test or an operator may choose."""

from collections.abc import Awaitable, Callable, Container, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
Version = Literal["2021-03-23", "2023-11-15", "2025-08-13", "2026-02-01"]


def is_here(url: str) -> bool:
    """Whether a URL leads nowhere but to this machine: a pretend bank tells nobody else."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in {"http", "https"} and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _here(url: str) -> str:
    if url and not is_here(url):
        raise ValueError("must be an http address on this machine: a pretend bank tells nobody else")
    return url


Here = Annotated[str, AfterValidator(_here)]


class FintocBehaviour(BaseModel):
    """The times of a transfer's life, the limits, and what lags. Seconds, unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    settled_seconds: Annotated[Seconds, Field(description="From `pending` to the end of an outbound transfer.")] = 1.0
    returned_seconds: Annotated[Seconds, Field(description="From `succeeded` to `returned`.")] = 5.0
    received_seconds: Annotated[Seconds, Field(description="From `pending` to the credit of an inbound one.")] = 1.0
    return_seconds: Annotated[Seconds, Field(description="From `return_pending` to its end.")] = 1.0
    verified_seconds: Annotated[Seconds, Field(description="How long an account verification takes.")] = 1.0
    refund_pending_seconds: Annotated[Seconds, Field(description="How long a refund can still be canceled.")] = 1.0
    refunded_seconds: Annotated[Seconds, Field(description="From `in_progress` to the end of a refund.")] = 1.0
    slow_seconds: Annotated[Seconds, Field(description="After how long a slow answer comes.")] = 60.0
    lookup_lag_seconds: Annotated[Seconds, Field(description="How late a new transfer appears in lists.")] = 0.0
    opening_balance: Annotated[
        int, Field(ge=0, description="What the first two accounts hold, in the smallest unit.")
    ] = 10**12
    pinned_version: Annotated[Version, Field(description="The organisation's API version.")] = "2026-02-01"
    requests_per_second: Annotated[int, Field(ge=1, description="Of the organisation; more are answered 429.")] = 100
    transfers_per_second: Annotated[int, Field(ge=1, description="Of the Transfers API; more are answered 429.")] = 10
    webhook_url: Annotated[Here, Field(description="An endpoint on this machine that gets every event.")] = ""
    webhook_attempts: Annotated[int, Field(ge=1, le=100, description="How often an event is sent at most.")] = 18
    webhook_pause_seconds: Annotated[Seconds, Field(description="Before the second try; it doubles each time.")] = 3.0


def behaviour_of(settings: Mapping[str, str], of_the_client: Container[str]) -> FintocBehaviour:
    """The behaviour that raw settings ask for; whatever is neither the bank's nor the client's is refused."""
    unknown = sorted(
        name for name in settings if name not in FintocBehaviour.model_fields and name not in of_the_client
    )
    if unknown:
        known = ", ".join(FintocBehaviour.model_fields)
        raise ValueError(f"the pretend Fintoc has no setting {', '.join(map(repr, unknown))}; it has {known}")
    request: dict[str, Any] = {name: value for name, value in settings.items() if name in FintocBehaviour.model_fields}
    return FintocBehaviour.model_validate(request)
