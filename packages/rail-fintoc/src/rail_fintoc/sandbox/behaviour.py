"""The settings of the pretend Fintoc: its times, its limits, and where it sends webhooks."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from riel.sandbox.kit import LoopbackUrl

Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
Version = Literal["2021-03-23", "2023-11-15", "2025-08-13", "2026-02-01"]


class FintocBehaviour(BaseModel):
    """Times and limits; a test or an operator may choose each."""

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
    webhook_url: Annotated[LoopbackUrl, Field(description="An endpoint on this machine that gets every event.")] = ""
    webhook_attempts: Annotated[int, Field(ge=1, le=100, description="How often an event is sent at most.")] = 18
    webhook_pause_seconds: Annotated[Seconds, Field(description="Before the second try; it doubles each time.")] = 3.0
