"""The keys of the pretend Fintoc: a test API key, a webhook secret, and the key pair that signs where none is set."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from riel import Misconfigured
from riel.sandbox.kit import private_key_file, write_private_key

SECRET_KEY = "sk_test_riel"  # noqa: S105  # as public as the key pair
WEBHOOK_SECRET = "whsec_riel"  # noqa: S105
"""Of the endpoint that a setting names."""


def published_key_file() -> Path:
    """The published private key of ``riel.sandbox.kit`` in a PEM file, once for each process."""
    return private_key_file("fintoc")


def create_key_pair(path: Path) -> rsa.RSAPublicKey:
    """The public half of the key pair at ``path``, which is created where there is none: only its owner can read it.

    :raises Misconfigured: it cannot be written, or there is something else.
    """
    try:
        if not path.exists():
            write_private_key(path, rsa.generate_private_key(65537, 2048))
    except OSError as failure:
        raise Misconfigured(f"no JWS key pair can be written to {path}: {failure.strerror}") from failure
    return public_key_at(path)


def public_key_at(path: Path) -> rsa.RSAPublicKey:
    """The public half of the private key at ``path``.

    :raises Misconfigured: there is none, or it is no RSA key in PEM without a passphrase.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as failure:
        raise Misconfigured(f"the JWS private key {path} cannot be read: {failure.strerror}") from failure
    except (ValueError, TypeError, UnsupportedAlgorithm) as failure:
        raise Misconfigured(f"{path} holds no private key in PEM without a passphrase") from failure
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Misconfigured(f"{path} holds a key, and not an RSA one")
    return key.public_key()
