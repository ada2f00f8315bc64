"""The institutions that a payment can name: Chile's by Fintoc's ids, Mexico's by their codes in SPEI.

Both sets are open: an id of the right form that is not here is passed on, and Fintoc says whether it knows it. A name
that is here can be shown to the person who confirms.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

CHILE: Final[Mapping[str, str]] = {
    "cl_banco_bbva": "BBVA Chile",
    "cl_banco_bci": "Banco BCI",
    "cl_banco_bice": "Banco BICE",
    "cl_banco_consorcio": "Banco Consorcio",
    "cl_banco_coopeuch": "Coopeuch",
    "cl_banco_de_chile": "Banco de Chile",
    "cl_banco_estado": "BancoEstado",
    "cl_banco_falabella": "Banco Falabella",
    "cl_banco_hsbc": "HSBC Chile",
    "cl_banco_internacional": "Banco Internacional",
    "cl_banco_itau": "Banco Itaú",
    "cl_banco_ripley": "Banco Ripley",
    "cl_banco_santander": "Banco Santander Chile",
    "cl_banco_scotiabank": "Scotiabank Chile",
    "cl_banco_security": "Banco Security",
    "cl_copec_pay": "Copec Pay",
    "cl_mach": "MACH",
    "cl_mercado_pago": "Mercado Pago",
    "cl_prepago_los_heroes": "Prepago Los Héroes",
    "cl_tapp_caja_los_andes": "Tapp Caja Los Andes",
    "cl_tenpo": "Tenpo",
}
"""Source: the ids in Fintoc's documentation, as of 2026-11. Which of them take transfers differs."""

_MEXICO = """
2001 Banxico|37006 Bancomext|37009 Banobras|37019 Banjército|37135 Nafin|37166 Banco del Bienestar
37168 Hipotecaria Federal|40002 Banamex|40012 BBVA México|40014 Santander|40021 HSBC|40030 Bajío|40036 Inbursa
40042 Mifel|40044 Scotiabank|40058 Banregio|40059 Invex|40060 Bansí|40062 Afirme|40072 Banorte|40106 Bank of America
40108 MUFG|40110 JP Morgan|40112 Bmonex|40113 Ve por Más|40124 Citi México|40127 Azteca|40128 Autofin|40129 Barclays
40130 Compartamos|40132 Multiva|40133 Actinver|40136 Intercam Banco|40137 BanCoppel|40138 Ualá|40140 Consubanco
40141 Volkswagen|40143 CIBanco|40145 BBase|40147 Bankaool|40148 PagaTodo|40150 Inmobiliario|40151 Donde|40152 Bancrea
40154 Banco Covalto|40155 ICBC|40156 Sabadell|40157 Shinhan|40158 Mizuho|40159 Bank of China|40160 Banco S3
40167 Hey Banco|90600 Monexcb|90601 GBM|90602 Masari|90605 Value|90616 Finamex|90617 Valmex|90620 Profuturo
90630 CB Intercam|90631 CI Bolsa|90634 Fincomún|90638 Nu México|90646 STP|90652 Credicapital|90653 Kuspit|90656 Unagra
90659 ASP Integra OPC|90661 Klar|90670 Libertad|90677 Caja Popular Mexicana|90680 Cristóbal Colón
90683 Caja Telefonistas|90684 Transfer|90685 Fondo (FIRA)|90688 Crediclub|90689 Fomped|90699 Fondeadora|90703 Tesored
90706 Arcus FI|90710 NVIO|90714 PPBALANCEMX|90715 Cashi Cuenta|90720 MexPago|90721 Albo|90722 Mercado Pago W
90723 Cuenca|90725 Coopdesarrollo|90727 Transfer Directo|90728 Spin by OXXO|90729 Dep y Pag Dig|90730 Swap|90732 Peibo
90734 Finco Pay|90735 Fintoc (test mode)|90738 Fintoc|90901 CLS|90902 Indeval|90903 CoDi Valida
"""

MEXICO: Final[Mapping[str, str]] = {
    code: name for entry in _MEXICO.replace("\n", "|").split("|") if entry for code, _, name in [entry.partition(" ")]
}
"""Participants of SPEI by their codes. Source: the list in Fintoc's documentation, as of 2026-11.

The last three digits are those that the participant's CLABEs begin with.
"""

_BY_CLABE: Final = {code[-3:]: name for code, name in MEXICO.items()}


_CHILEAN: Final = re.compile("cl(?:_[a-z0-9]+)+")
_MEXICAN: Final = re.compile("2001|(?:37|40|90)[0-9]{3}")
"""Development banks begin with 37, commercial ones with 40, others with 90; 2001 is the central bank."""


def institution_of(clabe: str) -> str:
    """The name of the institution that a CLABE belongs to; empty where the table does not have it."""
    return _BY_CLABE.get(clabe[:3], "")


def institution_name(institution_id: str) -> str:
    """The name for an id of either country; empty where the tables do not have it."""
    return CHILE.get(institution_id) or MEXICO.get(institution_id, "")


def _chilean(text: str) -> str:
    if _CHILEAN.fullmatch(text) is None:
        raise PydanticCustomError("invalid_institution", "is not the id of an institution of Chile: cl_banco_estado")
    return text


def _mexican(text: str) -> str:
    if _MEXICAN.fullmatch(text) is None:
        raise PydanticCustomError(
            "invalid_institution", "is not the code of an institution in SPEI: five digits, such as 40012"
        )
    return text


ChileanInstitution = Annotated[
    str,
    AfterValidator(_chilean),
    Field(
        max_length=60,
        description="The payee's institution in Chile, by Fintoc's id.",
        json_schema_extra={"pattern": "^cl(_[a-z0-9]+)+$", "examples": sorted(CHILE)},
    ),
]
"""An id of an institution of Chile, known here or not."""

MexicanInstitution = Annotated[
    str,
    AfterValidator(_mexican),
    Field(
        description="The payee's institution in Mexico, by its code in SPEI; needed for a card or a telephone number.",
        json_schema_extra={"pattern": "^(2001|(37|40|90)[0-9]{3})$", "examples": ["40012", "40072", "90722"]},
    ),
]
"""A participant of SPEI, known here or not."""
