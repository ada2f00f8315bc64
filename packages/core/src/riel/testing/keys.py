"""The key of the tests: journals that no server opens are proven with it."""

from pathlib import Path

from riel.journal.row_mac import RowMac
from riel.secrets import ServerKey, ServerKeys, key_file

SERVER_KEYS = ServerKeys(ServerKey(bytes(range(32))))
ROW_MAC = RowMac(SERVER_KEYS)


def write_server_key(folder: Path) -> str:
    """Put the key of the tests into a home folder, and return its id, to which a journal is bound."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = key_file(folder)
    path.write_text(SERVER_KEYS.current.value.hex())
    path.chmod(0o600)
    return SERVER_KEYS.current.id
