"""How the pretend STP behaves in time, and whom it tells: what a test or an operator may choose."""

from collections.abc import Awaitable, Callable, Container, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Seconds = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]


def _here(url: str) -> str:
    """A pretend bank tells nobody outside this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if url and not (here and parts.scheme in {"http", "https"}):
        raise ValueError("must be an http address on this machine: a pretend bank tells nobody else")
    return url


Here = Annotated[str, AfterValidator(_here)]


class Behaviour(BaseModel):
    """The times of an order's life, what lags, and where the webhooks go. Seconds, unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    sent_seconds: Annotated[Seconds, Field(description="From `A` to `E`.")] = 0.2
    settled_seconds: Annotated[Seconds, Field(description="From `A` to the order's end: `LQ`, or `CN`.")] = 1.0
    returned_seconds: Annotated[Seconds, Field(description="From `LQ` to `D`.")] = 5.0
    hidden_seconds: Annotated[Seconds, Field(description="How long `tsLiquidacion` stays null after `LQ`.")] = 2.0
    slow_seconds: Annotated[Seconds, Field(description="After how long a slow answer comes.")] = 60.0
    late_seconds: Annotated[Seconds, Field(description="How late a late order arrives.")] = 90.0
    lookup_lag_seconds: Annotated[Seconds, Field(description="How far the queries lie behind.")] = 0.0
    total_lag_seconds: Annotated[Seconds, Field(description="How far a list's `total` lies behind its rows.")] = 30.0
    page_rows: Annotated[int, Field(ge=1, le=1000, description="Rows in one page of a list.")] = 1000
    opening_centavos: Annotated[int, Field(ge=0, description="The balance before the first order.")] = 1_000_000_000
    webhook_url: Annotated[Here, Field(description="Where changes of state are told.")] = ""
    deposit_url: Annotated[Here, Field(description="Where received payments are told.")] = ""
    webhook_tries: Annotated[int, Field(ge=1, le=100, description="How often a message is sent at most.")] = 20
    webhook_pause_seconds: Annotated[Seconds, Field(description="Between two tries.")] = 5.0
    webhook_words: Annotated[
        Literal["events", "states", "participles", "english", "older"],
        Field(description="Which of STP's vocabularies the webhooks use; `older` has other fields, too."),
    ] = "events"


def behaviour_of(settings: Mapping[str, str], of_the_client: Container[str]) -> Behaviour:
    """The behaviour that raw settings ask for; whatever is neither the bank's nor the client's is refused."""
    unknown = sorted(name for name in settings if name not in Behaviour.model_fields and name not in of_the_client)
    if unknown:
        known = ", ".join(Behaviour.model_fields)
        raise ValueError(f"the pretend STP has no setting {', '.join(map(repr, unknown))}; it has {known}")
    asked: dict[str, Any] = {name: value for name, value in settings.items() if name in Behaviour.model_fields}
    return Behaviour.model_validate(asked)
