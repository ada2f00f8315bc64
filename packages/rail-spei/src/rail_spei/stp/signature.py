"""The company's private key: it is read once, it signs, and nothing about it is ever shown.

STP asks for an RSA key in an encrypted PEM file, and for RSA PKCS#1 v1.5 with SHA-256, in base64. No error here keeps
its cause or says the path: an operator may have set the key itself in place of its path.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from riel import Misconfigured, read_private_file

FILE, PASSPHRASE = "RIEL_SPEI_PRIVATE_KEY", "RIEL_SPEI_PRIVATE_KEY_PASSPHRASE"
RENEW = "encrypt it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A key that signs for the company."""

    _key: RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path, passphrase: str) -> "SigningKey":
        """Load the key in the file at ``path``. Text before the key is ignored (``Bag Attributes`` of a ``.p12``).

        A key that is not encrypted is refused: STP's manual asks for a passphrase, and such a file alone would be
        enough to pay with.

        :raises Misconfigured: in one sentence that names the setting and shows nothing of either.
        """
        pem = read_private_file(path, FILE)
        if not passphrase:
            raise Misconfigured(f"{PASSPHRASE} is empty: set the passphrase that the private key is encrypted with")
        _check_encrypted(pem)
        try:
            key = load_pem_private_key(pem, passphrase.encode())
        except (ValueError, TypeError):
            raise Misconfigured(f"{PASSPHRASE} does not open the private key: correct it") from None
        except UnsupportedAlgorithm:
            raise Misconfigured(f"{FILE} is encrypted in a way that is not supported: {RENEW}") from None
        if not isinstance(key, RSAPrivateKey):
            raise Misconfigured(f"{FILE} holds a key that is not RSA: STP signs with RSA only")
        return cls(key)

    @property
    def public_key(self) -> RSAPublicKey:
        """The public key, with which STP verifies."""
        return self._key.public_key()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the public half in DER (``SubjectPublicKeyInfo``), as 64 hexadecimal digits."""
        return hashlib.sha256(self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def sign(self, cadena: str) -> str:
        """The ``firma`` of a text: standard base64 with padding, in one line."""
        return b64encode(self._key.sign(cadena.encode(), PKCS1v15(), SHA256())).decode()


def is_valid(public_key: RSAPublicKey, cadena: str, firma: str) -> bool:
    """Whether ``firma`` is the signature of ``cadena``, in its one canonical base64 form."""
    try:
        signature = b64decode(firma)
        public_key.verify(signature, cadena.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, NotBase64, ValueError):
        return False
    return b64encode(signature).decode() == firma


def _check_encrypted(pem: bytes) -> None:
    """Tell a bad file from a bad passphrase: loading an encrypted key without a passphrase raises ``TypeError``."""
    try:
        load_pem_private_key(pem, None)
    except TypeError:
        return
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(f"{FILE} is not a PEM file with a private key: {RENEW}") from None
    raise Misconfigured(f"{FILE} is not encrypted: {RENEW}")
