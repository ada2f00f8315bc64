"""Banks and destinations as the pretend Fintoc sees them: what a CLABE, a card or a RUT tells, and what is none."""

import random

from stdnum import luhn
from stdnum.cl import rut

from rail_fintoc.sandbox.magic import check_digit
from rail_fintoc.sandbox.reading import Body
from rail_fintoc.sandbox.refusing import Refused
from rail_fintoc.sandbox.world import Json

DEVELOPMENT = {"006", "009", "019", "135", "166", "168"}
"""Development banks, whose codes at Banxico begin with 37; below 600 the others are commercial banks, with 40."""

NAMES = {"90735": "FINTOC", "90738": "FINTOC", "40012": "BBVA MEXICO", "40002": "BANAMEX", "90646": "STP"}
CHILEAN = (
    *("cl_banco_estado", "cl_banco_de_chile", "cl_banco_santander", "cl_banco_bci", "cl_banco_bice", "cl_banco_itau"),
    *("cl_banco_scotiabank", "cl_banco_falabella", "cl_banco_ripley", "cl_banco_security", "cl_banco_consorcio"),
    *("cl_banco_internacional", "cl_banco_coopeuch", "cl_banco_bbva", "cl_banco_hsbc", "cl_mercado_pago", "cl_mach"),
    *("cl_tenpo", "cl_tapp_caja_los_andes", "cl_copec_pay", "cl_prepago_los_heroes"),
)
ACCOUNT_TYPES = ("checking_account", "sight_account", "savings_account")
VOWELS, CONSONANTS = "AEIOU", "BCDFGHJKLMNPRSTVZ"


def participant(clabe: str) -> str:
    """The code at Banxico of the bank whose three digits a CLABE begins with."""
    bank = clabe[:3]
    if bank == "001":
        return "2001"
    return f"{'37' if bank in DEVELOPMENT else '40' if bank < '600' else '90'}{bank}"


def institution(code: str) -> Json:
    """An institution as a counterparty tells it."""
    if code.startswith("cl_"):
        return {"id": code, "name": code.removeprefix("cl_").replace("_", " ").title(), "country": "cl"}
    return {"id": code, "name": NAMES.get(code, f"PARTICIPANTE {code}"), "country": "mx"}


def is_clabe(number: str) -> bool:
    """18 digits whose last one is right."""
    digits = number.isascii() and number.isdigit()
    return digits and len(number) == 18 and check_digit(number[:17]) == number[17]


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


def person(chance: random.Random) -> str:
    """The RFC of somebody who does not exist."""
    letters = chance.choice(CONSONANTS) + chance.choice(VOWELS) + chance.choice(CONSONANTS) + chance.choice(CONSONANTS)
    born = f"{chance.randrange(50, 99):02d}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
    return f"{letters}{born}{chance.choice(CONSONANTS)}{chance.choice(CONSONANTS)}{chance.randrange(10)}"


def _wrong(code: str, why: str, name: str) -> Refused:
    return Refused(400, code, f"counterparty.{name} {why}", f"counterparty.{name}")
