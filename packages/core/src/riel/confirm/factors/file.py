"""The code as one line of JSON at the end of a file, for sandboxes and tests: whoever reads the file can pay."""

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import ClassVar

from riel.confirm.bound_code import OwnCodes, code_for
from riel.confirm.factor import ConfirmationRequest, FactorContext
from riel.errors import Misconfigured, NotConfirmed


@dataclass(frozen=True, slots=True)
class File(OwnCodes):
    """Appends ``{"paymentId","code","text","createdAt"}`` to the file named by ``RIEL_FACTOR_FILE``."""

    name: ClassVar[str] = "file"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    path: Path

    @classmethod
    def open(cls, setup: FactorContext) -> "File":
        """Make sure that the file can be written, before anybody waits for a code in it."""
        if setup.file is None:
            raise Misconfigured("RIEL_FACTOR=file needs RIEL_FACTOR_FILE: the file that codes are appended to")
        try:
            os.close(_opened(setup.file))
        except OSError as failure:
            raise Misconfigured(f"RIEL_FACTOR_FILE={setup.file} cannot be written: {failure.strerror}") from failure
        return cls(setup.key, setup.file)

    async def ask(self, asked: ConfirmationRequest) -> str:
        """Append the line.

        :raises NotConfirmed: it could not be written, so nobody was asked.
        """
        await asyncio.to_thread(_append, self.path, line(asked, code_for(self.key, asked)))
        return "A six-digit code for exactly this payment was written to the file of codes."


def line(asked: ConfirmationRequest, code: str) -> bytes:
    """The question and its code as one line of JSON in UTF-8. It is the secret: it goes to the person, nowhere else."""
    created_at = asked.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"paymentId": asked.payment_id, "code": code, "text": asked.text, "createdAt": created_at}
    return json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def deliver(descriptor: int, told: bytes) -> None:
    """Write ``told`` in a single write, so that lines of several processes do not mix.

    :raises NotConfirmed: it was not written whole.
    """
    try:
        whole = os.write(descriptor, told) == len(told)
    except OSError as failure:
        raise _not_delivered() from failure
    if not whole:
        raise _not_delivered()


def _append(path: Path, told: bytes) -> None:
    try:
        descriptor = _opened(path)
    except OSError as failure:
        raise _not_delivered() from failure
    try:
        deliver(descriptor, told)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _not_delivered() -> NotConfirmed:
    return NotConfirmed(
        "The code could not be delivered, so nobody was asked.",
        code="2FA_NOT_DELIVERED",
        retryable=True,
        next_action="Nothing was sent. Tell the operator, then call again without verificationCode.",
    )
