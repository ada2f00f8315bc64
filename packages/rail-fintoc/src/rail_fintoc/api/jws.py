"""The organisation's JWS key: it is read once, it signs the exact bytes of a request, and it is never shown.

Fintoc's form is its own: RS256 over ``P.B``, of which only ``P.S`` is sent, with one dot and not the two of RFC 7515.
No error here keeps its cause or says the path: somebody may have put the key itself where its path belongs.
"""

import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from riel import Misconfigured, read_private_file

HEADER: Final = "Fintoc-JWS-Signature"
FILE: Final = "RIEL_FINTOC_JWS_PRIVATE_KEY"

FEWEST_BITS: Final = 2048


def fresh_nonce() -> str:
    """16 random bytes as 32 hexadecimal digits. Fintoc takes each once, so every attempt has its own."""
    return secrets.token_hex(16)


def unpadded(content: bytes) -> str:
    """base64url without its padding, as JWS writes everything."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True, eq=False)
class JwsKey:
    """A key whose public half is registered with Fintoc, for the mode in which it is used."""

    _key: RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> "JwsKey":
        """The key in the PEM file at ``path``, as ``openssl genrsa`` writes it.

        :raises Misconfigured: in one sentence that names the setting and shows nothing of the file.
        """
        pem = read_private_file(path, FILE)
        try:
            key = load_pem_private_key(pem, None)
        except TypeError:
            raise Misconfigured(f"{FILE} is encrypted: write it without a passphrase, with `openssl rsa`") from None
        except (ValueError, UnsupportedAlgorithm):
            raise Misconfigured(f"{FILE} is not a PEM file with a private key: see `openssl genrsa`") from None
        if not isinstance(key, RSAPrivateKey):
            raise Misconfigured(f"{FILE} holds a key that is not RSA: Fintoc takes RS256 only")
        if key.key_size < FEWEST_BITS:
            raise Misconfigured(f"{FILE} holds an RSA key of fewer than {FEWEST_BITS} bits: make a longer one")
        return cls(key)

    @property
    def public_key(self) -> RSAPublicKey:
        """The half that Fintoc has, and verifies with."""
        return self._key.public_key()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the public half in DER (``SubjectPublicKeyInfo``), in hexadecimal digits."""
        return sha256(self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def signature(self, body: bytes, *, now: datetime, nonce: str) -> str:
        """The value of ``Fintoc-JWS-Signature`` for exactly these bytes, at that time.

        :param now: with a zone; Fintoc takes it for about two minutes.
        """
        if now.utcoffset() is None:
            raise ValueError("a signature needs a time with a zone")
        protected = {"alg": "RS256", "nonce": nonce, "ts": int(now.timestamp()), "crit": ["ts", "nonce"]}
        first = unpadded(json.dumps(protected, separators=(",", ":")).encode())
        signed = self._key.sign(f"{first}.{unpadded(body)}".encode(), PKCS1v15(), SHA256())
        return f"{first}.{unpadded(signed)}"
