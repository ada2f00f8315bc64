"""A passkey in software: an authenticator with one ES256 key, and the browser in front of it.

It answers as WebAuthn level 2 says, and each part of an answer can be made wrong, as an attacker would.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(content: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def decode(text: str) -> bytes:
    """What :func:`encode` wrote."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey and its browser.

    :param origin: the page that the browser is on; the relying party is the one that the page asks for.
    :param verified: whether the person is verified, by a PIN or a finger; ``present``: whether somebody touched it.
    :param counts: whether it counts its signatures, as security keys do and synchronised passkeys do not.
    :param frame: the page in whose frame the page is shown, if any.
    """

    origin: str
    seed: int = 1
    verified: bool = True
    present: bool = True
    counts: bool = False
    frame: str = ""
    sign_count: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    """The last options that it was called with."""

    def __post_init__(self) -> None:
        self._key = ec.derive_private_key(self.seed + 2**200, ec.SECP256R1())
        self.id = sha256(b"passkey %d" % self.seed).digest()

    @property
    def public_key(self) -> bytes:
        """The COSE key (RFC 9053, section 7.1)."""
        numbers = self._key.public_key().public_numbers()
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def create(self, options: str) -> str:
        """``navigator.credentials.create()``, in JSON."""
        self.options = json.loads(options)
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + self.public_key
        data = self._data(self.options["rp"]["id"], ATTESTED) + attested
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", self.options["challenge"])
        return self._answer(attestationObject=encode(attestation), clientDataJSON=encode(client_data))

    def get(self, options: str) -> str:
        """``navigator.credentials.get()``, in JSON."""
        self.options = json.loads(options)
        data = self._data(self.options["rpId"])
        client_data = self._client_data("webauthn.get", self.options["challenge"])
        signature = self._key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256(), deterministic_signing=True))
        return self._answer(
            authenticatorData=encode(data), clientDataJSON=encode(client_data), signature=encode(signature)
        )

    def _data(self, relying_party: str, flags: int = 0) -> bytes:
        self.sign_count += self.counts
        flags |= USER_PRESENT * self.present | USER_VERIFIED * self.verified
        return sha256(relying_party.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4)

    def _client_data(self, ceremony: str, challenge: str) -> bytes:
        content = {"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": bool(self.frame)}
        return json.dumps(content | ({"topOrigin": self.frame} if self.frame else {})).encode()

    def _answer(self, **response: str) -> str:
        return json.dumps(
            {
                "id": encode(self.id),
                "rawId": encode(self.id),
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )
