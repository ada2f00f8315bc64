"""What the pretend STP gives a client is worth nothing anywhere else, and what the operator has set is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from rail_spei.sandbox import open_sandbox
from rail_spei.sandbox.behaviour import StpBehaviour
from rail_spei.settings import PUBLISHED_KEY, SpeiSettings
from rail_spei.stp.signature import SigningKey
from riel import Misconfigured
from riel.sandbox.kit import fingerprint, published_key

from .sandbox_support import StpFixture, result

OWN_PASSPHRASE = "correct horse"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "own.pem"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(OWN_PASSPHRASE.encode()))
    )
    return path


def test_what_it_supplies_is_a_key_that_a_client_can_read() -> None:
    supplied = open_sandbox({}).settings
    key = SigningKey.load(Path(supplied["private_key"]), supplied["private_key_passphrase"])
    assert key.fingerprint == PUBLISHED_KEY == fingerprint(published_key().public_key())
    assert key.public_key.key_size == 2048
    assert set(supplied) >= {"empresa", "account", "private_key", "private_key_passphrase"}


def test_two_processes_agree_on_the_key_and_leave_no_file() -> None:
    tells = (
        "from rail_spei.sandbox import open_sandbox; from rail_spei.stp.signature import SigningKey;"
        "from pathlib import Path;"
        "s = open_sandbox({}).settings; print(s['private_key']);"
        "print(SigningKey.load(Path(s['private_key']), s['private_key_passphrase']).sign('||x||'))"
    )
    process = subprocess.run([sys.executable, "-c", tells], capture_output=True, text=True, check=True)
    path, firma = process.stdout.split()
    supplied = open_sandbox({}).settings
    mine = SigningKey.load(Path(supplied["private_key"]), supplied["private_key_passphrase"])
    assert firma == mine.sign("||x||")
    assert not Path(path).parent.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_nobody_else_can_read_the_file() -> None:
    assert Path(open_sandbox({}).settings["private_key"]).stat().st_mode & 0o777 == 0o600
    assert Path(open_sandbox({}).settings["private_key"]).parent.stat().st_mode & 0o777 == 0o700


def test_the_operators_own_key_is_verified_and_not_replaced(own: Path) -> None:
    bank = open_sandbox({"private_key": str(own), "private_key_passphrase": OWN_PASSPHRASE, "empresa": "MINE"})
    assert "private_key" not in bank.settings
    assert bank.settings["empresa"] == "MINE"
    assert SigningKey.load(own, OWN_PASSPHRASE).fingerprint != PUBLISHED_KEY


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_bank_with_the_operators_key_takes_no_other(own: Path) -> None:
    strict = StpFixture(options={"public_key": SigningKey.load(own, OWN_PASSPHRASE).public_key})
    assert result(await strict.register()) == (0, "Error validando la firma")


@pytest.mark.parametrize(
    "settings",
    [{"private_key_passphrase": "x"}, {"private_key": "/nowhere.pem", "private_key_passphrase": "x"}],
    ids=["no key", "no file"],
)
def test_half_a_key_is_said_plainly(settings: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="PRIVATE_KEY"):
        open_sandbox(settings)


def test_a_client_with_what_it_supplies_is_complete_and_only_on_this_machine() -> None:
    supplied = dict(open_sandbox({}).settings)
    assert SpeiSettings(base_url="http://127.0.0.1:8410", **supplied).on_this_machine
    for elsewhere in ("https://prod.stpmex.com/speiws/rest", "https://demo.stpmex.com:7024/speiws/rest"):
        with pytest.raises(Misconfigured, match="published key"):
            SpeiSettings(base_url=elsewhere, **supplied)


def test_settings_with_a_key_are_read_without_the_pretend_bank() -> None:
    script = (
        "import sys; from rail_spei.sandbox import open_sandbox; from rail_spei.settings import SpeiSettings;"
        "supplied = dict(open_sandbox({}).settings);"
        "bank = lambda: [name for name in sys.modules if name.startswith(('riel.sandbox', 'rail_spei.sandbox'))];"
        "[sys.modules.pop(name) for name in bank()];"
        "SpeiSettings(base_url='http://127.0.0.1:9', **supplied);"
        "print(bank())"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_it_obeys_its_settings_and_refuses_others() -> None:
    assert open_sandbox({"webhook_url": "http://127.0.0.1:9/x", "settled_seconds": "3"})
    assert open_sandbox({"key_prefix": "A", "holidays": "2030-10-01,2030-10-02"})
    with pytest.raises(ValueError, match="no setting 'settels_seconds'"):
        open_sandbox({"settels_seconds": "3"})


@pytest.mark.parametrize("url", ["https://example.com/hook", "http://10.0.0.1/hook", "file:///etc/passwd", "hook"])
def test_it_tells_nobody_outside_this_machine(url: str) -> None:
    for name in ("webhook_url", "deposit_url"):
        with pytest.raises(ValueError, match="on this machine"):
            StpBehaviour.model_validate({name: url})
