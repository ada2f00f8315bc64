"""A CEP's XML, read with suspicion: it may have been written by a forger, and it is about people.

No DTD, no entities, no other encoding, no more than a CEP needs; children by name; what must be there is there; and
the sealed string says the same as the XML around it. What strangers wrote is cleaned.
"""

import base64
import binascii
import re
from typing import TYPE_CHECKING

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # it brings no types
from defusedxml.ElementTree import ParseError, fromstring  # type: ignore[import-untyped]

from rail_spei.cep.cda import Cda
from rail_spei.cep.plain import plain
from rail_spei.cep.receipt import Cep, NotACep, Party, Source
from rail_spei.operating import MEXICO_CITY
from riel import Money, clean_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST = 64 * 1024
"""Bytes. A CEP has about 1,700."""

MOST_ELEMENTS = 16
MISSING = "NA"
SEAL_BYTES = 256
LONGEST_TEXT = 120


def read_cep(document: bytes, *, source: Source = "unverified") -> Cep:
    """The CEP in ``document``, which is unverified unless Banxico's site has just handed it over.

    :raises NotACep: it is anything else, in one sentence that repeats nothing of it.
    """
    root = _parsed(document)
    if root.tag != "SPEI_Tercero":
        raise NotACep("it is not a SPEI_Tercero but something else")
    payee, payer = _child(root, "Beneficiario"), _child(root, "Ordenante")
    cda = Cda.read(_needed(root, "cadenaCDA"))
    _agree(root, payee, cda)
    seal = _needed(root, "sello")
    if not _is_seal(seal):
        raise NotACep("sello is not a seal")
    return Cep(
        source=source,
        tracking_key=_matching(root, "claveRastreo", r"[!-~]{1,30}"),
        operating_date=cda.date("operating_date"),
        credited_at=cda.moment().replace(tzinfo=MEXICO_CITY),
        receiver=_matching(root, "ClaveSPEI", r"[0-9]{4,5}"),
        payment_type=cda.payment_type,
        amount=_centavos(payee, "MontoPago"),
        iva=None if payee.get("IVA", MISSING) == MISSING else _centavos(payee, "IVA"),
        concept=_text(payee, "Concepto"),
        payer=_party(payer, "BancoEmisor"),
        payee=_party(payee, "BancoReceptor"),
        certificate=_matching(root, "numeroCertificado", r"[0-9]{20}"),
        seal=seal,
    )


def _parsed(document: bytes) -> "Element":
    if len(document) > LONGEST:
        raise NotACep("it is too long for a CEP")
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotACep("it is not UTF-8") from None
    declared = re.match(r"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", text)
    if declared and declared[1].lower() != "utf-8":
        raise NotACep("it declares another encoding than UTF-8")
    try:  # as text: bytes would let the document choose how it is decoded
        root: Element = fromstring(text, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise NotACep("it brings a DTD or entities, which no CEP does") from None
    except (ParseError, ValueError, RecursionError):
        raise NotACep("it is not well-formed XML") from None
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise NotACep("it has more elements than a CEP")
    return root


def _child(root: "Element", name: str) -> "Element":
    found = root.findall(name)
    if len(found) != 1:
        raise NotACep(f"it has not exactly one {name}")
    return found[0]


def _needed(element: "Element", name: str) -> str:
    value = element.get(name)
    if value is None:
        raise NotACep(f"{name} is missing")
    return value


def _matching(element: "Element", name: str, pattern: str) -> str:
    value = _needed(element, name)
    if not re.fullmatch(pattern, value, re.ASCII):
        raise NotACep(f"{name} is not in its form")
    return value


def _text(element: "Element", name: str) -> str:
    """What strangers wrote, as data; empty where the CEP says that there is nothing."""
    value = clean_text(element.get(name, MISSING), LONGEST_TEXT)
    return "" if value == MISSING else value


def _centavos(element: "Element", name: str) -> int:
    return centavos(_needed(element, name), name)


def centavos(text: str, name: str) -> int:
    """Pesos as the CEP writes them (``9858.7``), in centavos.

    :raises NotACep: it is no amount.
    """
    try:
        if re.fullmatch(r"[0-9]{1,17}(?:\.[0-9]{1,6})?", text):
            return Money.of_decimal(text, "MXN").amount
    except ValueError:
        pass
    raise NotACep(f"{name} is not an amount of pesos")


def _kind(text: str) -> int | None:
    """The kind of account: ``6`` in the XML is ``06`` in the sealed string, and ``-1`` or ``NA`` is none."""
    if text in {"-1", MISSING}:
        return None
    if not re.fullmatch(r"[0-9]{1,2}", text):
        raise NotACep("TipoCuenta is not a kind of account")
    return int(text)


def _party(element: "Element", bank: str) -> Party:
    account = _matching(element, "Cuenta", r"[0-9A-Za-z]{1,20}")
    return Party(
        institution=_text(element, bank),
        name=_text(element, "Nombre"),
        kind=_kind(element.get("TipoCuenta", MISSING)),
        account="" if account == MISSING else account,
        taxpayer=_text(element, "RFC"),
    )


def _is_seal(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == SEAL_BYTES
    except (binascii.Error, ValueError):
        return False


def _agree(root: "Element", payee: "Element", cda: Cda) -> None:
    """The sealed string must tell the same payment: whoever changes only the XML contradicts the seal."""
    day = _matching(root, "FechaOperacion", r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    pairs = {
        "FechaOperacion": (day, cda.date("operating_date").isoformat()),
        "Hora": (_needed(root, "Hora"), f"{cda.moment():%H:%M:%S}"),
        "ClaveSPEI": (_needed(root, "ClaveSPEI"), cda["receiver"]),
        "sello": (_needed(root, "sello"), cda["seal"]),
        "numeroCertificado": (_needed(root, "numeroCertificado"), cda["certificate"]),
        "Nombre": (plain(_needed(payee, "Nombre")), plain(cda["payee_name"])),
        "Cuenta": (_needed(payee, "Cuenta"), cda["payee_account"]),
        "MontoPago": (_centavos(payee, "MontoPago"), centavos(cda["amount"], "cadenaCDA")),
        "TipoCuenta": (_kind(payee.get("TipoCuenta", MISSING)), _kind(cda["payee_kind"])),
    }
    for name, (outside, sealed) in pairs.items():
        if outside != sealed:
            raise NotACep(f"cadenaCDA contradicts {name}")
