"""The pretend Fintoc's keys: a published one that is worth nothing, or one that is made on the first start."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from rail_fintoc.api import JwsKey
from rail_fintoc.api.constants import PUBLISHED_KEY
from rail_fintoc.sandbox import open_sandbox
from rail_fintoc.sandbox.keys import SECRET_KEY, create_key_pair, public_key_at, published_key_file
from rail_fintoc.sandbox.seed.companies import ACCOUNT
from riel import Misconfigured
from riel.sandbox.kit import published_key


def test_a_client_without_settings_is_given_all_that_it_needs() -> None:
    supplied = open_sandbox({}).settings
    assert supplied["secret_key"] == SECRET_KEY == "sk_test_riel"
    assert supplied["account_id"] == ACCOUNT
    assert public_key_at(Path(supplied["jws_private_key"])) == published_key().public_key()


def test_the_published_key_is_known_as_such_and_no_other() -> None:
    assert JwsKey.load(published_key_file()).fingerprint == PUBLISHED_KEY
    assert JwsKey(rsa.generate_private_key(65537, 2048)).fingerprint != PUBLISHED_KEY


def test_only_its_owner_can_read_a_key_that_is_written(tmp_path: Path) -> None:
    create_key_pair(tmp_path / "keys" / "jws.pem")
    for path in (published_key_file(), tmp_path / "keys" / "jws.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_pair_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "jws.pem"
    first = open_sandbox({"jws_key": str(path)}).settings["jws_private_key"]
    pem = path.read_bytes()
    assert first == str(path)
    assert public_key_at(path) != published_key().public_key()
    open_sandbox({"jws_key": str(path)})
    assert path.read_bytes() == pem
    assert isinstance(load_pem_private_key(pem, None), rsa.RSAPrivateKey)


def test_the_clients_own_settings_are_those_of_the_bank(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    create_key_pair(path)
    own = {
        "secret_key": "sk_test_own",
        "jws_private_key": str(path),
        "account_id": "acc_own",
        "webhook_secret": "whsec_o",
    }
    supplied = open_sandbox(own).settings
    assert (supplied["secret_key"], supplied["account_id"], supplied["webhook_secret"]) == (
        "sk_test_own",
        "acc_own",
        "whsec_o",
    )
    assert "jws_private_key" not in supplied


@pytest.mark.parametrize("key", ["sk_live_riel", "pk_test_riel", "anything"])
def test_no_bank_is_made_for_a_key_that_is_no_test_key(key: str) -> None:
    with pytest.raises(Misconfigured, match="sk_test_") as refused:
        open_sandbox({"secret_key": key})
    assert key not in str(refused.value)


def test_a_setting_that_nobody_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no setting 'settle_secs'"):
        open_sandbox({"settle_secs": "1"})


def test_a_file_that_holds_no_key_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("nonsense")
    with pytest.raises(Misconfigured, match="holds no private key"):
        public_key_at(path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        public_key_at(tmp_path / "none.pem")
    with pytest.raises(Misconfigured, match="can be written"):
        create_key_pair(path / "below" / "key.pem")
    elliptic = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(Misconfigured, match="not an RSA one"):
        public_key_at(path)
    locked = rsa.generate_private_key(65537, 2048)
    path.write_bytes(locked.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(Misconfigured, match="without a passphrase"):
        public_key_at(path)
