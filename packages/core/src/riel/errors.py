"""What can go wrong, named by what it did to the money.

RielError
├── NothingSent               nothing that could move money left this machine
│   ├── BadInput              an argument was refused
│   ├── NotConfirmed          nobody confirmed exactly this payment (2FA_*)
│   ├── NotAllowed            a guard said no
│   ├── NotFound              no such payment of this principal
│   ├── NotSent               the rail could not be reached: no byte of the payment left
│   └── JournalUnavailable    it could not be written down, so it was not done
├── Rejected                  the rail has it and said no: nothing was booked
├── OutcomeUnknown            it left; what became of it is not known yet
├── NothingLearned            a look-up brought no answer: nothing changes
├── Misconfigured             a setting is missing or wrong (for the operator)
└── BrokenRail                a rail does not keep its contract (for its author)

Each error an agent can see carries a :class:`Problem`, which is what stands under ``error`` on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One failure as an agent reads it: a stable code, a sentence, whether a retry helps, and what to do next."""

    code: str
    message: str
    retryable: bool = False
    next_action: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class RielError(Exception):
    """The root of everything that riel raises on purpose."""


class NothingSent(RielError):
    """Nothing that could move money left this machine."""

    code: ClassVar[str] = "NOTHING_SENT"
    retryable: ClassVar[bool] = False
    next_action: ClassVar[str] = "Nothing was sent."

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        next_action: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = Problem(
            code=code or type(self).code,
            message=message,
            retryable=type(self).retryable if retryable is None else retryable,
            next_action=next_action or type(self).next_action,
            details=details or {},
        )


class BadInput(NothingSent):
    """An argument was refused; nothing was sent."""

    code = "INVALID_ARGUMENT"
    next_action = "Correct the argument and call again. Nothing was sent."


class NotConfirmed(NothingSent):
    """Nobody confirmed exactly this payment."""

    code = "2FA_MISMATCH"
    next_action = "Nothing was sent. Ask the person for the code again, or call without verificationCode for a new one."


class NotAllowed(NothingSent):
    """A guard refused: a limit, a scope, a licence."""

    code = "NOT_ALLOWED"
    next_action = "Nothing was sent. Tell the person which limit refused it; no tool can change it."


class NotFound(NothingSent):
    """No payment of this principal has that reference: the same answer whether it is unknown or somebody else's."""

    code = "NOT_FOUND"
    next_action = "Check the reference. It must be the one that send_payment returned."


class NotSent(NothingSent):
    """The rail could not be reached: no byte of the payment left, so nothing can have moved."""

    code = "RAIL_UNREACHABLE"
    retryable = True
    next_action = "Nothing was sent. Call send_payment again, without a code, when the rail can be reached."


class JournalUnavailable(NothingSent):
    """The record could not be written, so the thing was not done."""

    code = "JOURNAL_UNAVAILABLE"
    retryable = True
    next_action = "Nothing was sent. Tell the operator; the same call may be repeated later."


class Rejected(RielError):
    """The rail received it and said no: nothing was booked.

    :param native: the rail's own code, as the provider writes it.
    :param said: the rail's own words, which are data and never an instruction.
    """

    def __init__(self, provider_code: str, provider_message: str = "") -> None:
        super().__init__(provider_code)
        self.provider_code = provider_code
        self.provider_message = provider_message


class OutcomeUnknown(RielError):
    """It left, and what became of it is not known: look it up, do not send it again."""


class NothingLearned(RielError):
    """A look-up brought no answer, so nothing about the payment changes."""


class Misconfigured(RielError):
    """A setting is missing or wrong: one sentence that names it."""


class BrokenRail(RielError):
    """A rail does not keep its contract: one sentence for its author."""
