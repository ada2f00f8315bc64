"""The CEP, Banxico's receipt for a credit: the only public proof that a SPEI payment settled.

A person gets the link; Banxico's form may be asked politely; what comes back, or what somebody hands in, is read with
suspicion and held against our own record, field by field. riel itself only shows the link; the rest is for an operator
who wants proof: ``CepSite().look_up(Expected(...))``.
"""

from rail_spei.cep.answers import (
    CaptchaDemanded,
    Differs,
    Found,
    Later,
    NotGenerated,
    NotMatched,
    NotReceived,
    Outcome,
    RateLimited,
    SiteTrouble,
    StateAtBanxico,
)
from rail_spei.cep.asking import CepSite
from rail_spei.cep.comparing import Expected, Field, HandedIn, calendar_date, differences, handed_in
from rail_spei.cep.document import read_cep
from rail_spei.cep.links import BANXICO, cep_link
from rail_spei.cep.names import NameMatch, names_match
from rail_spei.cep.receipt import Cep, NotACep, Party

__all__ = [
    "BANXICO",
    "CaptchaDemanded",
    "Cep",
    "CepSite",
    "Differs",
    "Expected",
    "Field",
    "Found",
    "HandedIn",
    "Later",
    "NameMatch",
    "NotACep",
    "NotGenerated",
    "NotMatched",
    "NotReceived",
    "Outcome",
    "Party",
    "RateLimited",
    "SiteTrouble",
    "StateAtBanxico",
    "calendar_date",
    "cep_link",
    "differences",
    "handed_in",
    "names_match",
    "read_cep",
]
