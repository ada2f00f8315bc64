"""Secrets: for their owner only, the same for everybody who makes them at once, and in the keyring if there is one."""

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import keyring
import pytest

from riel.errors import Misconfigured
from riel.secrets import (
    SERVICE,
    ServerKey,
    ServerKeys,
    make_server_key,
    read_private_file,
    read_secret,
    read_server_keys,
    store_secret,
)

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
SOON = timedelta(seconds=0.05)


class Ring:
    """A keyring in memory, with the faults that keyrings have."""

    priority: float = 5

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class NoPriority(Ring):
    priority = 0


class Refuses(Ring):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("locked")


class Forgets(Ring):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Garbles(Ring):
    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password.upper()


class Unfit(Ring):
    @property
    def priority(self) -> float:  # type: ignore[override]
        raise RuntimeError("no D-Bus")


@pytest.fixture
def hangs() -> Iterator[Ring]:
    """A keyring that waits for somebody to unlock it."""
    unlocked = threading.Event()

    class Hangs(Ring):
        def set_password(self, service: str, username: str, password: str) -> None:
            unlocked.wait(5)
            super().set_password(service, username, password)

        def get_password(self, service: str, username: str) -> str | None:
            unlocked.wait(5)
            return super().get_password(service, username)

    yield Hangs()
    unlocked.set()


def use(monkeypatch: pytest.MonkeyPatch, ring: Ring) -> Ring:
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    return ring


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    return use(monkeypatch, Ring())


@pytest.fixture
def no_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, NoPriority())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- the server's key


def server_key(folder: Path, make: Callable[[int], bytes] = os.urandom) -> bytes:
    return make_server_key(folder, make)[0].value


def test_the_key_is_made_once_and_stays(tmp_path: Path) -> None:
    key = server_key(tmp_path / "new" / "folder")
    assert len(key) == 32
    assert server_key(tmp_path / "new" / "folder", make=lambda n: b"\0" * n) == key
    assert server_key(tmp_path / "another") != key
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["server.key"]


@posix
def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        server_key(tmp_path / "data")
    finally:
        os.umask(before)
    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "server.key") == 0o600


@posix
@pytest.mark.parametrize("others", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_key_that_others_can_read_is_refused_and_told_how_to_mend(tmp_path: Path, others: int) -> None:
    key = server_key(tmp_path)
    (tmp_path / "server.key").chmod(others)
    with pytest.raises(Misconfigured, match="chmod 600") as caught:
        server_key(tmp_path)
    assert key.hex() not in str(caught.value)
    (tmp_path / "server.key").chmod(0o600)
    assert server_key(tmp_path) == key


@pytest.mark.parametrize("content", [b"", b"00", b"zz" * 32, b"00" * 31, b"00" * 33, b"\xff" * 32])
def test_a_file_that_is_no_key_is_refused_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "server.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match=r"server\.key is damaged.*Restore it from a backup") as caught:
        server_key(tmp_path)
    assert "remove" not in str(caught.value)
    assert path.read_bytes() == content


def test_the_newest_version_of_the_key_stands_first_and_older_ones_are_known_by_their_ids(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("AB" * 32 + "\n" + "cd" * 32 + "\n")
    (tmp_path / "server.key").chmod(0o600)
    new, old = read_server_keys(tmp_path)
    assert (new, old) == (ServerKey(b"\xab" * 32), ServerKey(b"\xcd" * 32))
    for in_use, other in ((new, old), (old, new)):
        keys = ServerKeys.choose((new, old), in_use.id)
        assert keys is not None
        assert (keys.current, keys.of(in_use.id), keys.of(other.id), keys.of("none")) == (in_use, in_use, other, None)
    assert ServerKeys.choose((new, old), "another") is None
    assert read_server_keys(tmp_path / "empty") == ()


def test_what_a_key_is_used_for_tells_nothing_of_its_other_uses() -> None:
    key = ServerKey(bytes(range(32)))
    assert (
        len({key.value, key.derived("references"), key.derived("orders"), ServerKey(bytes(32)).derived("orders")}) == 4
    )
    assert key.value.hex() not in repr(ServerKeys(key))
    assert "\\x" not in repr(key)


def test_a_key_that_an_operator_put_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("AB" * 32)
    (tmp_path / "server.key").chmod(0o600)
    assert server_key(tmp_path) == b"\xab" * 32


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Misconfigured, match="Not a directory"):
        server_key(tmp_path / "data")
    with pytest.raises(Misconfigured, match="cannot be written"):
        store_secret("a", tmp_path / "data", "secret")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Misconfigured, match="No space left"):
        server_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_threads_that_make_it_at_once_get_the_same_key(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def make(count: int) -> bytes:
        together.wait(30)
        return os.urandom(count)

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: server_key(tmp_path, make), range(8)))
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["server.key"]


def test_processes_that_make_it_at_once_get_the_same_key(tmp_path: Path) -> None:
    """Each has found no key, and holds one of its own in hand, when the last of them is ready to write."""
    code = (
        "import os, pathlib, sys; from riel.secrets import make_server_key\n"
        "def make(n):\n"
        "    print('ready', flush=True); sys.stdin.readline(); return os.urandom(n)\n"
        "print(make_server_key(pathlib.Path(sys.argv[1]), make)[0].value.hex(), flush=True)"
    )
    start: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], **start) for _ in range(4)]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        keys = {child.communicate(timeout=120)[0].strip() for child in children}
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert keys == {server_key(tmp_path).hex()}


# -- secrets of people


