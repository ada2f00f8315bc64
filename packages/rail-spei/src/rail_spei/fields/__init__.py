"""What an agent writes and what SPEI carries of it: small functions over strings, and types that show in a schema."""

from rail_spei.fields.keys import KeyPrefix, NumericReference, TrackingKey, new_tracking_key, numeric_reference
from rail_spei.fields.taxpayers import NOT_AVAILABLE, Taxpayer, taxpayer
from rail_spei.fields.text import MAX_CARRIED, Concept, RecipientName, spei_name, spei_text

__all__ = [
    "MAX_CARRIED",
    "NOT_AVAILABLE",
    "Concept",
    "KeyPrefix",
    "NumericReference",
    "RecipientName",
    "Taxpayer",
    "TrackingKey",
    "new_tracking_key",
    "numeric_reference",
    "spei_name",
    "spei_text",
    "taxpayer",
]
