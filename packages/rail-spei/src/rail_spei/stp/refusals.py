"""The meaning of STP's answer to a new order: accepted, refused, or unknown. All three have HTTP 200.

An order is accepted only where the answer has a number for it. It is refused only by an id whose entry in STP's
catalogue means "not booked". Any other answer is unknown: the order is looked up, and never assumed to be lost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rail_spei.stp.cadena import STP
from rail_spei.stp.parser import UnreadableJson, displayable, fold_text, parse_int, parse_json

MIN_ORDER_NUMBER: Final = 1000
"""A lower id is a code of the catalogue; this one or a higher id is the number of an accepted order."""

NO_ACCESS: Final = "http:403"
"""The provider code of a request that STP's front end refused: no VPN, or an address that is not allowed."""

RETURN_UNSIGNED: Final = "return:0"
RETURN_UNKNOWN: Final = "return:-1"


class RefusalKind(StrEnum):
    """The class of an error of STP: whether the order is refused, unknown, or may be sent later."""

    INPUT = "F"  # final: nothing was booked, and the order itself must change
    SETUP = "C"  # nothing was booked; the contract or the configuration must change
    DUPLICATE = "D"  # the key is known there: look the order up
    UNKNOWN = "U"  # it may have been booked: look the order up
    LATER = "R"  # nothing was booked, and the same order may be sent later


NOTHING_TAKEN: Final = frozenset({RefusalKind.INPUT, RefusalKind.SETUP, RefusalKind.LATER})


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One id of STP's catalogue. Where an id has several meanings, the pattern ``text`` selects one, named ``word``."""

    id: int
    kind: RefusalKind
    code: str
    meaning: str
    variant: str = ""
    text: str = ""

    @property
    def provider_code(self) -> str:
        """The name of the row: the id as STP writes it, with a word where the text decides."""
        return f"{self.id}:{self.variant}" if self.variant else str(self.id)


_F, _C, _D, _U, _R = RefusalKind.INPUT, RefusalKind.SETUP, RefusalKind.DUPLICATE, RefusalKind.UNKNOWN, RefusalKind.LATER
_FIELD, _SOURCE, _CLABE = "SPEI_INVALID_FIELD", "SPEI_SOURCE_ACCOUNT_REJECTED", "SPEI_INVALID_CLABE"
_KEY, _TWICE, _NOT_KNOWN = "SPEI_INVALID_TRACKING_KEY", "SPEI_DUPLICATE_TRACKING_KEY", "SPEI_OUTCOME_UNKNOWN"

