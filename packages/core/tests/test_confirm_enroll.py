"""``riel enroll``: the secret is kept only when the app is known to work."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from riel.cli.enroll import bind
from riel.confirm.factor import ConfirmationRequest, FactorContext
from riel.confirm.factors.totp import Enrolment, TotpFactor, read_enrolment
from riel.errors import Misconfigured, NotConfirmed

NOW = datetime(2026, 1, 26, 14, 57, 52, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def person(screen: io.StringIO, *answers: Callable[[str], str]) -> Callable[[], str]:
    """Somebody at the keyboard, who reads the key from the screen and has an app, or only guesses."""
    left = list(answers)

    def readline() -> str:
        if not left:
            return ""
        key = re.search(r"^ {4}([A-Z2-7]{32})$", screen.getvalue(), re.MULTILINE)
        return left.pop(0)(key[1] if key else "") + "\n"

    return readline


def right(key: str) -> str:
    return pyotp.TOTP(key).at(NOW)


def right_later(key: str) -> str:
    return pyotp.TOTP(key).at(LATER)


def wrong(key: str) -> str:
    return f"{(int(right(key)) + 1) % 10**6:06d}"


def run(
    folder: Path,
    *answers: Callable[[str], str],
    replace: bool = False,
    name: str = "local",
    rehearsal: bool = False,
    now: datetime = NOW,
) -> tuple[bool, str]:
    screen = io.StringIO()
    kept = bind(
        name,
        folder,
        issuer="Empresa Demo",
        rehearsal=rehearsal,
        replace=replace,
        answer=person(screen, *answers),
        out=screen,
        now=lambda: now,
    )
    return kept, screen.getvalue()


def app_of(enrolment: Enrolment) -> Callable[[str], str]:
    """The app of an enrolment, which shows its code whatever stands on the screen."""
    return lambda _: right_later(enrolment.secret)


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
    before = the(read_enrolment("local", tmp_path))
    assert not run(tmp_path, app_of(before), wrong, replace=True, now=LATER)[0]
    assert read_enrolment("local", tmp_path) == before
    later = LATER + timedelta(minutes=1)
    current = [lambda _: pyotp.TOTP(before.secret).at(later), lambda key: pyotp.TOTP(key).at(later)]
    assert run(tmp_path, *current, replace=True, now=later)[0]
    after = the(read_enrolment("local", tmp_path))
    assert (after.id, after.secret) != (before.id, before.secret)


def test_an_app_is_replaced_only_by_its_own_code_and_no_new_secret_is_shown_before(tmp_path: Path) -> None:
    run(tmp_path, right)
    before = the(read_enrolment("local", tmp_path))
    for guess in ("000000", right(before.secret)):  # not its code; the code that enrolled it, which is used up
        kept, screen = run(tmp_path, *[lambda _, guess=guess: guess] * 3, replace=True, now=NOW)  # type: ignore[misc]
        assert not kept
        assert not re.search(r"[A-Z2-7]{32}", screen)
        assert f"If that app is lost, remove {tmp_path}" in screen
    assert read_enrolment("local", tmp_path) == before


def test_a_code_that_replaced_its_app_confirms_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, right)
    before = the(read_enrolment("local", tmp_path))
    assert not run(tmp_path, app_of(before), wrong, replace=True, now=LATER)[0]
    factor = TotpFactor.open(
        FactorContext(key=bytes(32), principal="local", folder=tmp_path, modes=frozenset({"live"}))
    )
    request = ConfirmationRequest(
        payment_id="pay_1",
        principal="local",
        mode="live",
        text="",
        digest=bytes(32),
        nonce=bytes(16),
        created_at=LATER,
        expires_at=LATER,
    )
    with pytest.raises(NotConfirmed) as refused:
        factor.check(request, right_later(before.secret), LATER)
    assert refused.value.error.code == "2FA_USED"


def test_live_money_and_a_rehearsal_have_an_app_each(tmp_path: Path) -> None:
    _, screen = run(tmp_path, right, rehearsal=True)
    assert "pretend and test payments" in screen
    assert read_enrolment("local", tmp_path) is None
    assert "live payments" in run(tmp_path, right)[1]
    rehearsal, live = read_enrolment("local", tmp_path, rehearsal=True), read_enrolment("local", tmp_path)
    assert the(rehearsal).secret != the(live).secret


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


@pytest.mark.parametrize("options", [[], ["--replace"], ["--rehearsal"]])
@pytest.mark.parametrize("typed", ["", "000000\n"])
def test_without_a_terminal_no_secret_is_shown(tmp_path: Path, options: list[str], typed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "riel", "enroll", "--principal", "ana", *options],
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        cwd=tmp_path,
        env={"RIEL_JOURNAL": str(tmp_path / "data" / "riel.db"), "PATH": "", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "riel: riel enroll shows a secret, so it needs a terminal: run it in one, without a pipe\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_on_a_terminal_the_command_asks_for_the_code(tmp_path: Path) -> None:
    """The folder comes from the journal's setting; the end of the input keeps nothing."""
    import pty

    ours, theirs = pty.openpty()
    env = {"RIEL_JOURNAL": str(tmp_path / "data" / "riel.db"), "PATH": "", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "riel", "enroll"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=env, cwd=tmp_path
    ) as process:
        os.close(theirs)
        shown = b""
        while b"shows now: " not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, b"\x04")
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 1
    os.close(ours)
    assert re.search(rb"[A-Z2-7]{32}", shown)
    assert not (tmp_path / "data").exists()
