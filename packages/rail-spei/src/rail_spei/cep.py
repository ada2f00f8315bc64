"""The link to the CEP, Banxico's receipt for a credit, which a person reads on Banxico's own site."""

import re

BANXICO = "https://www.banxico.org.mx/cep"
"""The site of the CEP. Its form asks for everything about a payment, so the tracking key alone reveals nothing."""

_TO_A_CEP = re.compile(r"https://www\.banxico\.org\.mx/cep(?:-beta)?/go\?[A-Za-z0-9%&=+/._~-]{1,2000}", re.ASCII)


def cep_link(url_cep: str | None = None) -> str:
    """Return STP's link (``urlCEP``) where it leads to Banxico, else the link to the form, which a person fills in.

    People trust the link that they are shown, and it comes from outside, so the whole URL must match.
    """
    if url_cep is not None and _TO_A_CEP.fullmatch(url_cep):
        return url_cep
    return f"{BANXICO}/"
