"""The bound code: six digits that are a MAC over one challenge, so that they confirm that payment and no other.

PSD2 calls this dynamic linking (RTS, article 5).
"""

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime

from riel.confirm.factor import ConfirmationRequest, Proof

DOMAIN = b"sca1"
KEY, NONCE, DIGEST = 32, 16, 32

_SIX_DIGITS = re.compile(r"[0-9]{6}")


def code_for(key: bytes, request: ConfirmationRequest) -> str:
    """The code that answers ``request``: HMAC-SHA256 over its id, nonce and digest; the first 8 bytes, modulo 10^6.

    Only the id has no fixed length, and the last 48 bytes do, so two requests never give the same message.
    """
    if (len(key), len(request.nonce), len(request.digest)) != (KEY, NONCE, DIGEST):
        raise ValueError("a code is made of a key of 32 bytes, a nonce of 16 and a digest of 32")
    message = DOMAIN + request.payment_id.encode() + request.nonce + request.digest
    return f"{int.from_bytes(hmac.digest(key, message, 'sha256')[:8]) % 10**6:06d}"


def is_well_formed(code: str) -> bool:
    """Whether ``code`` is six ASCII digits: no spaces, no other script's digits, no line end."""
    return _SIX_DIGITS.fullmatch(code) is not None


def codes_equal(code: str, right: str) -> bool:
    """Compare two codes in constant time."""
    return is_well_formed(code) and hmac.compare_digest(code.encode("ascii"), right.encode("ascii"))


@dataclass(frozen=True, slots=True)
class BoundCodeFactor:
    """The part of a factor that checks a bound code. A subclass delivers the code."""

    key: bytes = field(repr=False)

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """A proof if ``code`` was made for exactly this request. The challenge itself is used once."""
        return Proof() if codes_equal(code, code_for(self.key, request)) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether ``code`` is the one code of this request."""
        return codes_equal(code, code_for(self.key, request))
