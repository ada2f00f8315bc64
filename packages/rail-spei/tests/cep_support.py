"""One CEP, written by hand from Banxico's form, and the payment that it is of."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from rail_spei.cep import Expected
from rail_spei.sandbox.receipts import Credit

SEAL = base64.b64encode(bytes(range(256))).decode()
CERTIFICATE = "00000100000100012345"

CDA = [
    *("", "", "1", "08112024", "07112024", "180230", "40014", "STP", "Tienda Grande", "40", "646180110400000007"),
    *("TGR010101AB1", "SANTANDER", "Ana Soto Ruiz", "40", "014027000005555558", "SORA900101MDFTZN05"),
    *("Factura 42", "0.00", "9858.7", "NA", "NA", "0", "0", "NA", "0", "0.00"),
    *["NA"] * 17,
    *(CERTIFICATE, "", SEAL),
]

ROOT = {
    "FechaOperacion": "2024-11-08",
    "Hora": "18:02:30",
    "ClaveSPEI": "40014",
    "sello": SEAL,
    "numeroCertificado": CERTIFICATE,
    "cadenaCDA": "|".join(CDA),
    "claveRastreo": "TIENDA241108ABCDEF0123456789",
}
PAYEE = {
    "BancoReceptor": "SANTANDER",
    "Nombre": "Ana Soto Ruiz",
    "TipoCuenta": "40",
    "Cuenta": "014027000005555558",
    "RFC": "SORA900101MDFTZN05",
    "Concepto": "Factura 42",
    "IVA": "0.00",
    "MontoPago": "9858.7",
}
PAYER = {
    "BancoEmisor": "STP",
    "Nombre": "Tienda Grande",
    "TipoCuenta": "40",
    "Cuenta": "646180110400000007",
    "RFC": "TGR010101AB1",
}

EXPECTED = Expected(
    tracking_key="TIENDA241108ABCDEF0123456789",
    sender="90646",
    receiver="40014",
    account="014027000005555558",
    amount=985_870,
    credited_on=date(2024, 11, 7),
    operating_date=date(2024, 11, 8),
)

CREDIT = Credit(
    tracking_key=EXPECTED.tracking_key,
    sender=EXPECTED.sender,
    receiver=EXPECTED.receiver,
    account=EXPECTED.account,
    amount=EXPECTED.amount,
    operating_date=EXPECTED.operating_date,
    credited_at=datetime(2024, 11, 8, 0, 2, 30, tzinfo=UTC),  # 18:02:30 of the 7th in Mexico City
    payer_name="Tienda Grande",
    payee_name="Ana Soto Ruiz",
    payee_taxpayer="SORA900101MDFTZN05",
)


def attributes(values: dict[str, str | None]) -> str:
    return "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)


def sealed(**parts: str) -> str:
    """The sealed string with other parts: ``sealed(p19="1.00")``."""
    changed = list(CDA)
    for name, value in parts.items():
        changed[int(name[1:])] = value
    return "|".join(changed)


def document(
    root: dict[str, Any] | None = None,
    payee: dict[str, Any] | None = None,
    payer: dict[str, Any] | None = None,
    *,
    prologue: str = '<?xml version="1.0" encoding="UTF-8"?>\r\n',
    swapped: bool = False,
) -> bytes:
    """The CEP with some attributes changed, or left out where they are ``None``."""
    children = [
        f"<Beneficiario{attributes(PAYEE | (payee or {}))}/>",
        f"<Ordenante{attributes(PAYER | (payer or {}))}/>",
    ]
    inside = "\r\n    ".join(reversed(children) if swapped else children)
    return f"{prologue}<SPEI_Tercero{attributes(ROOT | (root or {}))}>\r\n    {inside}\r\n</SPEI_Tercero>".encode()


def credit(**changes: Any) -> Credit:
    return replace(CREDIT, **changes)


def expected(**changes: Any) -> Expected:
    return replace(EXPECTED, **changes)
