"""What an agent writes and what Fintoc says of a transfer: small functions over strings, and types for a schema."""

from rail_fintoc.fields.clabe import Clabe, check_digit, clabe
from rail_fintoc.fields.institutions import (
    CHILE,
    MEXICO,
    ChileanInstitution,
    MexicanInstitution,
    institution_name,
    institution_of,
)
from rail_fintoc.fields.payees import (
    AccountType,
    ChileanAccount,
    MexicanAccount,
    Phone,
    Reach,
    chilean_account,
    mexican_account,
    needs_institution,
    reach_of,
)
from rail_fintoc.fields.reasons import native_reason
from rail_fintoc.fields.rut import Rut, rut
from rail_fintoc.fields.statuses import FILTERS, FINAL, Standing, giving_back, paying_out
from rail_fintoc.fields.text import CLP_CAP, CURRENCIES, Comment, Metadata, ReferenceId, metadata, within_cap

__all__ = [
    "CHILE",
    "CLP_CAP",
    "CURRENCIES",
    "FILTERS",
    "FINAL",
    "MEXICO",
    "AccountType",
    "ChileanAccount",
    "ChileanInstitution",
    "Clabe",
    "Comment",
    "Metadata",
    "MexicanAccount",
    "MexicanInstitution",
    "Phone",
    "Reach",
    "ReferenceId",
    "Rut",
    "Standing",
    "check_digit",
    "chilean_account",
    "clabe",
    "giving_back",
    "institution_name",
    "institution_of",
    "metadata",
    "mexican_account",
    "native_reason",
    "needs_institution",
    "paying_out",
    "reach_of",
    "rut",
    "within_cap",
]
