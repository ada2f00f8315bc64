"""The behaviour of the pretend STP that a test or an operator may choose: its times, and the webhooks' addresses."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from riel.sandbox.kit import LoopbackUrl

Seconds = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]


class StpBehaviour(BaseModel):
    """The times of an order's states, the lags, and the webhooks' addresses. Numbers are seconds by default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    sent_seconds: Annotated[Seconds, Field(description="From `A` to `E`.")] = 0.2
    settled_seconds: Annotated[Seconds, Field(description="From `A` to the order's end: `LQ`, or `CN`.")] = 1.0
    returned_seconds: Annotated[Seconds, Field(description="From `LQ` to `D`.")] = 5.0
    cep_seconds: Annotated[Seconds, Field(description="From `LQ` to `nombreCep`.")] = 3.0
    hidden_seconds: Annotated[Seconds, Field(description="How long `tsLiquidacion` stays null after `LQ`.")] = 2.0
    slow_seconds: Annotated[Seconds, Field(description="After how long a slow answer comes.")] = 60.0
    late_seconds: Annotated[Seconds, Field(description="How late a late order arrives.")] = 90.0
    lookup_lag_seconds: Annotated[Seconds, Field(description="How far the queries lie behind.")] = 0.0
    total_lag_seconds: Annotated[Seconds, Field(description="How far a list's `total` lies behind its rows.")] = 30.0
    page_rows: Annotated[int, Field(ge=1, le=1000, description="Rows in one page of a list.")] = 1000
    webhook_url: Annotated[LoopbackUrl, Field(description="Where changes of state are sent.")] = ""
    deposit_url: Annotated[LoopbackUrl, Field(description="Where received payments are sent.")] = ""
    webhook_tries: Annotated[int, Field(ge=1, le=100, description="How often a message is sent at most.")] = 20
    webhook_pause_seconds: Annotated[Seconds, Field(description="Between two tries.")] = 5.0
    webhook_words: Annotated[
        Literal["events", "states", "participles", "english", "older"],
        Field(description="Which of STP's vocabularies the webhooks use; `older` has other fields, too."),
    ] = "events"
