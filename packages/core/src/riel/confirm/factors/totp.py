"""The factor ``totp``: codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds), each step once.

Such a code depends on the time and not on the payment, so the factor has no dynamic linking. Two things follow. Live
money has an enrolment of its own, because a code that was typed for a rehearsal would fit a live payment as well. And a
used step is kept beside the enrolment, because several journals may share it.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import ClassVar, Protocol

import pyotp

from riel.confirm.bound_code import codes_equal
from riel.confirm.factor import ConfirmationRequest, FactorContext, Proof
from riel.errors import Code, JournalUnavailable, Misconfigured, NotConfirmed
from riel.secrets import read_secret, store_secret, sync_folder

DRIFT = (-1, 0, 1)
"""How many time steps the clock of a phone may be off."""

STEPS_A_DAY = 2880
"""After a day a used step is forgotten: its code has long expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The app of one person. ``after`` is the step of the code that proved the app; only later steps confirm."""

    id: str
    secret: str = field(repr=False)
    after: int


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, among those near ``now``; ``None`` when it is none of them.

    Not pyotp's ``verify``: it does not tell the step, which must not be used twice, and takes other scripts' digits.
    Every step is compared, so that the time taken does not tell which one it was.
    """
    app = pyotp.TOTP(secret)
    near = [step for drift in DRIFT if (step := app.timecode(now) + drift) >= 0]
    right = [step for step in near if codes_equal(code, app.generate_otp(step))]
    return right[-1] if right else None


def read_enrolment(principal: str, folder: Path, *, rehearsal: bool = False) -> Enrolment | None:
    """The enrolment of ``principal``, or ``None``.

    :param rehearsal: the one for payments that move no real money, and not the one for those that do.
    :raises Misconfigured: the enrolment is damaged.
    """
    name = secret_name(principal, rehearsal=rehearsal)
    value = read_secret(name, folder)
    if value is None:
        return None
    try:
        enrolment = Enrolment(**json.loads(value))
        pyotp.TOTP(enrolment.secret)
    except (ValueError, TypeError) as failure:
        # ``from None``: the cause would show the secret.
        raise Misconfigured(
            f"the enrolment of {principal!r} is damaged ({type(failure).__name__}): remove {folder / name}.secret and "
            "enroll anew"
        ) from None
    return enrolment


def store_enrolment(
    principal: str, folder: Path, enrolment: Enrolment, *, rehearsal: bool = False, replace: bool = False
) -> str:
    """Store the enrolment of ``principal``, and say where.

    :raises FileExistsError: one is stored, and ``replace`` is false.
    """
    name = secret_name(principal, rehearsal=rehearsal)
    return store_secret(name, folder, json.dumps(asdict(enrolment)), replace=replace)


class UsedSteps(Protocol):
    """The time steps whose codes were used, for all journals and modes that share the enrolment."""

    def claim(self, enrolment: Enrolment, step: int, payment_id: str) -> bool:
        """Whether the step is ``payment_id``'s from now on. Of several payments, one gets it."""


@dataclass(frozen=True, slots=True)
class UsedStepFiles:
    """One file for each used step, in a folder beside the enrolments. Only one process can create it."""

    folder: Path

    def claim(self, enrolment: Enrolment, step: int, payment_id: str) -> bool:
        """Create the step's file, whole; or say whether this payment did, whose server may have died before it paid.

        :raises JournalUnavailable: the file can be neither written nor read.
        """
        path = self.folder / f"{enrolment.id}-{step}"
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget(enrolment, step - STEPS_A_DAY)
            try:
                with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(payment_id.encode())
                    file.flush()
                    os.fsync(file.fileno())
                path.hardlink_to(fresh)
            except FileExistsError:
                return path.read_bytes() == payment_id.encode()
            finally:
                fresh.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as failure:
            raise JournalUnavailable(f"the used codes cannot be kept in {self.folder}: {failure.strerror}") from failure
        return True

    def _forget(self, enrolment: Enrolment, until: int) -> None:
        for path in self.folder.glob(f"{enrolment.id}-*"):
            with suppress(ValueError, FileNotFoundError):
                if int(path.name.rpartition("-")[2]) < until:
                    path.unlink()