def test_a_secret_comes_back_as_it_was(tmp_path: Path, no_ring: None) -> None:
    assert read_secret("app", tmp_path) is None
    assert store_secret("app", tmp_path, '{"a": "b:c"}') == str(tmp_path / "app.secret")
    assert read_secret("app", tmp_path) == '{"a": "b:c"}'


@posix
def test_without_a_keyring_it_is_a_file_for_its_owner_only(tmp_path: Path, no_ring: None) -> None:
    store_secret("app", tmp_path / "data", "secret")
    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "app.secret") == 0o600
    (tmp_path / "data" / "app.secret").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        read_secret("app", tmp_path / "data")


def test_with_a_keyring_the_secret_is_there_and_in_no_file(tmp_path: Path, ring: Ring) -> None:
    assert store_secret("app", tmp_path, "the secret") == "the system's keyring"
    assert list(ring.entries.values()) == ["the secret"]
    assert all(service == SERVICE for service, _ in ring.entries)
    assert [path.name for path in tmp_path.iterdir()] == ["app.secret"]
    assert "the secret" not in (tmp_path / "app.secret").read_text()
    assert read_secret("app", tmp_path) == "the secret"


def test_two_folders_do_not_share_a_secret(tmp_path: Path, ring: Ring) -> None:
    store_secret("app", tmp_path / "one", "1")
    store_secret("app", tmp_path / "two", "2")
    assert (read_secret("app", tmp_path / "one"), read_secret("app", tmp_path / "two")) == ("1", "2")


@pytest.mark.parametrize("broken", [NoPriority, Refuses, Forgets, Garbles, Unfit])
def test_a_keyring_that_does_not_work_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: type[Ring]
) -> None:
    use(monkeypatch, broken())
    store_secret("app", tmp_path, "secret")
    assert read_secret("app", tmp_path) == "secret"
    assert (tmp_path / "app.secret").read_text().startswith("file:")


@pytest.mark.parametrize("name", ["fail", "null", "chainer"])
def test_the_keyrings_that_are_none_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from importlib import import_module

    module = import_module(f"keyring.backends.{name}")
    backend = module.ChainerBackend if name == "chainer" else module.Keyring
    if name == "chainer":
        monkeypatch.setattr("keyring.backend.get_all_keyring", list)
    monkeypatch.setattr(keyring, "get_keyring", backend)
    store_secret("app", tmp_path, "secret")
    assert (tmp_path / "app.secret").read_text() == "file:secret\n"


def test_a_keyring_that_cannot_be_found_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Ring:
        raise ModuleNotFoundError("keyrings.nowhere")

    monkeypatch.setattr(keyring, "get_keyring", missing)
    store_secret("app", tmp_path, "secret")
    assert read_secret("app", tmp_path) == "secret"


def test_a_keyring_that_hangs_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: Ring) -> None:
    use(monkeypatch, hangs)
    assert store_secret("app", tmp_path, "secret", patience=SOON) == str(tmp_path / "app.secret")
    assert read_secret("app", tmp_path, patience=SOON) == "secret"


@pytest.mark.parametrize("fault", ["gone", "empty", "hangs"])
def test_a_secret_whose_keyring_is_out_of_reach_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: Ring, hangs: Ring, fault: str
) -> None:
    store_secret("app", tmp_path, "secret")
    use(monkeypatch, {"gone": NoPriority(), "empty": Ring(), "hangs": hangs}[fault])
    with pytest.raises(Misconfigured, match="keyring, which does not hand it over") as caught:
        read_secret("app", tmp_path, patience=SOON)
    assert "secret that" in str(caught.value)


@pytest.mark.parametrize("with_ring", [True, False])
def test_a_secret_is_replaced_only_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_ring: bool
) -> None:
    ring = use(monkeypatch, Ring() if with_ring else NoPriority())
    store_secret("app", tmp_path, "first")
    with pytest.raises(FileExistsError):
        store_secret("app", tmp_path, "second")
    assert read_secret("app", tmp_path) == "first"
    store_secret("app", tmp_path, "third", replace=True)
    assert read_secret("app", tmp_path) == "third"
    assert list(ring.entries.values()) == (["third"] if with_ring else [])


@pytest.mark.parametrize("with_ring", [True, False])
def test_of_two_who_keep_it_at_once_one_wins_and_the_other_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_ring: bool
) -> None:
    together = threading.Barrier(6)

    class SlowRing(Ring):
        priority = 5 if with_ring else 0

        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password)
            together.wait(30)

    ring = use(monkeypatch, SlowRing())

    def attempt(n: int) -> str | None:
        try:
            store_secret("app", tmp_path, f"secret {n}")
        except FileExistsError:
            return None
        return f"secret {n}"

    with ThreadPoolExecutor(6) as pool:
        won = [value for value in pool.map(attempt, range(6)) if value]
    assert won == [read_secret("app", tmp_path)]
    assert list(ring.entries.values()) == (won if with_ring else [])


def test_a_damaged_file_is_one_sentence(tmp_path: Path, no_ring: None) -> None:
    store_secret("app", tmp_path, "secret")
    (tmp_path / "app.secret").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="damaged"):
        read_secret("app", tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_rails_key_file_is_read_unless_others_can_read_it_and_the_error_names_the_setting_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(b"x" * 100_001)
    assert read_private_file(path, "RIEL_ZAP_KEY") == b"x" * 100_000
    path.chmod(0o640)
    for wrong, reason in (
        (path, "chmod 600"),
        (tmp_path, "Is a directory"),
        (tmp_path / "no", "No such"),
        (Path("\0"), "file"),
    ):
        with pytest.raises(Misconfigured, match=f"^RIEL_ZAP_KEY .*{reason}") as caught:
            read_private_file(wrong, "RIEL_ZAP_KEY")
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.__cause__ is None
