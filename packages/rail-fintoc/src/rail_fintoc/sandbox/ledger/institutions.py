"""Banks and destinations as the pretend Fintoc sees them: what a CLABE, a card or a RUT tells, and what is none."""

import random

from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.magic import check_digit

DEVELOPMENT = {"006", "009", "019", "135", "166", "168"}
"""Development banks, whose codes at Banxico begin with 37; below 600 the others are commercial banks, with 40."""

NAMES = {"90735": "FINTOC", "90738": "FINTOC", "40012": "BBVA MEXICO", "40002": "BANAMEX", "90646": "STP"}
CHILEAN_INSTITUTIONS = (
    *("cl_banco_estado", "cl_banco_de_chile", "cl_banco_santander", "cl_banco_bci", "cl_banco_bice", "cl_banco_itau"),
    *("cl_banco_scotiabank", "cl_banco_falabella", "cl_banco_ripley", "cl_banco_security", "cl_banco_consorcio"),
    *("cl_banco_internacional", "cl_banco_coopeuch", "cl_banco_bbva", "cl_banco_hsbc", "cl_mercado_pago", "cl_mach"),
    *("cl_tenpo", "cl_tapp_caja_los_andes", "cl_copec_pay", "cl_prepago_los_heroes"),
)
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


def random_rfc(chance: random.Random) -> str:
    """The RFC of somebody who does not exist."""
    deliveries = (
        chance.choice(CONSONANTS) + chance.choice(VOWELS) + chance.choice(CONSONANTS) + chance.choice(CONSONANTS)
    )
    born = f"{chance.randrange(50, 99):02d}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
    return f"{deliveries}{born}{chance.choice(CONSONANTS)}{chance.choice(CONSONANTS)}{chance.randrange(10)}"
