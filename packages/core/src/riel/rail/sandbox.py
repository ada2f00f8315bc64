"""A pretend bank, as a rail contributes it: an ASGI app, its ledger, and what a client needs to reach it."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """One line of a pretend bank's ledger: money that left the payer's account."""

    reference: str
    amount: int
    currency: str
    beneficiary: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A pretend bank: an ASGI app written from the provider's documentation, its ledger, and what a client needs.

    ``settings`` are given to the rail's client where the operator set none. ``moves_money`` tells the requests that
    faults are aimed at: by default every ``POST``. ``controls`` names the app's own control routes, below
    ``/_sandbox/``: what a test orders of this bank and nobody can order of the real one. No fault is aimed at them.
    """

    app: Callable[..., Awaitable[None]]
    debits: Callable[[], Iterable[Debit]]
    settings: Mapping[str, str] = field(default_factory=dict)
    moves_money: Callable[[str, str], bool] = lambda method, path: method == "POST"
    controls: Collection[str] = ()
