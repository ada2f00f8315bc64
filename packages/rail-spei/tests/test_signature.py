"""The private key signs, and shows itself to nobody: not in an error, not in a traceback, not in a repr."""

import os
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from string import ascii_letters, digits
from traceback import format_exception

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from rail_spei.stp.signature import SigningKey, is_valid
from riel import Misconfigured

from .golden import GOLDEN, Golden, public_key

FILE, PASSPHRASE = "RIEL_SPEI_PRIVATE_KEY", "RIEL_SPEI_PRIVATE_KEY_PASSPHRASE"
OURS = "correct horse battery"
BAG = """Bag Attributes
    friendlyName: Compañía de pruebas
    localKeyID: 54 69 6D 65 20 31 36 37 37 37 37
Key Attributes: <No Attributes>
"""
CADENA = "||TAMIZI|CRINEXISTENTE|E|||"

PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def encrypted(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat = PKCS8, code: str = OURS
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(code.encode()))


@dataclass(frozen=True)
class Keys:
    """One pair of a company, and the file as STP's manual has it made."""

    private: rsa.RSAPrivateKey
    pem: bytes

    @property
    def public(self) -> rsa.RSAPublicKey:
        return self.private.public_key()


@pytest.fixture(scope="module")
def keys() -> Keys:
    private = rsa.generate_private_key(65537, 2048)
    return Keys(private, encrypted(private))


@pytest.fixture
def path(tmp_path: Path, keys: Keys) -> Path:
    return written(tmp_path / "key.pem", keys.pem)


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path, passphrase: str = OURS) -> str:
    """The sentence, after a look at everything that an operator's log could hold of the failure."""
    secret = path.read_bytes().splitlines() if path.is_file() else []
    with pytest.raises(Misconfigured) as refused:
        SigningKey.load(path, passphrase)
    shown = "".join(format_exception(refused.value))
    assert not passphrase or passphrase not in shown
    assert OURS not in shown
    for line in secret:
        assert len(line) < 8 or line.decode() not in shown
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert str(path) not in sentence
    return sentence


def test_what_the_key_signs_verifies_with_its_public_half_alone(path: Path, keys: Keys) -> None:
    firma = SigningKey.load(path, OURS).sign(CADENA)
    assert is_valid(keys.public, CADENA, firma)
    assert not is_valid(keys.public, f"{CADENA}|", firma)
    assert not is_valid(public_key(), CADENA, firma)


def test_the_company_can_be_known_by_its_public_half(path: Path, keys: Keys) -> None:
    assert SigningKey.load(path, OURS).public_key.public_numbers() == keys.public.public_numbers()


