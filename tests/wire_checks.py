"""What every answer on the wire must be: one text that says what the structured content says, an error exactly when
``isError``, in the shape that the tool declared.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

PATIENCE = 120.0
"""Seconds that anything may take before a test gives up on it."""

ENVELOPE = {"data", "error"}
ERROR = {"code", "message", "details", "retryable", "nextAction"}
CODE = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")


@dataclass(frozen=True)
class CheckedAnswer:
    """One answer to a call, checked."""

    data: dict[str, Any] | None
    error: dict[str, Any] | None
    result: dict[str, Any]

    @property
    def done(self) -> dict[str, Any]:
        """What it brought, where it is no error."""
        assert self.data is not None, self.error
        return self.data

    @property
    def refusal(self) -> dict[str, Any]:
        """Why it was refused."""
        assert self.error is not None, self.data
        return self.error


def checked(result: dict[str, Any], output_schema: dict[str, Any]) -> CheckedAnswer:
    """The result of a call as the wire promises it, or a failed assertion."""
    assert set(result) - {"resultType", "_meta"} == {"content", "structuredContent", "isError"}
    (content,) = result["content"]
    assert set(content) == {"type", "text"}
    assert content["type"] == "text"
    envelope = json.loads(content["text"])
    assert envelope == result["structuredContent"]
    assert set(envelope) == ENVELOPE
    assert (envelope["data"] is None) != (envelope["error"] is None)
    assert result["isError"] is (envelope["error"] is not None)
    if envelope["error"] is not None:
        check_error(envelope["error"])
    Draft202012Validator(output_schema).validate(envelope)
    return CheckedAnswer(envelope["data"], envelope["error"], result)


def check_error(error: dict[str, Any]) -> None:
    """A failure says what happened, whether a retry helps and what to do, each for somebody who reads."""
    assert set(error) == ERROR
    assert CODE.fullmatch(error["code"])
    assert len(error["message"]) > 10
    assert len(error["nextAction"]) > 10
    assert isinstance(error["details"], dict)
    assert isinstance(error["retryable"], bool)


def eventually(what: Callable[[], Any], wanted: Callable[[Any], bool] = bool, *, within: float = PATIENCE) -> Any:
    """``what()``, asked again until it is as ``wanted``."""
    until = time.monotonic() + within
    while not wanted(found := what()):
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def good(account: str, /, **changes: Any) -> dict[str, Any]:
    return {"account": account, "amount": 500, "concept": "Rent", "recipientName": "Ana Demo"} | changes


def raw(account: str, /, **changes: str) -> str:
    """The arguments of a good call as JSON, some of them exactly as written here."""
    told = {name: json.dumps(value) for name, value in good(account).items()} | changes
    return "{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}"


def refused(answer: CheckedAnswer, code: str, field: str = "") -> dict[str, Any]:
    """The refusal, which says that nothing was sent where that could be in doubt."""
    refusal = answer.refusal
    assert refusal["code"] == code, refusal
    assert refusal["retryable"] is False
    if field:
        assert refusal["details"]["field"] == field
        assert refusal["message"].startswith(field)
    return refusal
