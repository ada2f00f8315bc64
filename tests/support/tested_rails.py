"""The rails that are tested across packages: what each is called, whom it pays, and what its two sides are told."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class TestedRail:
    """One rail. ``both`` is told to its pretend bank and to the servers that pay through it, as settings.

    Of what a bank is told besides, the servers are not told the ``private`` settings: their rail has none such.
    ``reference`` is what an answer of its tools, and the question after a payment, call our reference.
    """

    name: str
    payee: Mapping[str, str]
    both: Callable[[], Mapping[str, str]] = dict
    private: Callable[[], Container[str]] = frozenset
    reference: str = "trackingKey"

    def tool(self, what: str) -> str:
        """The name of one of its tools."""
        return f"{self.name}_{what}"


TODAY = datetime.now(UTC).date()
"""The day on which these tests began. It and the days beside it are holidays of the tested SPEI: near 18:00 in Mexico
City what was lost may not be sent again, whenever that is here, and so no operating day ends during a test."""


def _spei() -> Mapping[str, str]:
    from rail_spei.sandbox.identity import ACCOUNT, EMPRESA, PASSPHRASE
    from riel.sandbox.kit import private_key_file

    holidays = (TODAY + timedelta(days=day) for day in (-1, 0, 1))
    return {
        "empresa": EMPRESA,
        "private_key": str(private_key_file("spei", PASSPHRASE)),
        "private_key_passphrase": PASSPHRASE,
        "account": ACCOUNT,
        "payer_name": "Empresa Demo",
        "key_prefix": "TEST",
        "holidays": ",".join(map(str, holidays)),
    }


def _of_stp() -> Container[str]:
    from rail_spei.sandbox.behaviour import StpBehaviour

    return StpBehaviour.model_fields


def _fintoc() -> Mapping[str, str]:
    from rail_fintoc.sandbox.keys import SECRET_KEY, published_key_file
    from rail_fintoc.sandbox.seed.companies import ACCOUNT

    return {"secret_key": SECRET_KEY, "jws_private_key": str(published_key_file()), "account_id": ACCOUNT}


def _of_fintoc() -> Container[str]:
    from rail_fintoc.sandbox.behaviour import FintocBehaviour

    return FintocBehaviour.model_fields


MOCK = TestedRail("mock", {"account": "1234567897", "concept": "Invoice 42", "recipientName": "Empresa Demo SA de CV"})
SPEI = TestedRail(
    "spei",
    {"clabe": "072691004495711499", "concept": "Factura 42", "recipientName": "Empresa Demo SA de CV"},
    _spei,
    _of_stp,
)
FINTOC = TestedRail(
    "fintoc",
    {
        "accountNumber": "072691004495711499",
        "currency": "MXN",
        "recipientName": "Empresa Demo SA de CV",
        "comment": "Factura 42",
    },
    _fintoc,
    _of_fintoc,
    reference="reference",
)
