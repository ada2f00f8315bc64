"""Prove that an address of this machine leads to a pretend bank, and not through a relay to a real one.

A pretend bank answers a nonce at ``GET /_sandbox/proof`` with a MAC under a key that is printed here. No provider has
the key, and a relay can only pass on what its provider answers.
"""

import hashlib
import hmac
import http.client
import json
import re
import secrets
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

from riel.addresses import is_loopback

PATH = "/_sandbox/proof"
KEY = b"riel: no provider answers with this key"
NONCE = re.compile(r"[0-9a-f]{32,64}")
TIMEOUT = 2.0
"""Seconds to connect, and to wait for each part of the answer."""
MAX_ANSWER = 1000

Proves = Callable[[str], bool]
"""Whether a pretend bank answers at an address."""


def prove(nonce: str) -> str:
    """The answer of a pretend bank to ``nonce``: an HMAC-SHA-256 in hexadecimal digits.

    :raises ValueError: the nonce is not 32 to 64 hexadecimal digits.
    """
    if NONCE.fullmatch(nonce) is None:
        raise ValueError("nonce must be 32 to 64 hexadecimal digits")
    return hmac.digest(KEY, nonce.encode(), hashlib.sha256).hex()


def is_pretend_bank(base_url: str) -> bool:
    """Ask the address for a proof. No answer within two seconds, or any other answer, proves nothing."""
    if not is_loopback(base_url) or (parts := urlsplit(base_url)).scheme != "http":
        return False
    nonce = secrets.token_hex(16)
    try:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        with closing(connection):
            connection.request("GET", f"{PATH}?nonce={nonce}")
            response = connection.getresponse()
            answer = json.loads(response.read(MAX_ANSWER)) if response.status == http.client.OK else None
        proof = answer["proof"] if isinstance(answer, dict) else ""
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False
    return isinstance(proof, str) and hmac.compare_digest(proof.encode(), prove(nonce).encode())
