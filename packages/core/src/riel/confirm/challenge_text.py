"""The text of a challenge, in English and Spanish: what is done, how much is paid, to whom and by which rail.

Text by the agent or the payee stands in quotation marks that it cannot contain, so that it cannot pass for our words.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from riel.confirm.terms import Terms
from riel.money import Money, mask_account
from riel.rail import Mode
from riel.text import clean_text

Language = Literal["en", "es"]

MAX_CHALLENGE_TEXT = 800
"""The most characters of a text. Each part has a bound of its own, so that no cut falls on an amount or a payee."""

NAME, INSTITUTION, ACCOUNT, PURPOSE, TITLE, REFERENCE, PAYER = 80, 60, 34, 140, 40, 64, 80

_QUOTES = '"\u201e\u2033\u2036\u3003\u301d\u301e\u301f\uff02'
"""Characters that look like quotation marks and are not in Unicode's classes Pi and Pf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    mode: dict[Mode, str]
    pay: str
    refund: str
    request: str
    payer: str
    named: str
    nameless: str
    purpose: str
    second: dict[str, str]
    nth: dict[str, str]


_PHRASES: dict[Language, _Phrases] = {
    "en": _Phrases(
        mode={"live": "", "test": "TEST - no real money. ", "sandbox": "SANDBOX - no real money. "},
        pay="Pay {money}{payer} to {payee} by {title}",
        refund="Take back {money} of the payment {reference}{payer} to {payee} by {title}",
        request="No payment, but a request{payer} to {title} about {money} and {payee}",
        payer=" from {payer}",
        named="{name} (account {account})",
        nameless="account {account}",
        purpose=", for {purpose}",
        second={
            "payment": "SECOND PAYMENT: an identical one was made before ({earlier}). ",
            "refund": "SECOND REFUND: an identical one was made before ({earlier}). ",
            "request": "SECOND REQUEST: an identical one was made before ({earlier}). ",
        },
        nth={
            "payment": "PAYMENT NUMBER {nth}: identical ones were made before (the last is {earlier}). ",
            "refund": "REFUND NUMBER {nth}: identical ones were made before (the last is {earlier}). ",
            "request": "REQUEST NUMBER {nth}: identical ones were made before (the last is {earlier}). ",
        },
    ),
    "es": _Phrases(
        mode={"live": "", "test": "PRUEBA - sin dinero real. ", "sandbox": "PRUEBA (sandbox) - sin dinero real. "},
        pay="Pagar {money}{payer} a {payee} por {title}",
        refund="Pedir la devolución de {money} del pago {reference}{payer} a {payee} por {title}",
        request="Ningún pago, sino una petición{payer} a {title} sobre {money} y {payee}",
        payer=" desde {payer}",
        named="{name} (cuenta {account})",
        nameless="la cuenta {account}",
        purpose=", concepto {purpose}",
        second={
            "payment": "SEGUNDO PAGO: ya se hizo uno idéntico ({earlier}). ",
            "refund": "SEGUNDA DEVOLUCIÓN: ya se hizo una idéntica ({earlier}). ",
            "request": "SEGUNDA PETICIÓN: ya se hizo una idéntica ({earlier}). ",
        },
        nth={
            "payment": "PAGO NÚMERO {nth}: ya se hicieron otros idénticos (el último es {earlier}). ",
            "refund": "DEVOLUCIÓN NÚMERO {nth}: ya se hicieron otras idénticas (la última es {earlier}). ",
            "request": "PETICIÓN NÚMERO {nth}: ya se hicieron otras idénticas (la última es {earlier}). ",
        },
    ),
}


def render_challenge(
    terms: Terms,
    *,
    title: str,
    payer: str,
    purpose: str = "",
    reference: str = "",
    language: Language = "en",
    duplicate_of: str | None = None,
    nth: int = 2,
) -> str:
    """The terms on one line, with the account masked wherever it stands.

    :param title: the title of the rail.
    :param payer: whose money leaves, in the words of :attr:`riel.RailSettings.payer_label`.
    :param purpose: the purpose of the payment, or the reason of the refund.
    :param reference: the reference of the payment that a refund pays back.
    :param duplicate_of: the reference of the last identical payment or refund in the duplicate window; this one is then
        the ``nth``.
    """
    phrases = _PHRASES[language]
    warning = ""
    if duplicate_of is not None:
        alarm = phrases.second if nth == 2 else phrases.nth
        warning = alarm[terms.kind].format(nth=nth, earlier=_shown(duplicate_of, REFERENCE))
    form = {"payment": phrases.pay, "refund": phrases.refund, "request": phrases.request}[terms.kind]
    what = form.format(
        money=format_money(terms.money, language),
        payer=phrases.payer.format(payer=_shown(payer, PAYER)),
        payee=_payee(terms, phrases),
        title=_shown(title, TITLE),
        reference=_shown(reference, REFERENCE),
    )
    why = phrases.purpose.format(purpose=_quoted(purpose, PURPOSE, terms)) if purpose.strip() else ""
    return " ".join(f"{warning}{phrases.mode[terms.mode]}{what}{why}.".split())


def format_money(money: Money, language: Language) -> str:
    """``MXN 1,234.50``, in Spanish ``MXN 1 234.50``.

    A comma is a thousand in Mexico and a decimal in Chile; a space between thousands is read alike in both.
    """
    return str(money) if language == "en" else str(money).replace(",", " ")


def _payee(terms: Terms, phrases: _Phrases) -> str:
    account = _masked(terms.payee.account)
    if terms.payee.institution.strip():
        account += f", {_quoted(terms.payee.institution, INSTITUTION, terms)}"
    if not terms.payee.name.strip():
        return phrases.nameless.format(account=account)
    return phrases.named.format(name=_quoted(terms.payee.name, NAME, terms), account=account)


def _masked(account: str) -> str:
    return clean_text(mask_account(account)[-ACCOUNT:])


def _quoted(text: str, most: int, terms: Terms) -> str:
    """Text by others in quotation marks. The account number is masked in it before it is cut."""
    clean = clean_text(text, most=len(text) + 1)
    characters = [re.escape(c) for c in terms.payee.account if c.isalnum()]
    if len(characters) > 6:
        clean = re.sub(r"[\W_]*".join(characters), _masked(terms.payee.account), clean, flags=re.IGNORECASE)
    return f"“{_shown(clean, most)}”"


def _shown(text: str, most: int) -> str:
    """Clean, without quotation marks of any kind, and at most ``most`` characters."""
    return clean_text("".join("'" if _quotes(c) else c for c in text), most)


def _quotes(character: str) -> bool:
    return character in _QUOTES or unicodedata.category(character) in {"Pi", "Pf"}
