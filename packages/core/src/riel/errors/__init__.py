"""What can go wrong, named by what happened to the money.

RielError
├── NothingSent               nothing that could move money left this machine
│   ├── BadInput              an argument was refused
│   ├── NotConfirmed          no person confirmed exactly this payment (2FA_*)
│   ├── NotAllowed            a guard refused
│   ├── NotFound              no such payment of this principal
│   ├── NotSent               the rail could not be reached: no byte of the payment left
│   └── JournalUnavailable    the journal could not be written, so nothing was done
├── Rejected                  the rail has it and said no: nothing was booked
├── OutcomeUnknown            it left; what became of it is not known yet
├── NothingLearned            a look-up brought no answer: nothing changes
├── Misconfigured             a setting is missing or wrong (for the operator)
└── BrokenRail                a rail does not keep its contract (for its author)

A :class:`NothingSent` is raised by :class:`Code`; :data:`CATALOGUE` has the texts of each code.
"""

from riel.errors.codes import CATALOGUE, Code, ErrorCode
from riel.errors.exceptions import (
    BadInput,
    BrokenRail,
    ErrorData,
    JournalUnavailable,
    Misconfigured,
    NotAllowed,
    NotConfirmed,
    NotFound,
    NothingLearned,
    NothingSent,
    NotSent,
    OutcomeUnknown,
    Rejected,
    RielError,
)

__all__ = [
    "CATALOGUE",
    "BadInput",
    "BrokenRail",
    "Code",
    "ErrorCode",
    "ErrorData",
    "JournalUnavailable",
    "Misconfigured",
    "NotAllowed",
    "NotConfirmed",
    "NotFound",
    "NotSent",
    "NothingLearned",
    "NothingSent",
    "OutcomeUnknown",
    "Rejected",
    "RielError",
]
