"""What is written into Banxico's form, and what its table shows of a payment."""

import re
from datetime import date

from rail_spei.cep.comparing import Expected, Field
from rail_spei.cep.pages import Page
from riel import Money


def filled_in(expected: Expected, day: date) -> dict[str, str]:
    """The form as the site's own page fills it in: by tracking key, for a CEP, paid to a third party."""
    return {
        "tipoCriterio": "T",
        "fecha": f"{day:%d-%m-%Y}",
        "criterio": expected.tracking_key,
        "emisor": expected.sender,
        "receptor": expected.receiver,
        "cuenta": expected.account,
        "monto": expected.pesos,
        "receptorParticipante": "0",
        "captcha": "c",
        "tipoConsulta": "1",
    }


def of_another(page: Page, expected: Expected) -> tuple[Field, ...]:
    """In what the payment that a page shows is not the expected one; what it does not show is no difference."""
    shown: tuple[tuple[Field, str, str], ...] = (
        ("claveRastreo", page.rows.get("clave de rastreo", ""), expected.tracking_key),
        ("MontoPago", _two_decimals(page.rows.get("monto", "")), expected.pesos),
        ("Cuenta", page.rows.get("cuenta beneficiaria", ""), expected.account),
    )
    return tuple(name for name, there, ours in shown if there and there != ours)


def _two_decimals(text: str) -> str:
    """Pesos as :attr:`Expected.pesos` writes them, where a table may say ``$9,200.0``."""
    try:
        return f"{Money.of_decimal(re.sub(r'[$, ]', '', text)[:20], 'MXN').decimal:f}"
    except ValueError:
        return ""
