"""The text of a challenge, in English and Spanish: our facts, each on a line of its own, then the words of others.

The text is kept in the record with the account masked. The approver reads it with the whole account in groups of four
(:func:`approver_text`), an agent on one line and masked (:func:`summarize`). Text by the agent or the payee is bounded
and stands in quotation marks that it cannot contain, below a line of ours, so that it cannot pass for our words.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from riel.confirm.terms import Terms
from riel.money import Money, group_account, mask_account
from riel.rail import Mode
from riel.text import clean_text

Language = Literal["en", "es"]

MAX_CHALLENGE_TEXT = 1400
"""The most characters of a text. Each part has a bound of its own, so that no cut falls on an amount or a payee."""

NAME, INSTITUTION, ACCOUNT, PURPOSE, TITLE, REFERENCE, PAYER = 80, 60, 34, 140, 40, 64, 80
LABEL, DETAIL, DETAILS = 30, 60, 4

_QUOTES = '"\u201e\u2033\u2036\u3003\u301d\u301e\u301f\uff02'
"""Characters that look like quotation marks and are not in Unicode's classes Pi and Pf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorPayment:
    """A payment to the same account with the same amount that was confirmed before.

    :param count: how many there are; ``reference`` is the last one's.
    :param identical: whether every argument was the same.
    :param unresolved: whether what became of the last one is not known yet.
    """

    reference: str
    count: int = 1
    identical: bool = True
    unresolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a challenge says besides its terms.

    :param title: the title of the rail.
    :param payer: whose money leaves, in the words of :attr:`riel.RailSettings.payer_label`.
    :param purpose: the purpose of the payment, or the reason of the refund.
    :param details: further facts of the rail by their labels, such as the type of the account.
    :param reference: the reference of the payment that a refund pays back.
    :param by_others: whether payee and purpose are the provider's words and not the agent's.
    """

    title: str
    payer: str
    purpose: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    by_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    mode: dict[Mode, str]
    pay: str
    refund: str
    request: str
    original: str
    payer: str
    account: str
    institution: str
    by_agent: str
    by_others: str
    name: str
    purpose: str
    missing: str
    second: dict[str, str]
    nth: dict[str, str]
    identical: str
    alike: str
    unresolved: str


_PHRASES: dict[Language, _Phrases] = {
    "en": _Phrases(
        mode={"live": "", "test": "TEST - no real money", "sandbox": "SANDBOX - no real money"},
        pay="Pay {money} by {title}",
        refund="Take back {money} by {title}",
        request="No payment, but a request to {title} about {money}",
        original="Of the payment",
        payer="From",
        account="Account",
        institution="Institution",
        by_agent="In the agent's words",
        by_others="In the words of others",
        name="Payee",
        purpose="For",
        missing="WARNING: payments made since {since} UTC may be missing from the journal, perhaps this one too",
        second={"payment": "SECOND PAYMENT", "refund": "SECOND REFUND", "request": "SECOND REQUEST"},
        nth={"payment": "PAYMENT NUMBER {nth}", "refund": "REFUND NUMBER {nth}", "request": "REQUEST NUMBER {nth}"},
        identical="an identical one was made before ({earlier})",
        alike="one of the same amount to the same account was made before ({earlier})",
        unresolved=", and its outcome is not known yet",
    ),
    "es": _Phrases(
        mode={"live": "", "test": "PRUEBA - sin dinero real", "sandbox": "PRUEBA (sandbox) - sin dinero real"},
        pay="Pagar {money} por {title}",
        refund="Pedir la devolución de {money} por {title}",
        request="Ningún pago, sino una petición a {title} sobre {money}",
        original="Del pago",
        payer="De",
        account="Cuenta",
        institution="Institución",
        by_agent="En palabras del agente",
        by_others="En palabras de otros",
        name="Beneficiario",
        purpose="Concepto",
        missing="AVISO: en el registro pueden faltar pagos hechos desde {since} UTC, quizá también este",
        second={"payment": "SEGUNDO PAGO", "refund": "SEGUNDA DEVOLUCIÓN", "request": "SEGUNDA PETICIÓN"},
        nth={"payment": "PAGO NÚMERO {nth}", "refund": "DEVOLUCIÓN NÚMERO {nth}", "request": "PETICIÓN NÚMERO {nth}"},
        identical="ya se hizo antes exactamente lo mismo ({earlier})",
        alike="ya se hizo antes por el mismo monto y a la misma cuenta ({earlier})",
        unresolved=", y aún no se sabe qué pasó",
    ),
}

_ACCOUNT_LABELS = tuple(f"{phrases.account}: " for phrases in _PHRASES.values())
_OTHERS_HEADS = tuple(f"{phrases.by_others}:" for phrases in _PHRASES.values())


@dataclass(frozen=True, slots=True)
class ChallengeSummary:
    """A text as an agent reads it: our facts, and the words, on one line each; the account is masked."""

    facts: str
    words: str
    by_others: bool


def render_challenge(
    terms: Terms,
    wording: Wording,
    *,
    language: Language = "en",
    prior: PriorPayment | None = None,
    missing_since: datetime | None = None,
) -> str:
    """The terms in lines, with the account masked wherever it stands: facts, an empty line, then words of others.

    :param missing_since: payments that were made since may be missing: the journal was restored from a copy.
    """
    phrases = _PHRASES[language]
    facts = [_missing(phrases, missing_since), _warning(terms, phrases, prior)]
    facts += [phrases.mode[terms.mode], _task(terms, wording, phrases, language)]
    facts += [f"{phrases.original}: {_shown(wording.reference, REFERENCE)}"] * (terms.kind == "refund")
    facts.append(f"{phrases.payer}: {_shown(wording.payer, PAYER)}")
    facts.append(f"{phrases.account}: {_masked(terms.payee.account)}")
    names = [(phrases.name, terms.payee.name, NAME), (phrases.purpose, wording.purpose, PURPOSE)]
    institution = (phrases.institution, terms.payee.institution, INSTITUTION)
    if wording.by_others:
        names.insert(0, institution)
    else:
        facts += _quoted([institution], terms)
    facts += [
        f"{_shown(label, LABEL)}: {_shown(detail, DETAIL)}" for label, detail in [*wording.details.items()][:DETAILS]
    ]
    words = _quoted(names, terms)
    head = f"{phrases.by_others if wording.by_others else phrases.by_agent}:"
    return "\n".join([line for line in facts if line] + (["", head, *words] if words else []))


def approver_text(text: str, account: str) -> str:
    """A text of :func:`render_challenge` as the approver reads it: with the whole account."""
    facts, gap, words = text.partition("\n\n")
    masked, whole = _masked(account), _shown(group_account(account), ACCOUNT * 2)
    accounts = {f"{label}{masked}": f"{label}{whole}" for label in _ACCOUNT_LABELS}
    return "\n".join([accounts.get(line, line) for line in facts.split("\n")]) + gap + words


def summarize(text: str) -> ChallengeSummary:
    """A text of :func:`render_challenge` as an agent reads it."""
    facts, _, words = text.partition("\n\n")
    head, _, quoted = words.partition("\n")
    return ChallengeSummary("; ".join(facts.split("\n")), "; ".join(quoted.split("\n")), head in _OTHERS_HEADS)


def format_money(money: Money, language: Language) -> str:
    """``MXN 1,234.50``, in Spanish ``MXN 1 234.50``.

    A comma is a thousand in Mexico and a decimal in Chile; a space between thousands is read alike in both.
    """
    return str(money) if language == "en" else str(money).replace(",", " ")


def _missing(phrases: _Phrases, since: datetime | None) -> str:
    return "" if since is None else phrases.missing.format(since=f"{since.astimezone(UTC):%Y-%m-%d %H:%M}")


def _warning(terms: Terms, phrases: _Phrases, prior: PriorPayment | None) -> str:
    if prior is None:
        return ""
    nth = prior.count + 1
    alarm = phrases.second if nth == 2 else phrases.nth
    earlier = _shown(prior.reference, REFERENCE)
    why = (phrases.identical if prior.identical else phrases.alike).format(earlier=earlier)
    return f"{alarm[terms.kind].format(nth=nth)}: {why}{phrases.unresolved * prior.unresolved}"


def _task(terms: Terms, wording: Wording, phrases: _Phrases, language: Language) -> str:
    form = {"payment": phrases.pay, "refund": phrases.refund, "request": phrases.request}[terms.kind]
    return form.format(money=format_money(terms.money, language), title=_shown(wording.title, TITLE))


def _masked(account: str) -> str:
    return _shown(mask_account(account)[-ACCOUNT:], ACCOUNT)


def _quoted(parts: list[tuple[str, str, int]], terms: Terms) -> list[str]:
    """Texts by others in quotation marks, each with its label. The account is masked in them before they are cut."""
    lines = []
    for label, text, most in parts:
        clean = clean_text(text, most=len(text) + 1)
        characters = [re.escape(c) for c in terms.payee.account if c.isalnum()]
        if len(characters) > 6:
            clean = re.sub(r"[\W_]*".join(characters), _masked(terms.payee.account), clean, flags=re.IGNORECASE)
        if clean:
            lines.append(f"{label}: “{_shown(clean, most)}”")
    return lines


def _shown(text: str, most: int) -> str:
    """Clean, without quotation marks of any kind, and at most ``most`` characters."""
    if text.isascii():  # as nearly everything is
        return clean_text(text.replace('"', "'"), most)
    return clean_text("".join("'" if _quotes(c) else c for c in text), most)


def _quotes(character: str) -> bool:
    return character in _QUOTES or unicodedata.category(character) in {"Pi", "Pf"}
