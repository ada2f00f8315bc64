"""Whether a ``Fintoc-JWS-Signature`` is one, step by step as Fintoc checks it, with Fintoc's code for each failure.

A pretend Fintoc needs it, and so does whoever wants to know why a signature is refused. Fintoc documents the codes and
not which step gives which; where that is a choice, it was made by the name of the code.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from rail_fintoc.api.json_body import unique_names
from rail_fintoc.api.jws import unpadded

WINDOW: Final = timedelta(minutes=2)
"""How far ``ts`` may be from the clock that checks it, on either side."""

LONGEST: Final = 10_000
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+")


class InvalidJws(Exception):
    """A signature that does not hold; ``code`` is Fintoc's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def verified_jws(
    public_key: RSAPublicKey, header: str | None, body: bytes, *, now: datetime, window: timedelta = WINDOW
) -> str:
    """The nonce of a signature that holds for exactly these bytes; that it is new is for the caller to see.

    :raises JwsFault: with the code that Fintoc would give.
    """
    if not header:
        raise InvalidJws("missing_jws_signature_header")
    first, dot, second = header.partition(".")
    if not dot or len(header) > LONGEST:
        raise InvalidJws("invalid_jws_signature_header")
    nonce = _checked(_protected(first), now, window)
    try:
        public_key.verify(_decoded(second), f"{first}.{unpadded(body)}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise InvalidJws("invalid_jws_signature_header") from None
    return nonce


def _checked(protected: Mapping[str, Any], now: datetime, window: timedelta) -> str:
    critical, nonce, at = protected.get("crit"), protected.get("nonce"), protected.get("ts")
    if protected.get("alg") != "RS256":
        raise InvalidJws("invalid_jws_signature_algorithm")
    # What is critical and unknown must be refused (RFC 7515, 4.1.11), so it is these two and nothing else.
    if not isinstance(critical, list) or len(critical) != 2 or {"ts", "nonce"} - {str(name) for name in critical}:
        raise InvalidJws("invalid_jws_signature_header")
    if not isinstance(nonce, str) or not nonce:
        raise InvalidJws("invalid_jws_signature_nonce")
    if at is None:
        raise InvalidJws("invalid_jws_signature_timestamp")
    if type(at) is not int:
        raise InvalidJws("invalid_jws_signature_timestamp_format")
    if abs(at - now.timestamp()) > window.total_seconds():
        raise InvalidJws("invalid_jws_signature_timestamp_value")
    return nonce


def _protected(text: str) -> Mapping[str, Any]:
    try:
        protected = json.loads(_decoded(text), object_pairs_hook=unique_names)
    except (ValueError, RecursionError):
        raise InvalidJws("invalid_jws_signature_header") from None
    if not isinstance(protected, dict):
        raise InvalidJws("invalid_jws_signature_header")
    return protected


def _decoded(text: str) -> bytes:
    """The bytes of base64url that is written in the one way in which it may be."""
    if _URL_SAFE.fullmatch(text) is None or len(text) % 4 == 1:
        raise InvalidJws("invalid_jws_signature_header")
    content = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    if unpadded(content) != text:
        raise InvalidJws("invalid_jws_signature_header")
    return content
