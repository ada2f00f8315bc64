"""The other side of a transfer, read from a request: whom an outbound one pays, and who sends a simulated one."""

import random

from stdnum import luhn
from stdnum.cl import rut

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.ledger.institutions import CHILEAN_INSTITUTIONS, institution, is_clabe, participant, random_rfc
from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.magic import check_digit

ACCOUNT_TYPES = ("checking_account", "sight_account", "savings_account")


def read_payee(currency: str, fields: Body) -> Json:
    """The counterparty of an outbound transfer as it is told later.

    :raises ApiError: with the code of what is wrong with it.
    """
    return _mexican(fields) if currency == "MXN" else _chilean(fields)


def _mexican(fields: Body) -> Json:
    number = fields.required_text("account_number")
    if not (number.isascii() and number.isdigit()):
        raise _wrong("invalid_account_number", "must be digits", "account_number")
    code = fields.text("institution_id")
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
    return _counterparty(fields, number, kind, code)


def _needed_code(code: str | None) -> str:
    if not code:
        raise ApiError(
            400, "missing_parameter", "Missing required param: institution_id", "counterparty.institution_id"
        )
    if not (code.isascii() and code.isdigit() and len(code) in {4, 5}):
        raise _wrong("invalid_institution_id", "is no participant of SPEI", "institution_id")
    return code


def _chilean(fields: Body) -> Json:
    holder, number = fields.required_text("holder_id"), fields.required_text("account_number", longest=30)
    fields.required_text("holder_name")
    if not rut.is_valid(holder):
        raise _wrong("invalid_holder_id", "is not a valid RUT", "holder_id")
    if not (number.isascii() and number.isdigit()):
        raise _wrong("invalid_account_number", "must be digits", "account_number")
    kind = fields.choice("account_type", ACCOUNT_TYPES, required=True, code="invalid_account_type")
    code = fields.choice("institution_id", CHILEAN_INSTITUTIONS, required=True, code="invalid_institution_id")
    return _counterparty(fields, number, kind, code) | {"holder_id": rut.compact(holder)}


def _counterparty(fields: Body, number: str, kind: str, code: str) -> Json:
    return {
        "holder_id": fields.text("holder_id"),
        "holder_name": fields.text("holder_name"),
        "account_number": number,
        "account_type": kind,
        "email": fields.text("email"),
        "institution": institution(code),
    }


def simulated_sender(currency: str, fields: Body, chance: random.Random) -> Json:
    """The sender of a simulated transfer: who was named, and otherwise anybody.

    :raises ApiError: 400 ``invalid_clabe``.
    """
    if currency == "CLP":
        number = fields.text("account_number") or str(chance.randrange(10**8, 10**9))
        kind = fields.choice("account_type", ACCOUNT_TYPES, code="invalid_account_type") or ACCOUNT_TYPES[0]
        code = (
            fields.choice("institution_id", CHILEAN_INSTITUTIONS, code="invalid_institution_id")
            or CHILEAN_INSTITUTIONS[0]
        )
        digits = str(chance.randrange(10**7, 2 * 10**7))
        holder = digits + rut.calc_check_digit(digits)
    else:
        front = f"002969{chance.randrange(10**11):011d}"
        number = fields.text("account_number") or front + check_digit(front)
        if not is_clabe(number):
            raise _wrong("invalid_clabe", "is not a valid CLABE", "account_number")
        kind, code, holder = "clabe", participant(number), random_rfc(chance)
    values = _counterparty(fields, number, kind, code)
    return values | {"holder_id": values["holder_id"] or holder, "holder_name": values["holder_name"] or "Cliente Demo"}


def _wrong(code: str, why: str, name: str) -> ApiError:
    return ApiError(400, code, f"counterparty.{name} {why}", f"counterparty.{name}")
