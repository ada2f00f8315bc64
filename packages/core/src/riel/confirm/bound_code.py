"""Six digits of our own that are right for one payment only: a MAC over the question, so there is no code to steal."""

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime

from riel.confirm.factor import ConfirmationRequest, Proof

DOMAIN = b"sca1"
KEY, NONCE, DIGEST = 32, 16, 32

_SIX_DIGITS = re.compile(r"[0-9]{6}")


def code_for(key: bytes, asked: ConfirmationRequest) -> str:
    """The code that answers ``asked``: HMAC-SHA256 over its id, nonce and digest; the first 8 bytes, modulo 10^6.

    The id alone has no fixed length, so what stands before the last 48 bytes can be read in one way only.
    """
    if (len(key), len(asked.nonce), len(asked.digest)) != (KEY, NONCE, DIGEST):
        raise ValueError("a code is made of a key of 32 bytes, a nonce of 16 and a digest of 32")
    message = DOMAIN + asked.payment_id.encode() + asked.nonce + asked.digest
    return f"{int.from_bytes(hmac.digest(key, message, 'sha256')[:8]) % 10**6:06d}"


def well_formed(code: str) -> bool:
    """Whether ``code`` is six ASCII digits: no spaces, no other script's digits, no line end."""
    return _SIX_DIGITS.fullmatch(code) is not None


def equal(code: str, right: str) -> bool:
    """Whether ``code`` is the right one, in a time that does not tell how much of it was right."""
    return well_formed(code) and hmac.compare_digest(code.encode("ascii"), right.encode("ascii"))


@dataclass(frozen=True, slots=True)
class OwnCodes:
    """The half of a factor that is the same wherever our own code is delivered: how an answer is checked."""

    key: bytes = field(repr=False)

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """A proof where ``code`` was made for exactly this question. The challenge itself is used once."""
        return Proof() if equal(code, code_for(self.key, request)) else None

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether it is that code: there is only one."""
        return equal(code, code_for(self.key, request))
