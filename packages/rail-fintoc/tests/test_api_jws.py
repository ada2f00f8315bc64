"""The key signs exactly the bytes that are sent, in Fintoc's own form, and shows itself to nobody."""

import json
import os
import string
import subprocess
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from rail_fintoc.api import InvalidJws, JwsKey, fresh_nonce, verified_jws
from riel import Misconfigured

from .api_support import NOW, private_key

FILE = "RIEL_FINTOC_JWS_PRIVATE_KEY"
BODY = b'{"amount":50000,"currency":"MXN"}'
NONCE = "0f" * 16
PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
Any_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def pem(key: Any_Key, form: PrivateFormat = TRADITIONAL, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(protected: Any, body: bytes = BODY, key: rsa.RSAPrivateKey | None = None) -> str:
    """A header that somebody else made, written down here a second time."""
    first = b64(protected if isinstance(protected, bytes) else json.dumps(protected).encode())
    signature = (key or private_key()).sign(f"{first}.{b64(body)}".encode(), PKCS1v15(), SHA256())
    return f"{first}.{b64(signature)}"


def protected(**changes: Any) -> dict[str, Any]:
    given = {"alg": "RS256", "nonce": NONCE, "ts": int(NOW.timestamp()), "crit": ["ts", "nonce"]} | changes
    return {name: value for name, value in given.items() if value is not ...}


def fault(header: str | None, body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(InvalidJws) as refused:
        verified_jws(private_key().public_key(), header, body, now=now)
    return refused.value.code


@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL])
def test_the_signature_has_fintocs_form(form: PrivateFormat, tmp_path: Path) -> None:
    header = JwsKey.load(written(tmp_path / "k", pem(private_key(), form))).signature(BODY, now=NOW, nonce=NONCE)
    first, second = header.split(".")
    assert "=" not in header
    assert raw(first) == b'{"alg":"RS256","nonce":"%s","ts":1772366400,"crit":["ts","nonce"]}' % NONCE.encode()
    signing_input = f"{first}.{b64(BODY)}".encode()
    private_key().public_key().verify(raw(second), signing_input, PKCS1v15(), SHA256())


def test_openssl_itself_makes_a_key_that_signs_and_says_that_it_fits(tmp_path: Path) -> None:
    path, public = tmp_path / "private_key.pem", tmp_path / "public_key.pem"
    subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-out", public], check=True, capture_output=True)
    path.chmod(0o600)
    first, second = JwsKey.load(path).signature(BODY, now=NOW, nonce=NONCE).split(".")
    (tmp_path / "input").write_bytes(f"{first}.{b64(BODY)}".encode())
    (tmp_path / "signature").write_bytes(raw(second))
    said = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", public, "-signature", tmp_path / "signature", tmp_path / "input"],
        check=False,
        capture_output=True,
    )
    assert said.stdout.strip() == b"Verified OK"


@given(body=st.binary(max_size=500), nonce=st.text(min_size=1, max_size=40))
def test_what_is_signed_verifies_for_these_bytes_and_for_no_others(body: bytes, nonce: str) -> None:
    key = JwsKey(private_key())
    header = key.signature(body, now=NOW, nonce=nonce)
    assert verified_jws(key.public_key, header, body, now=NOW) == nonce
    with pytest.raises(InvalidJws):
        verified_jws(key.public_key, header, body + b" ", now=NOW)


def test_a_signature_needs_a_time_with_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        JwsKey(private_key()).signature(BODY, now=NOW.replace(tzinfo=None), nonce=NONCE)


