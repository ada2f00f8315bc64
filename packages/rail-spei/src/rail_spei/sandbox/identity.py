"""The key pair that a client of the pretend STP signs with, where the operator has set none.

Its two primes are printed here, which makes it worth nothing by construction: a bank that runs alone and the servers
that pay through it are processes of their own and must agree on one, and nobody may believe that it protects anything.
Whoever holds a real account must refuse it: ``is_published``.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

EMPRESA = "PRETEND"
ACCOUNT = "646180110400000007"
"""The ordering account of STP's own demonstrations."""

PASSPHRASE = "pretend"  # noqa: S105  # as public as the key
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
def published() -> rsa.RSAPublicKey:
    """The public half: what the pretend STP verifies with."""
    return rsa.RSAPublicNumbers(EXPONENT, PRIMES[0] * PRIMES[1]).public_key()


def is_published(key: rsa.RSAPublicKey) -> bool:
    """Whether this is the key of this file, which must never sign for a real account."""
    return key.public_numbers() == published().public_numbers()


@cache
def key_file() -> Path:
    """The private half in an encrypted PEM file, once for each process: in a folder of its own, until the process ends.

    It is a file because a client is told the path of its key, and a private one because a client refuses a key that
    others can read. A process that is killed leaves it behind, which harms nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="riel-pretend-stp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pem = _private().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    path = folder / "worthless.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return path


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