# STP's catalogue of errors of the registration, with the texts that were recorded. Under one id the first pattern that
# fits decides, so the row without one comes last. -100 belongs to queries; after a registration it explains nothing.
CATALOGUE: tuple[CatalogueRow, ...] = (
    CatalogueRow(
        0, _U, _NOT_KNOWN, "STP did not hear from its own service.", "no_answer", r"no se recibi\S* respuesta"
    ),
    CatalogueRow(
        0, _C, "SPEI_SIGNATURE_REJECTED", "STP does not accept the signature.", "signature", r"error validando la firma"
    ),
    # "Firma invalida No entity found for query" may as well mean an order that is not there: it decides nothing.
    CatalogueRow(
        0, _U, _NOT_KNOWN, "STP found nothing to hold the signature against.", "no_entity", r".*no entity found"
    ),
    CatalogueRow(
        0, _C, "SPEI_SIGNATURE_REJECTED", "STP does not accept the signature.", "bad_signature", r"firma inv\S*lida"
    ),
    CatalogueRow(0, _F, _FIELD, "A field that STP needs is missing.", "missing_field", r"el campo .* es obligatorio"),
    CatalogueRow(0, _U, _NOT_KNOWN, "STP names no reason."),
    CatalogueRow(1, _F, _FIELD, "A datum that STP needs is missing."),
    CatalogueRow(2, _F, _FIELD, "A value is not in STP's catalogues."),
    CatalogueRow(3, _C, _SOURCE, "The account that pays does not belong to this company at STP."),
    CatalogueRow(4, _F, _CLABE, "STP does not accept the payee's account."),
    CatalogueRow(5, _D, _TWICE, "STP has a datum of this order already."),
    CatalogueRow(6, _C, _SOURCE, "The account that pays is not associated with this company at STP."),
    CatalogueRow(7, _C, _SOURCE, "The account that pays is not enabled at STP."),
    CatalogueRow(8, _F, _FIELD, "STP does not accept the RFC or CURP of the payer or the payee."),
    CatalogueRow(-1, _D, _TWICE, "The tracking key was used before on that operating day."),
    CatalogueRow(-2, _D, _TWICE, "STP has this order already."),
    CatalogueRow(-3, _F, _FIELD, "A key is not in STP's catalogue of users."),
    CatalogueRow(-5, _F, _FIELD, "The payee's institution is missing."),
    CatalogueRow(-6, _C, _FIELD, "STP does not know this company or the institution that it operates through."),
    CatalogueRow(-7, _C, _SOURCE, "STP does not know the account that pays."),
    CatalogueRow(
        -9, _F, "SPEI_INSTITUTION_INACTIVE", "The payee's institution does not take part in SPEI at the moment."
    ),
    CatalogueRow(-10, _C, _FIELD, "STP does not accept the means of delivery."),
    CatalogueRow(-11, _F, "SPEI_ACCOUNT_TYPE_NOT_SUPPORTED", "This kind of account is not enabled at STP."),
    CatalogueRow(-12, _C, _FIELD, "STP does not accept the type of operation."),
    CatalogueRow(-13, _C, _FIELD, "STP does not accept the type of payment."),
    CatalogueRow(-14, _C, _FIELD, "STP does not accept the user."),
    CatalogueRow(-16, _F, _FIELD, "STP does not accept the operating date."),
    CatalogueRow(-17, _C, _FIELD, "No user is associated with this company at STP."),
    CatalogueRow(-18, _C, _FIELD, "The institution that operates is not associated with this company at STP."),
    CatalogueRow(-20, _F, "SPEI_INVALID_AMOUNT", "The contract or the payee's institution does not allow this amount."),
    CatalogueRow(-21, _F, _CLABE, "The check digit of the payee's CLABE is wrong."),
    CatalogueRow(-22, _F, _CLABE, "The payee's CLABE belongs to another institution than the order names."),
    CatalogueRow(-23, _F, _CLABE, "The payee's CLABE does not have 18 digits."),
    CatalogueRow(-24, _F, "SPEI_SAME_ACCOUNT", "The account that pays is the payee's."),
    CatalogueRow(-26, _F, _KEY, "STP does not accept the tracking key."),
    CatalogueRow(-30, _R, "SPEI_PROVIDER_MAINTENANCE", "STP answers questions at the moment and takes no orders."),
    CatalogueRow(
        -31, _F, "SPEI_INSTITUTION_INACTIVE", "The payee's institution cannot be paid in the way STP works now."
    ),
    CatalogueRow(-34, _F, _KEY, "The tracking key holds a character that STP does not accept."),
    CatalogueRow(-100, _U, "SPEI_NOT_FOUND", "STP finds no such order."),
    CatalogueRow(-200, _F, "SPEI_COMPLIANCE_REJECTED", "STP's rules against money laundering refuse the order."),
)

# What only "return a received payment" answers, and what comes from the front end.
OTHER_REFUSALS: Mapping[str, tuple[str, str]] = {
    RETURN_UNSIGNED: ("SPEI_SIGNATURE_REJECTED", "STP does not accept the signature of the return."),
    RETURN_UNKNOWN: ("SPEI_NOT_FOUND", "STP finds no received payment with that tracking key on that day."),
    NO_ACCESS: (
        "SPEI_PROVIDER_ACCESS_DENIED",
        "STP's front end turns this machine away: it has no VPN, or an address that is not allowed.",
    ),
}

REFUSALS: frozenset[str] = frozenset(row.provider_code for row in CATALOGUE if row.kind in NOTHING_TAKEN) | frozenset(
    OTHER_REFUSALS
)
"""The provider codes after which nothing was booked. Only these may ever be raised as ``riel.Rejected``."""


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """STP accepted the order and gave it a number. The order has not settled."""

    id: str


