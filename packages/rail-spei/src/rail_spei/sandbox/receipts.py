"""The CEPs that the pretend site hands out: a payment as SPEI knows it, written as Banxico writes it."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from xml.etree import ElementTree  # to write with; nothing is read by it

from rail_spei.operating import MEXICO_CITY

CERTIFICATE = "00000100000100099999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A payment as SPEI knows it. ``amount`` is in centavos, institutions are participants' codes.

    ``cep`` says how far the receiving bank is: nothing reported yet, reported, or sealed wrongly. ``listed_on`` is the
    date under which the form finds it, by default the calendar date of the credit.
    """

    tracking_key: str
    sender: str
    receiver: str
    account: str
    amount: int
    operating_date: date
    credited_at: datetime
    cep: Literal["ready", "not_generated", "badly_sealed"] = "ready"
    state: str = "Liquidado"
    sender_name: str = "STP"
    receiver_name: str = "SANTANDER"
    payer_name: str = "Empresa de Prueba"
    payer_account: str = "646180110400000007"
    payer_taxpayer: str = "ND"
    payee_name: str = "Beneficiario de Prueba"
    payee_taxpayer: str = "ND"
    concept: str = "Prueba"
    listed_on: date | None = None

    @property
    def credited(self) -> datetime:
        """The credit by the clocks of Mexico City."""
        return self.credited_at.astimezone(MEXICO_CITY)

    @property
    def pesos(self) -> str:
        """As a CEP writes amounts: ``9858.7``, ``300``."""
        return f"{Decimal(self.amount).scaleb(-2).normalize():f}"

    @property
    def two_decimals(self) -> str:
        """As the form writes them: ``9858.70``."""
        return f"{Decimal(self.amount).scaleb(-2):f}"


def cep_of(credit: Credit) -> bytes:
    """The CEP's XML, with a seal that nobody's key made."""
    seal = base64.b64encode(hashlib.shake_256(credit.tracking_key.encode()).digest(256)).decode()
    at = credit.credited
    cda = "|".join(
        [
            *("", "", "1", f"{credit.operating_date:%d%m%Y}", f"{at:%d%m%Y}", f"{at:%H%M%S}", credit.receiver),
            *(credit.sender_name, credit.payer_name, "40", credit.payer_account, credit.payer_taxpayer),
            *(credit.receiver_name, credit.payee_name, "40", credit.account, credit.payee_taxpayer),
            *(credit.concept, "0.00", credit.pesos, "NA", "NA", "0", "0", "NA", "0", "0.00", *["NA"] * 17),
            *(CERTIFICATE, "", seal),
        ]
    )
    shown = seal if credit.cep == "ready" else "".join(reversed(seal))
    root = ElementTree.Element(
        "SPEI_Tercero",
        FechaOperacion=credit.operating_date.isoformat(),
        Hora=f"{at:%H:%M:%S}",
        ClaveSPEI=credit.receiver,
        sello=shown,
        numeroCertificado=CERTIFICATE,
        cadenaCDA=cda,
        claveRastreo=credit.tracking_key,
    )
    ElementTree.SubElement(
        root,
        "Beneficiario",
        BancoReceptor=credit.receiver_name,
        Nombre=credit.payee_name,
        TipoCuenta="40",
        Cuenta=credit.account,
        RFC=credit.payee_taxpayer,
        Concepto=credit.concept,
        IVA="0.00",
        MontoPago=credit.pesos,
    )
    ElementTree.SubElement(
        root,
        "Ordenante",
        BancoEmisor=credit.sender_name,
        Nombre=credit.payer_name,
        TipoCuenta="40",
        Cuenta=credit.payer_account,
        RFC=credit.payer_taxpayer,
    )
    written: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written
