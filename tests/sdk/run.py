"""Start a pretend provider as anybody would, and let its own or a public client pay through it: ``nox -s sdk``."""

import subprocess
import sys
import tempfile
from pathlib import Path

from rail_spei.sandbox.identity import PASSPHRASE
from riel.sandbox.kit import private_key_file

HERE = Path(__file__).parent


def pay(python: str, rail: str, key: Path, *options: str) -> int:
    """Return the exit code of the script for ``rail``.

    :param python: a Python that has the client, and nothing of riel.
    :param key: the file of the private key that the client signs with.
    """
    bank = subprocess.Popen(
        [sys.executable, "-m", "riel", "sandbox", rail, *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert bank.stdout is not None
        url = bank.stdout.readline().strip()
        script = {"fintoc": "pay_fintoc.py", "spei": "pay_stp.py"}[rail]
        return subprocess.run([python, str(HERE / script), url, str(key)], check=False).returncode
    finally:
        bank.terminate()
        bank.wait(20)


def main(rail: str, python: str) -> int:
    """Pay with the client of one rail."""
    if rail == "spei":
        return pay(python, rail, Path(private_key_file("spei", PASSPHRASE)))
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "jws.pem")
        return pay(python, rail, key, "--jws-key", str(key))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
