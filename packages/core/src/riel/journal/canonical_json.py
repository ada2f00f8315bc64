"""The JSON of the journal's bodies and maps, which is hashed and compared as text."""

import json
from collections.abc import Mapping
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(body: Mapping[str, Any]) -> str:
    """JSON that is the same for the same content."""
    return _ENCODER.encode(body)
