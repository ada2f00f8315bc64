"""The other side of a transfer, read from a request: whom an outbound one pays, and who sends a simulated one."""

import random

from stdnum import luhn
from stdnum.cl import rut

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.ledger.institutions import CHILEAN, institution, is_clabe, participant, person
from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.magic import check_digit

ACCOUNT_TYPES = ("checking_account", "sight_account", "savings_account")


def payee(currency: str, said: Body) -> Json:
    """The counterparty of an outbound transfer as it is told later.

    :raises Refused: with the code of what is wrong with it.
    """
    return _mexican(said) if currency == "MXN" else _chilean(said)


def _mexican(said: Body) -> Json:
    number = said.needed("account_number")
    if not (number.isascii() and number.isdigit()):
        raise _wrong("invalid_account_number", "must be digits", "account_number")
    code = said.text("institution_id")
    match len(number):
        case 18:
            if not is_clabe(number):
                raise _wrong("invalid_clabe", "is not a valid CLABE", "account_number")
            kind, code = "clabe", participant(number)
        case 16:
            if not luhn.is_valid(number):
                raise _wrong("invalid_card_number", "is not a valid card number", "account_number")
            kind, code = "debit_card", _needed_code(code)
        case 10:
            kind, code = "mobile_phone", _needed_code(code)
        case _:
            raise _wrong("invalid_account_number", "must have 18, 16 or 10 digits", "account_number")
    return _told(said, number, kind, code)


def _needed_code(code: str | None) -> str:
    if not code:
        raise Refused(400, "missing_parameter", "Missing required param: institution_id", "counterparty.institution_id")
    if not (code.isascii() and code.isdigit() and len(code) in {4, 5}):
        raise _wrong("invalid_institution_id", "is no participant of SPEI", "institution_id")
    return code


def _chilean(said: Body) -> Json:
    holder, number = said.needed("holder_id"), said.needed("account_number", longest=30)
    said.needed("holder_name")
    if not rut.is_valid(holder):
        raise _wrong("invalid_holder_id", "is not a valid RUT", "holder_id")
    if not (number.isascii() and number.isdigit()):
        raise _wrong("invalid_account_number", "must be digits", "account_number")
    kind = said.one_of("account_type", ACCOUNT_TYPES, required=True, code="invalid_account_type")
    code = said.one_of("institution_id", CHILEAN, required=True, code="invalid_institution_id")
    return _told(said, number, kind, code) | {"holder_id": rut.compact(holder)}


def _told(said: Body, number: str, kind: str, code: str) -> Json:
    return {
        "holder_id": said.text("holder_id"),
        "holder_name": said.text("holder_name"),
        "account_number": number,
        "account_type": kind,
        "email": said.text("email"),
        "institution": institution(code),
    }


def somebody(currency: str, said: Body, chance: random.Random) -> Json:
    """The sender of a simulated transfer: who was named, and otherwise anybody.

    :raises Refused: 400 ``invalid_clabe``.
    """
    if currency == "CLP":
        number = said.text("account_number") or str(chance.randrange(10**8, 10**9))
        kind = said.one_of("account_type", ACCOUNT_TYPES, code="invalid_account_type") or ACCOUNT_TYPES[0]
        code = said.one_of("institution_id", CHILEAN, code="invalid_institution_id") or CHILEAN[0]
        digits = str(chance.randrange(10**7, 2 * 10**7))
        holder = digits + rut.calc_check_digit(digits)
    else:
        front = f"002969{chance.randrange(10**11):011d}"
        number = said.text("account_number") or front + check_digit(front)
        if not is_clabe(number):
            raise _wrong("invalid_clabe", "is not a valid CLABE", "account_number")
        kind, code, holder = "clabe", participant(number), person(chance)
    told = _told(said, number, kind, code)
    return told | {"holder_id": told["holder_id"] or holder, "holder_name": told["holder_name"] or "Cliente Demo"}


def _wrong(code: str, why: str, name: str) -> Refused:
    return Refused(400, code, f"counterparty.{name} {why}", f"counterparty.{name}")