@dataclass(frozen=True, slots=True)
class OrderRefusal:
    """STP refused the order. ``provider_code`` and ``provider_message`` are STP's own, cleaned."""

    row_code: str
    kind: RefusalKind
    provider_code: str
    provider_message: str

    @property
    def text(self) -> str:
        """STP's code, then its message."""
        return f"{self.provider_code} {self.provider_message}".strip()

    def needs_lookup(self, institution: str | int) -> bool:
        """Whether to look the order up before the refusal is believed. ``institution`` is the payee's.

        For orders between two accounts of STP, it is reported that money moved although the answer was an error. An id
        without a text was recorded between the numbers of accepted orders (``{"id": 3}``).
        """
        without_text = not self.provider_message and self.row_code != NO_ACCESS
        return without_text or (self.kind is RefusalKind.INPUT and str(institution) == STP)


@dataclass(frozen=True, slots=True)
class OrderUnclear:
    """STP may have booked the order. ``reason`` says why the outcome is unknown."""

    reason: str
    provider_code: str = ""
    provider_message: str = ""


Outcome = OrderAccepted | OrderRefusal | OrderUnclear


def classify(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Classify the answer to ``registra``."""
    if _blocked_by_front_end(status, headers, body):
        return OrderRefusal(NO_ACCESS, RefusalKind.SETUP, str(status), "")
    if status != 200:
        return OrderUnclear(f"HTTP {status}")
    try:
        return _classify_result(_parse_result(parse_json(body)))
    except UnreadableJson as failure:
        return OrderUnclear(f"HTTP 200 with {failure}")


def classify_return(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Classify the answer to ``retornaOrden``, which has two errors of its own in another form.

    STP's success answer to a return is not documented, so only the form of an accepted order counts as one.
    """
    if status != 200:
        return classify(status, headers, body)
    try:
        answer = parse_json(body)
    except UnreadableJson as failure:
        return OrderUnclear(f"HTTP 200 with {failure}")
    if not isinstance(answer, dict) or "resultado" in answer:
        return classify(status, headers, body)
    state, words = parse_int(answer.get("estado")), answer.get("mensaje")
    text = fold_text(words) if isinstance(words, str) else ""
    known = {
        (0, "error validando la firma"): OrderRefusal(RETURN_UNSIGNED, RefusalKind.SETUP, "0", displayable(words)),
        (-1, "orden no encontrada"): OrderRefusal(RETURN_UNKNOWN, RefusalKind.INPUT, "-1", displayable(words)),
    }
    return next(
        (refusal for (number, start), refusal in known.items() if state == number and text.startswith(start)),
        OrderUnclear(
            f"STP answered {displayable(words) or 'nothing that is known'}", provider_message=displayable(words)
        ),
    )


def _blocked_by_front_end(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether STP's front end answered: it sends 403 with a page, and the service behind it sends JSON only."""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return status == 403 and kind.strip().lower().startswith("text/html") and body.lstrip()[:1] == b"<"


def _parse_result(answer: object) -> tuple[int, str]:
    """Return id and text under ``resultado``; an answer of another shape has neither."""
    result = answer.get("resultado") if isinstance(answer, dict) else None
    number = parse_int(result.get("id")) if isinstance(result, dict) else None
    text = result.get("descripcionError") if isinstance(result, dict) else None
    if number is None or not isinstance(text, str | None):
        raise UnreadableJson("no result")
    return number, (text or "").strip()


def _classify_result(result: tuple[int, str]) -> Outcome:
    number, text = result
    if number >= MIN_ORDER_NUMBER and not text:
        return OrderAccepted(str(number))
    row, words = _find_row(number, fold_text(text)), displayable(text)
    if row is None or row.kind not in NOTHING_TAKEN:
        why = f"STP answered id {number}: {words}" if words else f"STP answered id {number}"
        return OrderUnclear(why, str(number), words)
    return OrderRefusal(row.provider_code, row.kind, str(number), words)


def _find_row(number: int, text: str) -> CatalogueRow | None:
    """Find the row of an id. A text that says that STP's inner service gave no answer means unknown, with any id."""
    if re.match(CATALOGUE[0].text, text):
        return CATALOGUE[0]
    return next((row for row in CATALOGUE if row.id == number and re.match(row.text, text)), None)
