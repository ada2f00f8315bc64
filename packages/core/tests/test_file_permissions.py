"""One rule says whose files are trusted: ours and root's, and nobody else can change them."""

import os
from pathlib import Path

import pytest

from riel import file_permissions
from riel.confirm.factor import FactorContext
from riel.confirm.factors.file import FileFactor
from riel.errors import Misconfigured
from riel.file_permissions import path_problem, private_file_problem
from riel.journal.sqlite.connect import connect
from riel.secrets import make_server_key, read_private_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")


@pytest.fixture
def as_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """What exists belongs to root, and this process is another user; the number of that user."""
    root = tmp_path.stat().st_uid
    monkeypatch.setattr(file_permissions, "ROOT", root)
    monkeypatch.setattr(os, "geteuid", lambda: root + 1)
    return root + 1


def test_a_server_key_that_root_mounted_for_a_group_is_taken_where_a_rails_key_is(
    tmp_path: Path, as_another: int
) -> None:
    key = make_server_key(tmp_path)
    path = tmp_path / "server.key"
    for mode in (0o400, 0o440, 0o444):
        path.chmod(mode)
        assert make_server_key(tmp_path) == key
        assert read_private_file(path, "RIEL_ZAP_KEY")
    for mode in (0o460, 0o446):
        path.chmod(mode)
        for read in (lambda: make_server_key(tmp_path), lambda: read_private_file(path, "RIEL_ZAP_KEY")):
            with pytest.raises(Misconfigured, match="can be written by others: run chmod go-w on it"):
                read()


def test_a_key_of_another_user_is_refused_wherever_keys_are_read(
    tmp_path: Path, as_another: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_server_key(tmp_path)
    monkeypatch.setattr(file_permissions, "ROOT", as_another + 1)
    for read in (lambda: make_server_key(tmp_path), lambda: read_private_file(tmp_path / "server.key", "RIEL_ZAP_KEY")):
        with pytest.raises(Misconfigured, match="belongs to another user"):
            read()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_our_own_private_file_is_open_to_nobody_else(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.touch()
    path.chmod(mode)
    assert private_file_problem(path.stat()) == "can be read by others: run chmod 600 on it"
    path.chmod(0o600)
    assert private_file_problem(path.stat()) is None


def test_a_path_is_as_safe_as_each_folder_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = folder / "file"
    assert path_problem(path) is None  # not there yet
    path.touch(mode=0o644)
    assert path_problem(path) is None
    path.chmod(0o664)
    assert path_problem(path) == f"{path} can be written by others: run chmod go-w on it"
    path.chmod(0o644)
    folder.parent.chmod(0o777)
    assert path_problem(path) == f"{folder.parent} can be written by others: run chmod go-w on it"
    folder.parent.chmod(0o1777)  # as /tmp: nobody renames what is another's
    assert path_problem(path) is None


def test_a_link_is_as_safe_as_its_own_folder(tmp_path: Path) -> None:
    safe, open_to_all = tmp_path / "safe", tmp_path / "open"
    safe.mkdir()
    open_to_all.mkdir()
    (safe / "file").touch(mode=0o644)
    (open_to_all / "link").symlink_to(safe / "file")
    assert path_problem(open_to_all / "link") is None
    open_to_all.chmod(0o777)
    assert path_problem(open_to_all / "link") == f"{open_to_all} can be written by others: run chmod go-w on it"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_journal_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "journal.db"
    connect(path).close()
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=r"^RIEL_JOURNAL: .*journal\.db can be written by others"):
        connect(path)
    path.chmod(0o640)
    connect(path).close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_of_codes_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "codes"
    context = FactorContext(key=bytes(32), principal="local", folder=tmp_path, modes=frozenset({"sandbox"}), file=path)
    FileFactor.open(context)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=r"^RIEL_FACTOR_FILE=.*codes can be read by others: run chmod 600"):
        FileFactor.open(context)