def test_a_nonce_is_16_random_bytes() -> None:
    made = {fresh_nonce() for _ in range(100)}
    assert len(made) == 100
    assert all(len(bytes.fromhex(nonce)) == 16 for nonce in made)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_jws_signature_header"),
        ("", "missing_jws_signature_header"),
        ("one", "invalid_jws_signature_header"),
        (".", "invalid_jws_signature_header"),
        (signed(b"[]"), "invalid_jws_signature_header"),
        (signed(b"no json"), "invalid_jws_signature_header"),
        (signed(b'{"alg":"RS256","alg":"RS256"}'), "invalid_jws_signature_header"),
        (signed(b"[" * 5000), "invalid_jws_signature_header"),
        (signed(protected(alg="none")), "invalid_jws_signature_algorithm"),
        (signed(protected(alg="HS256")), "invalid_jws_signature_algorithm"),
        (signed(protected(alg=...)), "invalid_jws_signature_algorithm"),
        (signed(protected(crit=["ts"])), "invalid_jws_signature_header"),
        (signed(protected(crit=["ts", "nonce", "exp"])), "invalid_jws_signature_header"),
        (signed(protected(crit="ts nonce")), "invalid_jws_signature_header"),
        (signed(protected(nonce=...)), "invalid_jws_signature_nonce"),
        (signed(protected(nonce="")), "invalid_jws_signature_nonce"),
        (signed(protected(nonce=7)), "invalid_jws_signature_nonce"),
        (signed(protected(ts=...)), "invalid_jws_signature_timestamp"),
        (signed(protected(ts="1772366400")), "invalid_jws_signature_timestamp_format"),
        (signed(protected(ts=1772366400.0)), "invalid_jws_signature_timestamp_format"),
        (signed(protected(ts=True)), "invalid_jws_signature_timestamp_format"),
        (signed(protected(ts=1772366400 + 121)), "invalid_jws_signature_timestamp_value"),
        (signed(protected(ts=1772366400 - 121)), "invalid_jws_signature_timestamp_value"),
        (signed(protected(), b"other"), "invalid_jws_signature_header"),
        (signed(protected()) + "=", "invalid_jws_signature_header"),
        (signed(protected()) + ".x", "invalid_jws_signature_header"),
        (signed(protected()).replace(".", "..", 1), "invalid_jws_signature_header"),
        (signed(protected()).replace(".", ".\n", 1), "invalid_jws_signature_header"),
        ("é" + signed(protected()), "invalid_jws_signature_header"),
    ],
)
def test_each_failure_has_fintocs_code(header: str | None, code: str) -> None:
    assert fault(header) == code


def test_the_other_half_must_be_the_registered_one() -> None:
    assert fault(signed(protected(), key=rsa.generate_private_key(65537, 2048))) == "invalid_jws_signature_header"


@pytest.mark.parametrize("apart", [timedelta(minutes=2), timedelta(minutes=-2), timedelta()])
def test_a_signature_holds_for_two_minutes_on_either_side(apart: timedelta) -> None:
    assert verified_jws(private_key().public_key(), signed(protected()), BODY, now=NOW + apart) == NONCE


def refusal(path: Path) -> str:
    """The sentence, after a look at everything that an operator's log could hold of the failure."""
    secret = path.read_bytes().splitlines() if path.is_file() and os.access(path, os.R_OK) else []
    with pytest.raises(Misconfigured) as refused:
        JwsKey.load(path)
    shown = "".join(format_exception(refused.value))
    assert not [line for line in secret if len(line) >= 8 and line.decode(errors="replace") in shown]
    assert str(path) not in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "PEM"),
    "noise": (lambda: bytes(range(256)), "PEM"),
    "half": (lambda: pem(private_key())[:400], "PEM"),
    "encrypted": (lambda: pem(private_key(), PKCS8, BestAvailableEncryption(b"pass")), "encrypted"),
    "elliptic": (lambda: pem(ec.generate_private_key(ec.SECP256R1()), PKCS8), "RSA"),
    "short": (lambda: pem(rsa.generate_private_key(65537, 1024)), "2048"),  # noqa: S505
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_key_is_refused_in_a_sentence_that_names_the_setting(name: str, tmp_path: Path) -> None:
    content, word = BAD_FILES[name]
    sentence = refusal(written(tmp_path / "key.pem", content()))
    assert sentence.startswith(FILE)
    assert word in sentence


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    assert "chmod 600" in refusal(written(tmp_path / "key.pem", pem(private_key()), 0o644))


@pytest.mark.parametrize("name", ["missing", ".", "a\x00b"])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=FILE):
        JwsKey.load(tmp_path / name)


def test_a_key_does_not_show_itself(tmp_path: Path) -> None:
    key = JwsKey.load(written(tmp_path / "key.pem", pem(private_key())))
    assert repr(key) == "JwsKey()"


def test_a_signature_is_written_in_one_way_only() -> None:
    header, alphabet = signed(protected()), string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    same_bytes = header[:-1] + alphabet[alphabet.index(header[-1]) + 1]
    assert raw(same_bytes.partition(".")[2]) == raw(header.partition(".")[2])
    assert fault(same_bytes) == "invalid_jws_signature_header"
