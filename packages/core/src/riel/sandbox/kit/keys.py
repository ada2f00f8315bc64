"""One published RSA key pair, with which the client of a pretend bank signs where the operator has set no key.

Its two primes are printed here, so it protects nothing. It is published because a bank that runs alone and the servers
that pay through it are separate processes and must agree on a key. A rail refuses it for a real account: its settings
compare the ``fingerprint`` of the operator's key with that of this one.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

EXPONENT = 65537
PRIMES = (
    int(
        "f9842e07aef516e1c954999e41417045980b2836f227c44d9775137a41ebdb4d1d9cc60fa79b5ef8791412375a1ce0d28dd4"
        "343f79078416bfe9df0a2068934c45cfa6f5d6618d56b37239772b44bc2f090dcf80b7ebef85e18ea478d729c9e7de67444e"
        "39779576fec703b72e1d32b0cb17cf1309238227339dd91ab1600e8f",
        16,
    ),
    int(
        "da2604daf186aa83fe07b590d1f107d69038af177ab11e4543bdb743baaf0a93c04b6f2124ab3e6603485fbccd5c6bda36d2"
        "20aad002e5c4652bdc47b8db5e85f2fd12bab6440750249f17e886dc043b121fb8264094b610615f3e1aa2a3a00aa05ad1b6"
        "06022062fd45873006e9bcc8dc332a43262fa625f551d7b19ef42cd9",
        16,
    ),
)


@cache
def published_key() -> "RSAPrivateKey":
    """The published private key: RSA, 2048 bits. A pretend bank verifies with its public half."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    p, q = PRIMES
    d = rsa.rsa_recover_private_exponent(EXPONENT, p, q)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    ).private_key()


def fingerprint(key: "RSAPublicKey") -> str:
    """SHA-256 over the public key in DER (``SubjectPublicKeyInfo``), as 64 hexadecimal digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@cache
def private_key_file(rail: str, passphrase: str = "") -> Path:
    """The published private key in a PEM file (PKCS#8) that only its owner can read, once for each process.

    It is removed with its folder when the process ends; a process that is killed leaves it behind, which harms nobody.

    :param passphrase: what the file is encrypted with; not encrypted where it is empty.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"riel-sandbox-{rail}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_private_key(folder / "worthless.pem", published_key(), passphrase)


def write_private_key(path: Path, key: "RSAPrivateKey", passphrase: str = "") -> Path:
    """Write ``key`` to a new file that only its owner can read, as PEM (PKCS#8).

    :raises FileExistsError: there is a file already.
    """
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return path
