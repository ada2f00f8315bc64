"""What an agent writes and what SPEI carries of it: small functions over strings, and types that show in a schema."""

from rail_spei.fields.clabe import Clabe, check_digit, clabe
from rail_spei.fields.keys import KeyPrefix, NumericReference, TrackingKey, minted, numeric_reference
from rail_spei.fields.taxpayers import NOT_AVAILABLE, Taxpayer, taxpayer
from rail_spei.fields.text import MOST_CARRIED, Concept, RecipientName, carried_name, folded

__all__ = [
    "MOST_CARRIED",
    "NOT_AVAILABLE",
    "Clabe",
    "Concept",
    "KeyPrefix",
    "NumericReference",
    "RecipientName",
    "Taxpayer",
    "TrackingKey",
    "carried_name",
    "check_digit",
    "clabe",
    "folded",
    "minted",
    "numeric_reference",
    "taxpayer",
]
