"""What the pretend Fintoc gives a client that was given nothing: a test key, an account, and a key pair to sign with.

The two primes of the pair are printed here, which makes it worth nothing by construction: a bank that runs alone and
the servers that pay through it are processes of their own and must agree on one, and nobody may believe that it
protects anything. Whoever holds a real account must refuse it: ``is_published``.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from riel import Misconfigured

SECRET_KEY = "sk_test_riel"  # noqa: S105  # as public as the key pair
WEBHOOK_SECRET = "whsec_riel"  # noqa: S105
"""Of the endpoint that a setting names."""

EXPONENT = 65537
PRIMES = (
    int(
        "d6182b35703f0a6801933b77046ba45db2adb78fb4245afe8bbe8907fabe5219128c6450502ec2a0fc17d6754d17824039d0"
        "ff3726650709b6d81a6591143317222d16a1bde7e820c6a7f3d5e1d79cf4659b511c744fb5ab306969c7d1cb53c816521d2c"
        "00dd85e37f78f8632f4e13d20a2e2c21c4d1bc8f38c5c7e539719419",
        16,
    ),
    int(
        "ff44834b949b406d300eef73c1c8b120e1ab44834fe50168916acad277adcdbad738a3b19d38a6b4b6885634b85d0b535483"
        "4d2c2bbde33763ffbcc3e6302cb772008a2d8e194dc05ba0f46c125f9b7e4d93ea98bdb48b3081813defc107f6f6ecd84a00"
        "849c69b76d62e0c1a54bb9e366e76909540f5fb04a2ddb2d05638c31",
        16,
    ),
)


@cache
def published() -> rsa.RSAPublicKey:
    """The public half: what the pretend Fintoc verifies with."""
    return rsa.RSAPublicNumbers(EXPONENT, PRIMES[0] * PRIMES[1]).public_key()


def is_published(key: rsa.RSAPublicKey) -> bool:
    """Whether this is the key of this file, which must never sign for a real account."""
    return key.public_numbers() == published().public_numbers()


@cache
def key_file() -> Path:
    """The private half in a PEM file, once for each process: in a folder of its own, until the process ends.

    It is a file because a client is told the path of its key, and a private one because a client refuses a key that
    others can read. A process that is killed leaves it behind, which harms nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="riel-pretend-fintoc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "worthless.pem"
    _write(path, _private())
    return path


def made_at(path: Path) -> rsa.RSAPublicKey:
    """The public half of the pair at ``path``, which is made where there is none: only its owner can read it.

    :raises Misconfigured: it cannot be written, or there is something else.
    """
    try:
        if not path.exists():
            _write(path, rsa.generate_private_key(EXPONENT, 2048))
    except OSError as failure:
        raise Misconfigured(f"no JWS key pair can be written to {path}: {failure.strerror}") from failure
    return public_half(path)


def public_half(path: Path) -> rsa.RSAPublicKey:
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


def _write(path: Path, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def _private() -> rsa.RSAPrivateKey:
    p, q = PRIMES
    d = rsa.rsa_recover_private_exponent(EXPONENT, p, q)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=published().public_numbers(),
    ).private_key()