@dataclass(frozen=True, slots=True)
class TotpFactor:
    """Asks for the code that the person's authenticator app shows."""

    name: ClassVar[str] = "totp"
    sandbox_only: ClassVar[bool] = False
    dynamic_linking: ClassVar[bool] = False

    principal: str
    enrolments: Mapping[bool, Enrolment]
    """By whether it is for live money."""
    used: UsedSteps

    @classmethod
    def open(cls, context: FactorContext) -> "TotpFactor":
        """Read the enrolments that the modes need.

        :raises Misconfigured: nobody is enrolled, a file is damaged, or used codes cannot be kept.
        """
        needed = {mode == "live" for mode in context.modes}
        found = {live: read_enrolment(context.principal, context.folder, rehearsal=not live) for live in needed}
        enrolments = {live: enrolment for live, enrolment in found.items() if enrolment is not None}
        if max(needed) not in enrolments:
            run = f"riel enroll{'' if max(needed) else ' --rehearsal'} --principal {quote(context.principal)}"
            raise Misconfigured(f"RIEL_FACTOR=totp, and {context.principal!r} is not enrolled: run {run}")
        used = used_steps(context.folder)
        try:
            used.folder.mkdir(mode=0o700, exist_ok=True)
            writable = os.access(used.folder, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise Misconfigured(f"RIEL_HOME: {used.folder}, where used codes are kept, cannot be written")
        return cls(context.principal, enrolments, used)

    async def ask(self, request: ConfirmationRequest) -> str:
        """Nothing is sent: the app has the code already.

        :raises NotConfirmed: the principal of the request is not one who is enrolled here for such payments.
        """
        if self._enrolment(request) is None:
            raise NotConfirmed(Code.TWO_FA_NOT_ENROLLED)
        read = f"riel payments show {request.payment_id}"
        return (
            f"Show the person this text, which they can also read without you ({read}), and ask for the six digits "
            "that their authenticator app shows now."
        )

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """A proof that names the enrolment and the time step: the store takes each of them once.

        :raises NotConfirmed: another payment has used the code, in whichever journal.
        :raises JournalUnavailable: its use cannot be written down.
        """
        enrolment = self._enrolment(request)
        step = None if enrolment is None else step_of(enrolment.secret, code, now)
        if enrolment is None or step is None or step <= enrolment.after:
            return None
        if not self.used.claim(enrolment, step, request.payment_id):
            raise NotConfirmed(Code.TWO_FA_USED)
        return Proof(f"{self._prefix(enrolment)}{step}")

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether it is the code of the proof's time step, however long ago. Never, once the app was replaced."""
        enrolment, replay_key = self._enrolment(request), proof.replay_key or ""
        if enrolment is None or not replay_key.startswith(self._prefix(enrolment)):
            return False
        step = int(replay_key.removeprefix(self._prefix(enrolment)))
        return codes_equal(code, pyotp.TOTP(enrolment.secret).generate_otp(step))

    def _enrolment(self, request: ConfirmationRequest) -> Enrolment | None:
        return self.enrolments.get(request.mode == "live") if request.principal == self.principal else None

    def _prefix(self, enrolment: Enrolment) -> str:
        return f"{self.name}:{enrolment.id}:"


def used_steps(folder: Path) -> UsedStepFiles:
    """The used steps of the enrolments in ``folder``."""
    return UsedStepFiles(folder / "totp-used")


def secret_name(principal: str, *, rehearsal: bool) -> str:
    """The name of the secret, from any characters of the principal."""
    return f"totp-{'rehearsal-' if rehearsal else ''}{hashlib.sha256(principal.encode()).hexdigest()[:32]}"
