"""The page to which passkeys belong, and what one of them signed there: as a browser writes it, and as it is stored."""

import ipaddress
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

MAX_ANSWER = 32_768
"""The most characters of a browser's answer. One without attestation has about a thousand."""


class PasskeyRefused(ValueError):
    """A passkey's answer proves nothing. The message is one sentence for the person, without a key or a signature."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The page to which passkeys belong: ``https://pay.example.com``, or ``http://localhost:8555``.

    :param origin: scheme, name and port, as a browser writes them.
    """

    origin: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.origin)
        name = parts.hostname or ""
        written = f"{parts.scheme}://{name}{f':{parts.port}' if parts.port else ''}"
        secure = parts.scheme == "https" or (parts.scheme == "http" and name == "localhost")
        if not secure or self.origin != written or _is_address(name):
            raise ValueError(
                "passkeys belong to a name and not to an address: the page is https://<name>, or http://localhost with "
                "its port"
            )

    @property
    def id(self) -> str:
        """The name to which the passkeys are bound, whatever the port."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a passkey signed, whole, so that it can be verified again.

    :param nonce: the nonce of the statement.
    """

    credential: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    nonce: bytes

    @classmethod
    def of_answer(cls, answer: str, nonce: bytes) -> Self:
        """Read what ``navigator.credentials.get()`` returned, as ``PublicKeyCredential.toJSON()`` writes it.

        :raises PasskeyRefused: it is no such thing.
        """
        if len(answer) > MAX_ANSWER:
            raise PasskeyRefused("this is no answer of a passkey: it is far too long")
        try:
            content = json.loads(answer)
            response = content["response"]
            assertion = cls(
                credential=read_text(content["id"]),
                authenticator_data=from_base64url(response["authenticatorData"]),
                client_data=from_base64url(response["clientDataJSON"]),
                signature=from_base64url(response["signature"]),
                nonce=nonce,
            )
        except (ValueError, TypeError, KeyError, RecursionError) as failure:
            raise PasskeyRefused("this is no answer of a passkey") from failure
        return assertion

    def to_proof(self) -> dict[str, str]:
        """What the journal keeps with the decision."""
        return {
            "authenticatorData": to_base64url(self.authenticator_data),
            "clientDataJSON": to_base64url(self.client_data),
            "signature": to_base64url(self.signature),
            "nonce": to_base64url(self.nonce),
        }

    @classmethod
    def of_proof(cls, credential: str, proof: Mapping[str, str]) -> Self:
        """Read what :meth:`to_proof` wrote.

        :raises PasskeyRefused: it is no such thing.
        """
        try:
            return cls(
                credential=credential,
                authenticator_data=from_base64url(proof["authenticatorData"]),
                client_data=from_base64url(proof["clientDataJSON"]),
                signature=from_base64url(proof["signature"]),
                nonce=from_base64url(proof["nonce"]),
            )
        except (ValueError, TypeError, KeyError) as failure:
            raise PasskeyRefused("the stored proof is no answer of a passkey") from failure


def read_client_data(written: bytes) -> Mapping[str, object]:
    """What the browser says of the ceremony (WebAuthn, section 5.8.1).

    :raises PasskeyRefused: it is no object in JSON.
    """
    try:
        content = json.loads(written)
    except (ValueError, RecursionError) as failure:
        raise PasskeyRefused("this is no answer of a passkey") from failure
    if not isinstance(content, dict):
        raise PasskeyRefused("this is no answer of a passkey")
    return content


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return not name
    return True


def read_text(value: object) -> str:
    """The value, where it is a text.

    :raises TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError("is no text")
    return value


def to_base64url(content: bytes) -> str:
    """Base64url without padding, as WebAuthn writes bytes."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def from_base64url(text: object) -> bytes:
    """What :func:`to_base64url` wrote.

    :raises ValueError: it is written in any other way; a :class:`TypeError` where it is no text.
    """
    written = read_text(text)
    content = urlsafe_b64decode(written + "=" * (-len(written) % 4))
    if to_base64url(content) != written:
        raise ValueError("is not base64url")
    return content
