"""``riel enroll``: the secret is kept only when the app is known to work."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest

from riel.cli.enroll import bind
from riel.confirm.factors.totp import Enrolment, read_enrolment
from riel.errors import Misconfigured

NOW = datetime(2026, 1, 26, 14, 57, 52, tzinfo=UTC)


def person(screen: io.StringIO, *answers: Callable[[str], str]) -> Callable[[], str]:
    """Somebody at the keyboard, who reads the key from the screen and has an app, or only guesses."""
    left = list(answers)

    def readline() -> str:
        if not left:
            return ""
        key = re.search(r"^ {4}([A-Z2-7]{32})$", screen.getvalue(), re.MULTILINE)
        assert key is not None
        return left.pop(0)(key[1]) + "\n"

    return readline


def right(key: str) -> str:
    return pyotp.TOTP(key).at(NOW)


def wrong(key: str) -> str:
    return f"{(int(right(key)) + 1) % 10**6:06d}"


def run(folder: Path, *answers: Callable[[str], str], replace: bool = False, name: str = "local") -> tuple[bool, str]:
    screen = io.StringIO()
    kept = bind(
        name,
        folder,
        issuer="Empresa Demo",
        replace=replace,
        answer=person(screen, *answers),
        out=screen,
        now=lambda: NOW,
    )
    return kept, screen.getvalue()


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends.null import Keyring

    monkeypatch.setattr(keyring, "get_keyring", Keyring)


def the(enrolment: Enrolment | None) -> Enrolment:
    assert enrolment is not None
    return enrolment


def test_the_right_code_enrolls(tmp_path: Path) -> None:
    kept, screen = run(tmp_path, right)
    enrolment = the(read_enrolment("local", tmp_path))
    assert kept
    assert enrolment.secret in screen
    assert enrolment.after == int(NOW.timestamp()) // 30
    assert str(tmp_path) in screen


def test_the_drawing_is_the_address_that_apps_read(tmp_path: Path) -> None:
    import segno

    _, screen = run(tmp_path, right)
    secret = the(read_enrolment("local", tmp_path)).secret
    uri = f"otpauth://totp/Empresa%20Demo:local?secret={secret}&issuer=Empresa%20Demo"
    drawing = io.StringIO()
    segno.make(uri, error="l", micro=False).terminal(drawing, compact=True)
    assert drawing.getvalue() in screen
    assert max(len(line) for line in drawing.getvalue().splitlines()) <= 60


def test_spaces_around_a_typed_code_do_not_matter(tmp_path: Path) -> None:
    assert run(tmp_path, lambda key: f"  {right(key)} ")[0]


def test_a_wrong_code_may_be_corrected(tmp_path: Path) -> None:
    kept, screen = run(tmp_path, wrong, lambda _: "", right)
    assert kept
    assert "clock" in screen


@pytest.mark.parametrize("answers", [[], [wrong], [wrong, wrong, wrong, right]])
def test_without_the_right_code_nothing_is_kept(tmp_path: Path, answers: list[Callable[[str], str]]) -> None:
    kept, screen = run(tmp_path, *answers)
    assert not kept
    assert "Nothing was kept" in screen
    assert list(tmp_path.iterdir()) == []


def test_an_enrolment_is_not_overwritten_and_no_new_secret_is_shown(tmp_path: Path) -> None:
    run(tmp_path, right)
    before = read_enrolment("local", tmp_path)
    screen = io.StringIO()
    with pytest.raises(Misconfigured, match="--replace"):
        bind("local", tmp_path, issuer="riel", replace=False, answer=str, out=screen, now=lambda: NOW)
    assert screen.getvalue() == ""
    assert read_enrolment("local", tmp_path) == before


def test_a_replacement_that_fails_leaves_the_old_app_working(tmp_path: Path) -> None:
    run(tmp_path, right)
    before = read_enrolment("local", tmp_path)
    assert not run(tmp_path, wrong, replace=True)[0]
    assert read_enrolment("local", tmp_path) == before
    assert run(tmp_path, right, replace=True)[0]
    after = read_enrolment("local", tmp_path)
    assert (the(after).id, the(after).secret) != (the(before).id, the(before).secret)


def test_two_people_have_two_apps(tmp_path: Path) -> None:
    run(tmp_path, right, name="ana")
    run(tmp_path, right, name="luis")
    assert the(read_enrolment("ana", tmp_path)).secret != the(read_enrolment("luis", tmp_path)).secret


def test_of_two_who_enroll_at_once_the_first_stays(tmp_path: Path) -> None:
    def somebody_else_is_first(key: str) -> str:
        assert run(tmp_path, right)[0]
        return right(key)

    with pytest.raises(Misconfigured, match="enrolled already"):
        run(tmp_path, somebody_else_is_first)
    assert read_enrolment("local", tmp_path) is not None


def test_a_terminal_that_cannot_draw_shows_the_key_alone(tmp_path: Path) -> None:
    raw = io.BytesIO()
    screen = io.TextIOWrapper(raw, encoding="ascii")
    assert not bind("local", tmp_path, issuer="riel", replace=False, answer=str, out=screen, now=lambda: NOW)
    screen.flush()
    assert re.search(rb"^    [A-Z2-7]{32}$", raw.getvalue(), re.MULTILINE)


def test_on_a_terminal_the_drawing_is_light_on_dark_whatever_its_colours(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    assert not bind("local", tmp_path, issuer="riel", replace=False, answer=str, out=screen, now=lambda: NOW)
    drawn = [line for line in screen.getvalue().splitlines() if "\u2588" in line]
    assert drawn
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in drawn)


def test_the_command_works_without_a_terminal(tmp_path: Path) -> None:
    """Code from stdin, folder from the journal's setting; a wrong code is exit 1 and keeps nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "import typer, riel.cli.enroll as e; typer.run(e.enroll)", "--principal", "ana"],
        input="000000\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        cwd=tmp_path,
        env={"RIEL_JOURNAL": str(tmp_path / "data" / "riel.db"), "PATH": "", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Nothing was kept" in done.stdout
    assert done.stderr == ""
    assert not (tmp_path / "data").exists()
