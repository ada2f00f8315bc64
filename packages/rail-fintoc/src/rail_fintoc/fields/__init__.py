"""What an agent writes and what Fintoc says of a transfer: small functions over strings, and types for a schema."""

from rail_fintoc.fields.institutions import (
    CHILE,
    MEXICO,
    ChileanInstitution,
    MexicanInstitution,
    institution_name,
    institution_of,
)
from rail_fintoc.fields.payees import (
    AccountKind,
    AccountType,
    ChileanAccount,
    MexicanAccount,
    Phone,
    account_kind,
    account_of_either_country,
    chilean_account,
    mexican_account,
    needs_institution,
)
from rail_fintoc.fields.reasons import reason_code
from rail_fintoc.fields.rut import Rut, rut
from rail_fintoc.fields.statuses import FILTERS, FINAL, TransferState, return_state, transfer_state
from rail_fintoc.fields.text import CLP_CAP, CURRENCIES, Comment, Metadata, ReferenceId, metadata, within_cap

__all__ = [
    "CHILE",
    "CLP_CAP",
    "CURRENCIES",
    "FILTERS",
    "FINAL",
    "MEXICO",
    "AccountKind",
    "AccountType",
    "ChileanAccount",
    "ChileanInstitution",
    "Comment",
    "Metadata",
    "MexicanAccount",
    "MexicanInstitution",
    "Phone",
    "ReferenceId",
    "Rut",
    "TransferState",
    "account_kind",
    "account_of_either_country",
    "chilean_account",
    "institution_name",
    "institution_of",
    "metadata",
    "mexican_account",
    "needs_institution",
    "reason_code",
    "return_state",
    "rut",
    "transfer_state",
    "within_cap",
]
