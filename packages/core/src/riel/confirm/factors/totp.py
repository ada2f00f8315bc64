"""The factor ``totp``: codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds), each step once.

Such a code depends on the time and not on the payment, so the factor has no dynamic linking.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import ClassVar

import pyotp

from riel.confirm.bound_code import codes_equal
from riel.confirm.factor import ConfirmationRequest, FactorContext, Proof
from riel.errors import Code, Misconfigured, NotConfirmed
from riel.secrets import read_secret, store_secret

DRIFT = (-1, 0, 1)
"""How many time steps the clock of a phone may be off."""


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


def read_enrolment(principal: str, folder: Path) -> Enrolment | None:
    """The enrolment of ``principal``, or ``None``.

    :raises Misconfigured: the enrolment is damaged.
    """
    value = read_secret(_name(principal), folder)
    if value is None:
        return None
    try:
        enrolment = Enrolment(**json.loads(value))
        pyotp.TOTP(enrolment.secret)
    except (ValueError, TypeError) as failure:
        # ``from None``: the cause would show the secret.
        why = type(failure).__name__
        raise Misconfigured(f"the enrolment of {principal!r} is damaged ({why}): run riel enroll --replace") from None
    return enrolment


def store_enrolment(principal: str, folder: Path, enrolment: Enrolment, *, replace: bool = False) -> str:
    """Store the enrolment of ``principal``, and say where.

    :raises FileExistsError: one is stored, and ``replace`` is false.
    """
    return store_secret(_name(principal), folder, json.dumps(asdict(enrolment)), replace=replace)


@dataclass(frozen=True, slots=True)
class TotpFactor:
    """Asks for the code that the person's authenticator app shows."""

    name: ClassVar[str] = "totp"
    sandbox_only: ClassVar[bool] = False
    dynamic_linking: ClassVar[bool] = False

    principal: str
    enrolment: Enrolment

    @classmethod
    def open(cls, context: FactorContext) -> "TotpFactor":
        """Read the enrolment."""
        enrolment = read_enrolment(context.principal, context.folder)
        if enrolment is None:
            run = f"riel enroll --principal {quote(context.principal)}"
            raise Misconfigured(f"RIEL_FACTOR=totp, and {context.principal!r} is not enrolled: run {run}")
        return cls(context.principal, enrolment)

    async def ask(self, request: ConfirmationRequest) -> str:
        """Nothing is sent: the app has the code already.

        :raises NotConfirmed: the principal of the request is not the one that is enrolled here.
        """
        if request.principal != self.principal:
            raise NotConfirmed(Code.TWO_FA_NOT_ENROLLED)
        return "Show the person this text, and ask for the six digits that their authenticator app shows now."

    def check(self, request: ConfirmationRequest, code: str, now: datetime) -> Proof | None:
        """A proof that names the enrolment and the time step: the store takes each of them once."""
        if request.principal != self.principal:
            return None
        step = step_of(self.enrolment.secret, code, now)
        return None if step is None or step <= self.enrolment.after else Proof(f"{self._prefix}{step}")

    def is_replay(self, request: ConfirmationRequest, code: str, proof: Proof) -> bool:
        """Whether it is the code of the proof's time step, however long ago. Never, once the app was replaced."""
        if request.principal != self.principal or not (proof.replay_key or "").startswith(self._prefix):
            return False
        step = int((proof.replay_key or "").removeprefix(self._prefix))
        return codes_equal(code, pyotp.TOTP(self.enrolment.secret).generate_otp(step))

    @property
    def _prefix(self) -> str:
        return f"{self.name}:{self.enrolment.id}:"


def _name(principal: str) -> str:
    """The name of the secret, from any characters of the principal."""
    return f"totp-{hashlib.sha256(principal.encode()).hexdigest()[:32]}"
