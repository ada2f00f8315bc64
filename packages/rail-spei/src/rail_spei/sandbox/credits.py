"""What SPEI credited of the pretend STP's orders, as the pretend Banxico is told it by the receiving banks."""

from collections.abc import Iterator
from datetime import datetime

from rail_spei.sandbox.bank import Bank
from rail_spei.sandbox.book import BACK
from rail_spei.sandbox.receipts import Credit
from rail_spei.sandbox.refusing import STP


def credits_of(bank: Bank, now: datetime) -> Iterator[Credit]:
    """Every order that has settled through SPEI, but for those whose CEP is never found."""
    bank.catch_up(now)
    for entry in bank.book.sent(bank.contract.empresa, now):
        said, settled = entry.said, entry.settled_at(now)
        receiver = str(said.get("institucionContraparte"))
        if settled is None or receiver == STP or not entry.fate.known_to_banxico:
            continue
        yield Credit(
            tracking_key=entry.key,
            sender=STP,
            receiver=receiver,
            account=str(said["cuentaBeneficiario"]),
            amount=entry.amount,
            operating_date=entry.day,
            credited_at=settled,
            cep="ready" if entry.fate.sealed else "badly_sealed",
            state="Devuelto" if entry.now(now).state in BACK else "Liquidado",
            receiver_name=bank.contract.institutions.get(receiver, receiver),
            payer_name=str(said.get("nombreOrdenante") or "NA"),
            payer_account=str(said["cuentaOrdenante"]),
            payer_taxpayer=str(said.get("rfcCurpOrdenante") or "ND"),
            payee_name=entry.fate.payee or str(said["nombreBeneficiario"]).upper(),
            payee_taxpayer=str(said.get("rfcCurpBeneficiario") or "ND"),
            concept=str(said["conceptoPago"]),
        )
