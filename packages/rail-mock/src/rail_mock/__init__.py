"""The debug rail: a pretend bank that shows on demand each behaviour that a provider can have.

This is a whole rail, and short on purpose: copy it to begin your own. What costs time to import (httpx, starlette)
waits until a payment needs it, so that an installed rail costs a server's start next to nothing.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from rail_mock.codes import ERRORS
from rail_mock.models import MockLookup, MockPayment, MockReceipt, MockRefund, ten_digits
from rail_mock.settings import MockSettings, guarantees
from riel import Capabilities, Rail, Sandbox, hookimpl, yes

if TYPE_CHECKING:
    import httpx

    from rail_mock.client import MockClient

__all__ = ["connect", "open_sandbox", "riel_rails"]


def connect(settings: MockSettings, http: "httpx.AsyncClient") -> "AbstractAsyncContextManager[MockClient]":
    """Open a client of the bank at ``settings.base_url``."""
    from rail_mock.client import open_client

    return open_client(settings, http)


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """Make the pretend bank that behaves as ``settings`` declare."""
    from rail_mock.sandbox import open_sandbox as opened

    return opened(settings)


@hookimpl
def riel_rails() -> Iterable[Rail]:
    """The one rail of this package."""
    yield Rail(
        name="mock",
        title="Pretend bank",
        currency="MXN",
        payment=MockPayment,
        lookup=MockLookup,
        refund=MockRefund,
        receipt=MockReceipt,
        connect=connect,
        settings=MockSettings,
        errors=ERRORS,
        capabilities=Capabilities(refund=yes, partial_refund=yes, statement=yes),
        guarantees=guarantees,
        sandbox=open_sandbox,
        parse_account=ten_digits,
    )
