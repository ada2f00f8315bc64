"""The factor ``file``: it appends each code to a file, for sandboxes and tests. A reader of the file can confirm."""

import asyncio
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import ClassVar

from riel.confirm.bound_code import BoundCodeFactor, code_for
from riel.confirm.factor import ConfirmationRequest, FactorContext
from riel.errors import Code, Misconfigured, NotConfirmed
from riel.file_permissions import private_file_problem


@dataclass(frozen=True, slots=True)
class FileFactor(BoundCodeFactor):
    """Appends ``{"paymentId","code","text","createdAt"}`` to the file named by ``RIEL_FACTOR_FILE``."""

    name: ClassVar[str] = "file"
    sandbox_only: ClassVar[bool] = True
    dynamic_linking: ClassVar[bool] = True

    path: Path

    @classmethod
    def open(cls, context: FactorContext) -> "FileFactor":
        """Check that the file can be written, and by nobody else; a terminal is as open as it is.

        :raises Misconfigured: no file is set, it cannot be written, or others can read it.
        """
        if context.file is None:
            raise Misconfigured("RIEL_FACTOR=file needs RIEL_FACTOR_FILE: the file that codes are appended to")
        try:
            descriptor = _open(context.file)
            status = os.fstat(descriptor)
            os.close(descriptor)
        except OSError as failure:
            raise Misconfigured(f"RIEL_FACTOR_FILE={context.file} cannot be written: {failure.strerror}") from failure
        if not stat.S_ISCHR(status.st_mode) and (problem := private_file_problem(status)) is not None:
            raise Misconfigured(f"RIEL_FACTOR_FILE={context.file} {problem}")
        return cls(context.key, context.file)

    async def ask(self, request: ConfirmationRequest) -> str:
        """Append the line.

        :raises NotConfirmed: the line could not be written, so nobody was asked.
        """
        await asyncio.to_thread(_append, self.path, code_line(request, code_for(self.key, request)))
        return "A six-digit code for exactly this payment was written to the file of codes."


def code_line(request: ConfirmationRequest, code: str) -> bytes:
    """The challenge and its code as one line of JSON in UTF-8. It holds the code, so it goes to the person only."""
    created_at = request.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"paymentId": request.payment_id, "code": code, "text": request.text, "createdAt": created_at}
    return json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def write_whole(descriptor: int, data: bytes) -> None:
    """Write ``data`` in a single write, so that lines of several processes do not mix.

    :raises NotConfirmed: it was not written whole.
    """
    try:
        whole = os.write(descriptor, data) == len(data)
    except OSError as failure:
        raise _not_delivered() from failure
    if not whole:
        raise _not_delivered()


def _append(path: Path, data: bytes) -> None:
    try:
        descriptor = _open(path)
    except OSError as failure:
        raise _not_delivered() from failure
    try:
        write_whole(descriptor, data)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _not_delivered() -> NotConfirmed:
    return NotConfirmed(Code.TWO_FA_NOT_DELIVERED)
