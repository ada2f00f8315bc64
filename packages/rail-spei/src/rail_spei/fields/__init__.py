"""The fields of a payment, as an agent writes them (schema types) and as SPEI carries them (functions over strings)."""

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
