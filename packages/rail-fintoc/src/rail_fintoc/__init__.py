"""Fintoc: transfers in Mexico and Chile, what can be given back, and its own 18 tools. The declaration of the rail.

What costs time to import (httpx, starlette, the client) waits until it is needed.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from rail_fintoc.codes import ERRORS
from rail_fintoc.fields import account_of_either_country
from rail_fintoc.models import FintocLookup, FintocPayment, FintocReceipt, FintocRefund
from rail_fintoc.settings import GUARANTEES, FintocSettings
from rail_fintoc.tools import TOOLS
from rail_fintoc.webhooks import parse_webhook
from riel import Capabilities, Order, Rail, Sandbox, hookimpl, never, yes

if TYPE_CHECKING:
    import httpx

    from rail_fintoc.client import FintocClient

__all__ = ["connect", "manual_refund", "open_sandbox", "riel_rails"]

FINAL = "A transfer that has settled is final: only the payee can give it back."


def connect(settings: FintocSettings, http: "httpx.AsyncClient") -> "AbstractAsyncContextManager[FintocClient]":
    """Open a client of Fintoc."""
    from rail_fintoc.client import open_client

    return open_client(settings, http)


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """Make the pretend Fintoc for a client with these settings."""
    from rail_fintoc import sandbox

    return sandbox.open_sandbox(settings)


def manual_refund(order: Order) -> Mapping[str, str]:
    """What a person needs to ask for the money of a settled transfer, which no program can take back."""
    return {
        "reference": order.reference,
        "fintocId": order.provider_id,
        "trackingKey": order.facts.get("trackingKey", ""),
        "receiptUrl": order.facts.get("receiptUrl", ""),
        "amount": str(order.money),
        "payeeInstitution": order.payee.institution,
        "whomToAsk": "First the payee, who can pay it back. Then Fintoc's support, with the fintocId.",
        "aQuienPedirlo": "Primero al beneficiario, que puede devolverlo. Luego al soporte de Fintoc, con el fintocId.",
        "promised": "nothing: whether and when it comes back depends on the payee",
    }


@hookimpl
def riel_rails() -> Iterable[Rail]:
    """The one rail of this package."""
    yield Rail(
        name="fintoc",
        title="Fintoc",
        currency=("MXN", "CLP"),
        payment=FintocPayment,
        lookup=FintocLookup,
        refund=FintocRefund,
        receipt=FintocReceipt,
        connect=connect,
        settings=FintocSettings,
        errors=ERRORS,
        capabilities=Capabilities(refund=never(FINAL), partial_refund=yes, returns=yes),
        guarantees=GUARANTEES,
        tools=TOOLS,
        docs=str(Path(__file__).with_name("docs")),
        docs_server=lambda settings: settings.documentation,
        sandbox=open_sandbox,
        manual_refund=manual_refund,
        parse_account=account_of_either_country,
        parse_webhook=parse_webhook,
    )