def test_a_signature_is_standard_base64_in_one_line_and_always_the_same(path: Path) -> None:
    key = SigningKey.load(path, OURS)
    firmas = [key.sign(f"||{number}||") for number in range(40)]
    assert {len(firma) for firma in firmas} == {344}
    assert all(firma.endswith("==") for firma in firmas)
    assert set("".join(firmas)) == {*ascii_letters, *digits, "+", "/", "="}
    assert firmas == [key.sign(f"||{number}||") for number in range(40)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_text_before_the_key_is_passed_over(tmp_path: Path, keys: Keys, ends: str) -> None:
    exported = (BAG.encode() + keys.pem).replace(b"\n", ends.encode())
    firma = SigningKey.load(written(tmp_path / "exported.pem", exported), OURS).sign(CADENA)
    assert is_valid(keys.public, CADENA, firma)


def test_a_certificate_before_the_key_is_passed_over(tmp_path: Path, keys: Keys) -> None:
    certificate = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    firma = SigningKey.load(written(tmp_path / "both.pem", certificate + keys.pem), OURS).sign(CADENA)
    assert is_valid(keys.public, CADENA, firma)


def test_the_older_form_of_an_encrypted_key_and_a_short_one_sign_too(tmp_path: Path) -> None:
    """STP's demo keys have 1024 bits."""
    demo = rsa.generate_private_key(65537, 1024)  # noqa: S505
    key = SigningKey.load(written(tmp_path / "demo.pem", encrypted(demo, TRADITIONAL)), OURS)
    assert is_valid(demo.public_key(), CADENA, key.sign(CADENA))


@pytest.mark.parametrize(
    "passphrase", ["correct horse", "Correct horse battery", f"{OURS}\n", "ñ", "\ud800"], ids=ascii
)
def test_a_wrong_passphrase_is_named_and_shows_nothing(path: Path, passphrase: str) -> None:
    assert refusal(path, passphrase) == f"{PASSPHRASE} does not open the private key: correct it"


def test_a_passphrase_that_is_not_set_is_named(path: Path) -> None:
    assert refusal(path, "").startswith(f"{PASSPHRASE} is empty: ")


def test_a_key_that_is_not_encrypted_is_refused_even_where_a_passphrase_is_set(tmp_path: Path, keys: Keys) -> None:
    plain = [keys.private.private_bytes(Encoding.PEM, form, NoEncryption()) for form in (PKCS8, TRADITIONAL)]
    for pem in plain:
        sentence = refusal(written(tmp_path / "plain.pem", pem))
        assert sentence.startswith(f"{FILE} is not encrypted: ")
        assert "openssl pkcs8 -topk8" in sentence


def test_a_file_without_a_private_key_is_named_whatever_it_holds(tmp_path: Path, keys: Keys) -> None:
    lines = keys.pem.splitlines(keepends=True)
    for content in (
        keys.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        keys.private.private_bytes(Encoding.DER, PKCS8, BestAvailableEncryption(OURS.encode())),
        b"".join(lines[: len(lines) // 2]),  # cut off
        b"".join(lines[:5] + lines[9:]),  # a piece is missing
        b"not a key at all",
        b"",
        b"\x00" * 200_000,
    ):
        file = tmp_path / "other.pem"
        file.write_bytes(content)
        file.chmod(0o600)
        with pytest.raises(Misconfigured, match=f"^{FILE} is not a PEM file with a private key: ") as refused:
            SigningKey.load(file, OURS)
        assert OURS not in str(refused.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    pem = encrypted(ec.generate_private_key(ec.SECP256R1()))
    assert refusal(written(tmp_path / "ec.pem", pem)) == f"{FILE} holds a key that is not RSA: STP signs with RSA only"


def test_a_path_where_no_file_can_be_read_is_named(tmp_path: Path) -> None:
    start = f"{FILE} is not the path of a file that can be read"
    assert refusal(tmp_path / "missing.pem") == f"{start}: No such file or directory"
    assert refusal(tmp_path) == f"{start}: Is a directory"
    assert refusal(Path("null\x00character")) == start


def test_a_key_that_was_put_where_its_path_belongs_is_not_shown(keys: Keys) -> None:
    lines = keys.pem.decode().splitlines()
    for pasted in ("\n".join(lines), "\n".join(lines[:3])):
        with pytest.raises(Misconfigured, match=f"^{FILE} is not the path") as refused:
            SigningKey.load(Path(pasted), OURS)
        shown = "".join(format_exception(refused.value))
        assert not any(line in shown for line in lines if len(line) > 8)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660, 0o777])
def test_a_file_of_ours_that_others_may_open_is_refused_as_ssh_does(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert refusal(path) == f"{FILE} is a file that can be read by others: run chmod 600 on it"


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")
def test_a_file_that_only_we_may_open_or_that_root_mounted_is_read(
    path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mode in (0o600, 0o400, 0o700):
        path.chmod(mode)
        assert is_valid(keys.public, CADENA, SigningKey.load(path, OURS).sign(CADENA))
    path.chmod(0o440)
    monkeypatch.setattr("riel.file_permissions.ROOT", owner := path.stat().st_uid)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert is_valid(keys.public, CADENA, SigningKey.load(path, OURS).sign(CADENA))


def test_the_file_that_a_link_leads_to_is_the_one_that_is_judged(path: Path, tmp_path: Path) -> None:
    """Orchestrators mount secrets as links, which everybody may read."""
    link = tmp_path / "link.pem"
    link.symlink_to(path)
    SigningKey.load(link, OURS)
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="can be read by others"):
        SigningKey.load(link, OURS)


def test_neither_repr_nor_str_of_a_key_shows_anything(path: Path) -> None:
    key = SigningKey.load(path, OURS)
    assert repr(key) == str(key) == f"{key}" == "SigningKey()"


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_a_signature_is_accepted_in_one_writing_only(golden: Golden) -> None:
    """An answer that differs in anything is another one, even where a lenient reader would find the same bytes."""
    key, cadena, firma = public_key(), golden.cadena, golden.firma
    assert is_valid(key, cadena, firma)
    bits = sorted({*ascii_letters, *digits, "+", "/"})
    for other in (
        *(firma[:-2] + last + "=" for last in bits if last != firma[-2]),
        "",
        firma[:-1],
        f"{firma}=",
        f"{firma}\n",
        f" {firma}",
        f"{firma[:76]}\n{firma[76:]}",
        urlsafe_b64encode(b64decode(firma)).decode() + "_",
        firma[::-1],
        "é" * len(firma),
        "AAAA",
    ):
        assert not is_valid(key, cadena, other)
