"""A person's credentials: a passkey, an authenticator app, or a telephone. Each counts once an admin activated it."""

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from riel.confirm.document import Document, Instant
from riel.text import SingleLine

CredentialKind = Literal["passkey", "totp", "phone"]

READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and letters without those that are taken for others (Crockford's base 32)."""

CredentialId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,1400}$")]
"""In base64url, as the browser writes a passkey's id, which has at most 1023 bytes (WebAuthn, section 4)."""

PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""A telephone number as E.164 writes it: ``+525512345678``."""

_FIELD_OF: dict[CredentialKind, str] = {"passkey": "public_key", "totp": "key_id", "phone": "number"}


class CredentialState(StrEnum):
    """``inactive`` until an admin compared its fingerprint with the person; ``revoked`` for good."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    REVOKED = "revoked"


class Credential(Document):
    """What proves one person's decisions. It holds no secret.

    :param label: the person's own name for it: ``telephone``.
    :param public_key: of a passkey: the COSE key in base64url.
    :param sign_count: of a passkey: the authenticator's counter at the enrolment. Many authenticators count nothing.
    :param key_id: of an authenticator app: the version of the server's key from which its secret is derived.
    :param number: of a telephone, to which bound codes are sent.
    """

    id: CredentialId
    kind: CredentialKind
    created_at: Instant
    label: SingleLine = ""
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", max_length=8000)] = ""
    sign_count: Annotated[int, Field(ge=0, lt=2**32)] = 0
    key_id: SingleLine = ""
    number: PhoneNumber | Literal[""] = ""
    activated_at: Instant | None = None
    activated_by: str = ""
    revoked_at: Instant | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Credential":
        filled = {name for name in _FIELD_OF.values() if getattr(self, name)}
        if filled != {_FIELD_OF[self.kind]}:
            raise ValueError(f"a credential of the kind {self.kind} has its {_FIELD_OF[self.kind]}, and nothing else")
        if self.sign_count and self.kind != "passkey":
            raise ValueError("only a passkey has a sign_count")
        if bool(self.activated_by) != bool(self.activated_at):
            raise ValueError("an active credential says when and by whom it was activated")
        return self

    @property
    def state(self) -> CredentialState:
        """What the credential is now."""
        if self.revoked_at is not None:
            return CredentialState.REVOKED
        return CredentialState.INACTIVE if self.activated_at is None else CredentialState.ACTIVE

    @property
    def fingerprint(self) -> str:
        """80 bits of the credential for two people who compare it: ``7K2M 9QDX 0FTW 4HRC``."""
        fields = ("riel-credential-1", self.kind, self.id, self.public_key, self.key_id, self.number)
        parts = [field.encode() for field in fields]
        hashed = hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()
        number = int.from_bytes(hashed[:10])
        text = "".join(READABLE[number >> shift & 31] for shift in range(75, -1, -5))
        return " ".join(text[start : start + 4] for start in range(0, 16, 4))
