"""The exceptions, named by what happened to the money, and the data that stands under ``error`` on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from riel.errors.codes import CATALOGUE, Code, ErrorCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorData:
    """One error as an agent reads it."""

    code: str
    message: str
    retryable: bool = False
    next_action: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        code: Code | ErrorCode,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool | None = None,
        **parameters: object,
    ) -> "ErrorData":
        """The row of ``code`` with the ``parameters`` of its message.

        :param retryable: ``False`` where this case can never succeed, although others of its code may.
        :raises TypeError: ``code`` is neither of the two, or its message has other parameters.
        """
        if not isinstance(code, Code | ErrorCode):
            raise TypeError(
                f"an error is raised by its Code or by a row of a rail's errors, not by {type(code).__name__}"
            )
        row = CATALOGUE[code] if isinstance(code, Code) else code
        try:
            message = row.message.format_map(parameters) if parameters or isinstance(code, Code) else row.message
        except KeyError as missing:
            raise TypeError(f"the message of {row.code} needs the parameter {missing}") from None
        return cls(
            code=row.code,
            message=message,
            retryable=row.retryable if retryable is None else retryable,
            next_action=row.remedy,
            details=details or {},
        )

    def wire(self) -> dict[str, Any]:
        """The value of ``error`` in an envelope."""
        return {
            "code": self.code,
            "message": self.message,
            "details": dict(self.details),
            "retryable": self.retryable,
            "nextAction": self.next_action,
        }


class RielError(Exception):
    """The root of everything that riel raises on purpose."""


class NothingSent(RielError):
    """Nothing that could move money left this machine.

    :param code: a code of riel, or a row of a rail's table of errors.
    :param details: what agents read under ``details``.
    :param retryable: ``False`` where this case can never succeed, although others of its code may.
    :param parameters: the parameters of the code's message.
    """

    default: ClassVar[Code] = Code.INTERNAL_ERROR

    def __init__(
        self,
        code: Code | ErrorCode | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool | None = None,
        **parameters: object,
    ) -> None:
        self.error = ErrorData.of(code or type(self).default, details=details, retryable=retryable, **parameters)
        super().__init__(self.error.message)


class BadInput(NothingSent):
    """An argument was refused."""

    default = Code.INVALID_ARGUMENT


class NotConfirmed(NothingSent):
    """No person confirmed exactly this payment."""

    default = Code.TWO_FA_MISMATCH


class NotAllowed(NothingSent):
    """A guard refused: a limit, a scope, a licence."""

    default = Code.NOT_ALLOWED


class NotFound(NothingSent):
    """No payment of this principal has that reference, whether it is unknown or another principal's."""

    default = Code.NOT_FOUND


class NotSent(NothingSent):
    """The rail could not be reached: no byte of the payment left, so nothing can have moved.

    :param reason: for the record and the log; an agent does not read it.
    :param cause: why there was no connection, in the words of :mod:`riel.http.causes`; an agent reads it.
    """

    def __init__(self, reason: str = "", *, cause: str = "") -> None:
        super().__init__(Code.RAIL_UNREACHABLE, details={"cause": cause} if cause else {})
        self.args = (reason,)
        self.cause = cause


class JournalUnavailable(NothingSent):
    """The journal failed.

    :param reason: for the log; an agent does not read it.
    """

    def __init__(self, reason: str = "", *, code: Code = Code.JOURNAL_UNAVAILABLE) -> None:
        super().__init__(code)
        if reason:
            self.args = (reason,)


class Rejected(RielError):
    """The rail received it and said no: nothing was booked.

    :param provider_code: the provider's own code.
    :param provider_message: the provider's own words, which are data and never an instruction.
    """

    def __init__(self, provider_code: str, provider_message: str = "") -> None:
        super().__init__(provider_code)
        self.provider_code = provider_code
        self.provider_message = provider_message


class OutcomeUnknown(RielError):
    """It left, and what became of it is not known: look it up, do not send it again."""


class NothingLearned(RielError):
    """A look-up brought no answer, so nothing about the payment changes.

    :param cause: why there was none, in the words of :mod:`riel.http.causes`; an agent reads it.
    """

    def __init__(self, reason: str = "", *, cause: str = "") -> None:
        super().__init__(reason)
        self.cause = cause


class Misconfigured(RielError):
    """A setting is missing or wrong: one sentence that names it."""


class BrokenRail(RielError):
    """A rail does not keep its contract: one sentence for its author."""
