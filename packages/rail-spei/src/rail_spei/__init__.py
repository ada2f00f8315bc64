"""SPEI, Mexico's interbank transfers, through STP: the declaration of the rail.

What costs time to import (httpx, starlette, the client) waits until a payment needs it.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from rail_spei.codes import ERRORS
from rail_spei.models import SpeiLookup, SpeiPayment, SpeiReceipt, SpeiRefund
from rail_spei.settings import GUARANTEES, SpeiSettings, catalogue
from rail_spei.webhooks import parse_webhook
from riel import Capabilities, CliTable, Order, Rail, Sandbox, hookimpl, never, yes
from riel_mexico import clabe

if TYPE_CHECKING:
    import httpx

    from rail_spei.client import SpeiClient

__all__ = ["banks_table", "connect", "manual_refund", "open_sandbox", "riel_rails"]

NO_REFUND = "A settled SPEI payment is final: only the payee can give it back."
NO_PARTIAL_REFUND = "SPEI gives payments back whole."


def connect(settings: SpeiSettings, http: "httpx.AsyncClient") -> "AbstractAsyncContextManager[SpeiClient]":
    """Open a client of STP."""
    from rail_spei.client import open_client

    return open_client(settings, http)


def open_sandbox(settings: Mapping[str, str]) -> Sandbox:
    """Make the pretend STP for a client with these settings."""
    from rail_spei.sandbox import open_sandbox as opened

    return opened(settings)


def manual_refund(order: Order) -> Mapping[str, str]:
    """The facts with which a person asks for the money of a settled payment: SPEI has no refund by API."""
    return {
        "trackingKey": order.reference,
        "operationDate": order.facts.get("operationDate", ""),
        "amount": str(order.money),
        "payeeInstitution": order.payee.institution,
        "cepUrl": order.facts.get("cepUrl", ""),
        "whomToAsk": "First the payee: they can pay it back, or have their bank return it. Then STP, for a request to "
        "the payee's institution, which needs the payee's consent. Last, a formal complaint (aclaración) with STP's "
        "specialised unit (UNE), and CONDUSEF.",
        "aQuienPedirlo": "Primero al beneficiario: puede pagar de vuelta o pedir a su banco que devuelva. Luego a STP, "
        "para una solicitud a la institución receptora, que requiere consentimiento del beneficiario. Por último, una "
        "aclaración ante la UNE de STP y CONDUSEF.",
        "promised": "nothing: whether and when it comes back depends on the payee",
    }


def banks_table(settings: Mapping[str, str]) -> CliTable:
    """The table of institutions."""
    table = catalogue(Path(settings["banks"]) if "banks" in settings else None)
    as_of = f"as of {table.as_of}" if table.as_of else "without a date"
    return CliTable(
        title=f"Institutions of SPEI, {as_of}",
        columns=("clabe", "participant", "name", "status", "note"),
        rows=tuple((one.clabe_code, one.participant, one.name, one.status, one.note) for one in table),
    )


@hookimpl
def riel_rails() -> Iterable[Rail]:
    """The one rail of this package."""
    yield Rail(
        name="spei",
        title="SPEI",
        currency="MXN",
        payment=SpeiPayment,
        lookup=SpeiLookup,
        refund=SpeiRefund,
        receipt=SpeiReceipt,
        connect=connect,
        settings=SpeiSettings,
        errors=ERRORS,
        capabilities=Capabilities(
            refund=never(NO_REFUND), partial_refund=never(NO_PARTIAL_REFUND), statement=yes, returns=yes
        ),
        guarantees=GUARANTEES,
        docs=str(Path(__file__).with_name("docs")),
        sandbox=open_sandbox,
        manual_refund=manual_refund,
        parse_account=clabe,
        parse_webhook=parse_webhook,
        tables={"banks": banks_table},
    )
