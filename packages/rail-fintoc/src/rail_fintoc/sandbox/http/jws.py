"""Verifies the JWS of requests that move money, as Fintoc documents it: detached, and with one dot.

The signer of this package shares nothing with it: a mistake in shared code would pass unnoticed.
"""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from rail_fintoc.sandbox.errors import ApiError

HEADER = "fintoc-jws-signature"
WINDOW = timedelta(minutes=2)


class JwsVerifier:
    """Verifies with the registered public key of one mode, and keeps the nonces that were used."""

    def __init__(self, key: RSAPublicKey | None) -> None:
        self._key = key
        self._used: dict[str, datetime] = {}

    def verify(self, header: str | None, body: bytes, now: datetime) -> None:
        """Check that a request is signed, recent, and has an unused nonce.

        :raises ApiError: 401, with the code of what is wrong.
        """
        if self._key is None:
            raise _wrong("missing_active_jws_public_key", "The organisation has no active JWS public key")
        if not header:
            raise _wrong("missing_jws_signature_header", "The Fintoc-JWS-Signature header is missing")
        protected, dot, signature = header.partition(".")
        fields, signed = _object(_decoded(protected)), _decoded(signature)
        if not dot or fields is None or not signed:
            raise _wrong("invalid_jws_signature_header", "The header is not <protected header>.<signature>")
        nonce = _checked(fields, now)
        if nonce in self._used:
            raise _wrong("jws_nonce_already_used", "The nonce was used before")
        payload = base64.urlsafe_b64encode(body).rstrip(b"=")
        try:
            self._key.verify(signed, protected.encode() + b"." + payload, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise _wrong("invalid_jws_signature_header", "The signature does not fit the body") from None
        self._used = {old: at for old, at in self._used.items() if now - at <= 2 * WINDOW} | {nonce: now}


def _checked(fields: dict[str, Any], now: datetime) -> str:
    """The nonce of a valid protected header."""
    crit, nonce, at = fields.get("crit"), fields.get("nonce"), fields.get("ts")
    if fields.get("alg") != "RS256":
        raise _wrong("invalid_jws_signature_algorithm", "alg must be RS256")
    if not isinstance(crit, list) or not {"ts", "nonce"} <= {name for name in crit if isinstance(name, str)}:
        raise _wrong("invalid_jws_signature_header", "crit must name ts and nonce")
    if not isinstance(nonce, str) or not nonce:
        raise _wrong("invalid_jws_signature_nonce", "nonce must be a string")
    if at is None:
        raise _wrong("invalid_jws_signature_timestamp", "ts is missing")
    if isinstance(at, bool) or not isinstance(at, int):
        raise _wrong("invalid_jws_signature_timestamp_format", "ts must be whole seconds")
    if not 0 < at < 10**11:
        raise _wrong("invalid_jws_signature_timestamp_value", "ts is no time")
    if abs(at - now.timestamp()) > WINDOW.total_seconds():
        raise _wrong("invalid_jws_ts", "ts is too far from now")
    return nonce


def _decoded(part: str) -> bytes:
    """Decode base64url without padding; empty where it is not that."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return raw if "=" not in part else b""


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _wrong(code: str, message: str) -> ApiError:
    return ApiError(401, code, message)
