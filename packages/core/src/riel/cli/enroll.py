"""``riel enroll``: an authenticator app is bound only once its first code has proved that it works."""

import io
import secrets
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from riel.clock import utc_now
from riel.errors import Misconfigured

if TYPE_CHECKING:
    from riel.confirm.factors.totp import Enrolment

MAX_ATTEMPTS = 3

REPLACEMENT = "riel enroll --replace"
"""What a code was used for that replaced its own app."""


def enroll(
    principal: Annotated[
        str | None, typer.Option(help="Who will confirm: the principal of the server (RIEL_PRINCIPAL).")
    ] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="For pretend and test payments; live money has an app entry of its own.")
    ] = False,
    issuer: Annotated[str | None, typer.Option(help="The name the app shows above the code.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take a new app in place of the one enrolled, which must show its code.")
    ] = False,
) -> None:
    """Enroll an authenticator app, which then confirms payments (RIEL_FACTOR=totp).

    It needs a terminal: the secret is shown on it and nowhere else.
    """
    from riel.config import read_settings

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Misconfigured("riel enroll shows a secret, so it needs a terminal: run it in one, without a pipe")
    settings = read_settings()
    if not bind(
        principal or settings.principal,
        settings.folder,
        issuer=issuer or ("riel rehearsal" if rehearsal else "riel"),
        rehearsal=rehearsal,
        replace=replace,
    ):
        raise typer.Exit(1)


def bind(
    principal: str,
    folder: Path,
    *,
    issuer: str,
    rehearsal: bool = False,
    replace: bool = False,
    answer: Callable[[], str] | None = None,
    out: TextIO | None = None,
    now: Callable[[], datetime] = utc_now,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> bool:
    """Show a new secret, ask for its first code, and keep it; whether it was kept.

    The secret goes to ``out`` and to nothing else. An app is replaced only after it has shown its own code. Until the
    code of the new one is right, whatever was enrolled stays as it is.

    :param answer: what the person types, a line each time; empty at the end of input.
    :raises Misconfigured: somebody is enrolled under that name and ``replace`` is not set.
    """
    from base64 import b32encode

    from riel.confirm.factors.totp import Enrolment, read_enrolment, secret_name, store_enrolment

    answer, out = answer or sys.stdin.readline, out or sys.stdout
    before = read_enrolment(principal, folder, rehearsal=rehearsal)
    if before is not None and not replace:
        raise _already_enrolled(principal)
    if before is not None and not _shows_its_code(before, folder, answer, out, now):
        file = folder / f"{secret_name(principal, rehearsal=rehearsal)}.secret"
        out.write(f"Nothing has changed. If that app is lost, remove {file} and enroll anew.\n")
        return False
    secret = b32encode(random_bytes(20)).decode("ascii")
    _show(secret, principal, issuer, out)
    step = _right_step(secret, "The six digits that the app shows now: ", answer, out, now)
    if step is None:
        out.write("Nothing was kept, and nothing has changed.\n")
        return False
    enrolment = Enrolment(id=random_bytes(8).hex(), secret=secret, after=step)
    try:
        where = store_enrolment(principal, folder, enrolment, rehearsal=rehearsal, replace=replace)
    except FileExistsError:
        raise _already_enrolled(principal) from None
    what = "pretend and test payments" if rehearsal else "live payments"
    out.write(f"Enrolled {principal!r} for {what}; the secret is kept in {where}.\n")
    out.write("Set RIEL_FACTOR=totp to have payments confirmed with this app, starting with its next code.\n")
    return True


def _shows_its_code(
    enrolment: "Enrolment", folder: Path, answer: Callable[[], str], out: TextIO, now: Callable[[], datetime]
) -> bool:
    """Whether the enrolled app is at hand: it shows a code that was not used yet, which is used up by that."""
    from riel.confirm.factors.totp import used_steps

    step = _right_step(enrolment.secret, "The six digits that the enrolled app shows now: ", answer, out, now)
    if step is None or step <= enrolment.after:
        return False
    return used_steps(folder).claim(enrolment, step, REPLACEMENT)


def _show(secret: str, principal: str, issuer: str, out: TextIO) -> None:
    import pyotp
    import segno

    drawn = io.StringIO()
    uri = pyotp.TOTP(secret).provisioning_uri(name=principal, issuer_name=issuer)
    segno.make(uri, error="l", micro=False).terminal(drawn, compact=True)
    drawing = drawn.getvalue()
    if out.isatty():
        # Bright on black, also where the terminal is black on white: many apps do not read a negative.
        drawing = "".join(f"\x1b[97;40m{line}\x1b[0m\n" for line in drawing.splitlines())
    if _can_write(drawing, out):
        out.write(f"Scan this with an authenticator app:\n\n{drawing}\n")
    out.write(f"To type it in by hand, the key is:\n\n    {secret}\n\n")
    out.write("Whoever sees it can confirm payments: clear the screen afterwards.\n")


def _can_write(text: str, out: TextIO) -> bool:
    """Whether the terminal's character set has the blocks that the drawing is made of."""
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _right_step(
    secret: str, question: str, answer: Callable[[], str], out: TextIO, now: Callable[[], datetime]
) -> int | None:
    """The time step of the code that the person types; ``None`` where none was right."""
    from riel.confirm.factors.totp import step_of

    for _ in range(MAX_ATTEMPTS):
        out.write(question)
        out.flush()
        answered = answer()
        if not answered:
            out.write("\n")
            return None
        step = step_of(secret, answered.strip(), now())
        if step is not None:
            return step
        out.write("That is not its code. Are the clocks of this machine and of the phone right?\n")
    return None


def _already_enrolled(principal: str) -> Misconfigured:
    return Misconfigured(f"{principal!r} is enrolled already: use --replace to take a new app in its place")
