"""Start the pretend Fintoc as anybody would, and let the official SDK pay through it: ``nox -s sdk``."""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main(sdk_python: str) -> int:
    """The exit code of the SDK's script.

    :param sdk_python: a Python that has the SDK, and nothing of riel.
    """
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "jws.pem")
        bank = subprocess.Popen(
            [sys.executable, "-m", "riel", "sandbox", "fintoc", "--jws-key", str(key)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert bank.stdout is not None
            url = bank.stdout.readline().strip()
            return subprocess.run([sdk_python, str(HERE / "pay.py"), url, str(key)], check=False).returncode
        finally:
            bank.terminate()
            bank.wait(20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
