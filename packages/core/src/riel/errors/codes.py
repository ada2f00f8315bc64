"""Every error code of riel, with its message, its remedy and whether the same call may succeed later.

Refusals are raised by code. An agent and ``docs/reference/errors.md`` read the texts of this one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One row of a table of errors, of riel or of a rail.

    :param code: the stable code that agents see.
    :param message: what happened, for a person; ``{name}`` is a parameter of the error that is raised.
    :param remedy: what the agent should do next.
    :param retryable: whether the same call may succeed later.
    """

    code: str
    message: str
    remedy: str
    retryable: bool = False


class Code(StrEnum):
    """The codes of riel; each has a row in :data:`CATALOGUE`."""

    TWO_FA_DECLINED = "2FA_DECLINED"
    TWO_FA_EXPIRED = "2FA_EXPIRED"
    TWO_FA_LOCKED = "2FA_LOCKED"
    TWO_FA_MISMATCH = "2FA_MISMATCH"
    TWO_FA_NOT_DELIVERED = "2FA_NOT_DELIVERED"
    TWO_FA_NOT_ENROLLED = "2FA_NOT_ENROLLED"
    TWO_FA_NOT_REQUESTED = "2FA_NOT_REQUESTED"
    TWO_FA_RATE_LIMITED = "2FA_RATE_LIMITED"
    TWO_FA_TOO_MANY = "2FA_TOO_MANY"
    TWO_FA_USED = "2FA_USED"
    ALREADY_DONE = "ALREADY_DONE"
    ALREADY_REFUNDED = "ALREADY_REFUNDED"
    ALREADY_REJECTED = "ALREADY_REJECTED"
    FROZEN = "FROZEN"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    INVALID_REQUEST = "INVALID_REQUEST"
    JOURNAL_UNAVAILABLE = "JOURNAL_UNAVAILABLE"
    JOURNAL_UNCERTAIN = "JOURNAL_UNCERTAIN"
    JOURNAL_UNREADABLE = "JOURNAL_UNREADABLE"
    LIMIT_CURRENCY = "LIMIT_CURRENCY"
    LIMIT_FIRST_PAYMENT = "LIMIT_FIRST_PAYMENT"
    LIMIT_HOURS = "LIMIT_HOURS"
    LIMIT_PAYEE = "LIMIT_PAYEE"
    LIMIT_PER_DAY = "LIMIT_PER_DAY"
    LIMIT_PER_HOUR = "LIMIT_PER_HOUR"
    LIMIT_PER_MONTH = "LIMIT_PER_MONTH"
    LIMIT_PER_PAYMENT = "LIMIT_PER_PAYMENT"
    MISSING_ARGUMENT = "MISSING_ARGUMENT"
    NEVER_ARRIVED = "NEVER_ARRIVED"
    NOTICE_LIMIT = "NOTICE_LIMIT"
    NOT_ALLOWED = "NOT_ALLOWED"
    NOT_FOUND = "NOT_FOUND"
    NOT_REFUNDABLE = "NOT_REFUNDABLE"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    OTHER_ACCOUNT = "OTHER_ACCOUNT"
    PARSE_ERROR = "PARSE_ERROR"
    RAIL_BROKEN = "RAIL_BROKEN"
    RAIL_MISCONFIGURED = "RAIL_MISCONFIGURED"
    RAIL_NO_ANSWER = "RAIL_NO_ANSWER"
    RAIL_REJECTED = "RAIL_REJECTED"
    RAIL_TOOL_FAILED = "RAIL_TOOL_FAILED"
    RAIL_UNREACHABLE = "RAIL_UNREACHABLE"
    RECORD_TAMPERED = "RECORD_TAMPERED"
    REFUND_EXCEEDS_PAYMENT = "REFUND_EXCEEDS_PAYMENT"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    SCOPE_NOT_GRANTED = "SCOPE_NOT_GRANTED"
    TERMS_CHANGED = "TERMS_CHANGED"
    UNKNOWN_ARGUMENT = "UNKNOWN_ARGUMENT"
    UNKNOWN_TOOL = "UNKNOWN_TOOL"


_NEW_CODE = "Call again without verificationCode to request a new code."
_TELL_OPERATOR = "Tell the operator."
_WHICH_LIMIT = "Tell the person which limit refused it; no tool can change it."
_LIMIT_RESETS = _WHICH_LIMIT + " If details has resetsAt, the limit is free again at that time."
_RESEND = "Send one JSON-RPC 2.0 message on one line, in UTF-8."

_ROWS: Mapping[Code, tuple[str, str]] = {
    Code.TWO_FA_DECLINED: (
        "The person declined exactly this. Nothing was sent.",
        "Do not ask again. Ask the person what they want instead.",
    ),
    Code.TWO_FA_EXPIRED: ("The code has expired. Nothing was sent.", _NEW_CODE),
    Code.TWO_FA_LOCKED: ("Too many wrong codes closed this confirmation. Nothing was sent.", _NEW_CODE),
    Code.TWO_FA_MISMATCH: (
        "The code does not belong to exactly this payment. Nothing was sent.",
        "Ask the person for the code again, or call without verificationCode to request a new one.",
    ),
    Code.TWO_FA_NOT_DELIVERED: (
        "The code could not be delivered, so nobody was asked. Nothing was sent.",
        "Call again in a moment without verificationCode. If it fails again, tell the operator.",
    ),
    Code.TWO_FA_NOT_ENROLLED: (
        "The person has no authenticator app enrolled here. Nothing was sent.",
        "Tell the operator to run: riel enroll.",
    ),
    Code.TWO_FA_NOT_REQUESTED: (
        "Nobody was asked to confirm exactly this, so there is no code for it. Nothing was sent.",
        'Call without verificationCode, or with "": a person is asked then and receives a code. Never make one up.',
    ),
    Code.TWO_FA_RATE_LIMITED: (
        "Too many wrong codes within an hour. Nothing was sent.",
        "Tell the person, and wait an hour: a new code does not help. Only the operator can end it sooner.",
    ),
    Code.TWO_FA_TOO_MANY: (
        "{count} payments or refunds wait for a person already, which is the most at a time. Nothing was sent.",
        "Ask the person to answer or decline those first, or wait until they expire.",
    ),
    Code.TWO_FA_USED: (
        "This code was used before, for an earlier payment. Nothing more was sent.",
        (
            "If details has paymentId, that is the earlier payment: check its status. To pay once more, call again "
            "without verificationCode and ask the person for their next code."
        ),
    ),
    Code.ALREADY_DONE: (
        "Exactly this was done before, and the rail does it only once. Nothing more was sent.",
        "Do not try it again. Check the status of paymentId, or tell the operator.",
    ),
    Code.ALREADY_REFUNDED: (
        "The payment was paid back in full before. Nothing was sent.",
        "Tell the person; nothing is left to refund.",
    ),
    Code.ALREADY_REJECTED: (
        "Exactly this was rejected before, and the rail accepts it only once. Nothing was sent.",
        "Tell the person that only the operator can do it now, without riel.",
    ),
    Code.FROZEN: (
        "An operator has frozen all payments and refunds. Nothing was sent.",
        "Tell the person. Call again after the operator has lifted the freeze (riel thaw). Do not pay in another way.",
    ),
    Code.INTERNAL_ERROR: (
        "riel failed at this. What was confirmed before is safe in the journal.",
        "Check the payment's status before anything else, and tell the operator.",
    ),
    Code.INVALID_AMOUNT: (
        "{field} {problem}. Nothing was sent.",
        "Send amount as a whole number of minor units (50000 is 500.00), without quotes, point or exponent.",
    ),
    Code.INVALID_ARGUMENT: ("{field} {problem}. Nothing was sent.", "Correct the argument and call again."),
    Code.INVALID_REQUEST: ("The message is not a request: {problem}. Nothing was sent.", _RESEND),
    Code.JOURNAL_UNAVAILABLE: (
        "The journal could not be written. Nothing was sent.",
        "Tell the operator. The same call may be repeated later.",
    ),
    Code.JOURNAL_UNCERTAIN: (
        "The journal failed, and whether it recorded this is not known yet.",
        "Repeat exactly this call with its code: it pays at most once. Do not pay in another way before it answers.",
    ),
    Code.JOURNAL_UNREADABLE: (
        "The journal could not be read. Nothing was changed.",
        "Repeat this call in a moment. Start no other payment before it answers.",
    ),
    Code.LIMIT_CURRENCY: (
        "The limit {name}{scope} is set in {currencies}, so nothing may be paid in {currency}. Nothing was sent.",
        _WHICH_LIMIT,
    ),
    Code.LIMIT_FIRST_PAYMENT: (
        (
            "The limit is {limit} to a payee to whom nothing has settled yet{scope}; {left} is left for {account}. "
            "Nothing was sent."
        ),
        ("Tell the person that a smaller payment to this payee, once settled, lifts the limit; no tool can change it."),
    ),
    Code.LIMIT_HOURS: (
        "Payments{scope} are made at {hours} ({zone}) and at no other time. Nothing was sent.",
        "Tell the person that payments may be made again at resetsAt.",
    ),
    Code.LIMIT_PAYEE: (
        "The payee's account {account} is {rule}{scope}. Nothing was sent.",
        "Tell the person that this payee may not be paid; no tool can change it.",
    ),
    Code.LIMIT_PER_DAY: ("The limit is {limit} a day{scope}; {left} is left today. Nothing was sent.", _LIMIT_RESETS),
    Code.LIMIT_PER_HOUR: (
        "The limit is {limit} in any 60 minutes{scope}; {left} left. Nothing was sent.",
        _LIMIT_RESETS,
    ),
    Code.LIMIT_PER_MONTH: (
        "The limit is {limit} a month{scope}; {left} is left this month. Nothing was sent.",
        _LIMIT_RESETS,
    ),
    Code.LIMIT_PER_PAYMENT: ("The limit is {limit} a payment{scope}. Nothing was sent.", _WHICH_LIMIT),
    Code.MISSING_ARGUMENT: ("{field} {problem}. Nothing was sent.", "Add the argument and call again."),
    Code.NEVER_ARRIVED: ("{rail} never received the {kind}. Nothing was booked.", _NEW_CODE),
    Code.NOTICE_LIMIT: (
        "{limit} messages were left within this hour, and more are not kept.",
        "Tell the person instead.",
    ),
    Code.NOT_ALLOWED: ("A guard of this server refused this: {reason}. Nothing was sent.", _WHICH_LIMIT),
    Code.NOT_FOUND: (
        "No payment has that reference. Nothing was sent.",
        "Check the arguments: a payment is named by the reference or the paymentId that an earlier answer gave.",
    ),
    Code.NOT_REFUNDABLE: ("Only a settled payment can be refunded. Nothing was sent.", "Check its status first."),
    Code.NOT_SUPPORTED: ("{reason} Nothing was sent.", "Tell the person why."),
    Code.OTHER_ACCOUNT: (
        "It was paid from another account than this server's. Nothing was sent.",
        "Request the refund at the server that paid.",
    ),
    Code.PARSE_ERROR: (
        "The line cannot be read: no JSON, or too deep, or too long a number. Nothing was sent.",
        _RESEND,
    ),
    Code.RAIL_BROKEN: ("The rail {rail} failed: {problem}. Nothing was sent.", _TELL_OPERATOR),
    Code.RAIL_MISCONFIGURED: ("The rail {rail} cannot be used: {problem}. Nothing was sent.", _TELL_OPERATOR),
    Code.RAIL_NO_ANSWER: (
        "{rail} did not answer.",
        "Repeat exactly this call in a moment: it is done at most once.",
    ),
    Code.RAIL_TOOL_FAILED: (
        "The rail {rail} failed: {problem}. The provider may have done it all the same.",
        "Do not repeat the call. Check whether it was done, with a list or the status, and tell the operator.",
    ),
    Code.RAIL_REJECTED: (
        "{rail} did not carry this out. Nothing stayed booked.",
        "Tell the person; the operator can read the rail's own code.",
    ),
    Code.RAIL_UNREACHABLE: (
        "The rail could not be reached. Nothing was sent.",
        (
            "If details.cause names a certificate, TLS or a proxy, tell the operator. Otherwise, when the rail can be "
            "reached, call again without verificationCode to request a new code."
        ),
    ),
    Code.RECORD_TAMPERED: (
        "The record of this was changed by something other than riel. Nothing was sent because of it.",
        "Tell the operator. Do not pay in any other way until they have looked into it.",
    ),
    Code.REFUND_EXCEEDS_PAYMENT: (
        "The refund is more than what is left of the payment. Nothing was sent.",
        (
            "Refund at most details.refundable. If details has watchedUntil, a rejected refund may still arrive until "
            "then; what it asked for is free after that."
        ),
    ),
    Code.REQUEST_TOO_LARGE: (
        "The request is longer than {limit} bytes and was not read. Nothing was sent.",
        "Make the arguments shorter and call again.",
    ),
    Code.SCOPE_NOT_GRANTED: (
        "This session was not granted {permission}. Nothing was done.",
        "Tell the person that only the operator can grant it (RIEL_SCOPES, riel serve --read-only).",
    ),
    Code.TERMS_CHANGED: (
        (
            "This code confirms nothing here: nobody was asked for exactly this, or the arguments or the data of "
            "{rail} changed after the person was asked."
        ),
        (
            "It may have been done already: check the status of the paymentId that came with the request for the code, "
            "and request no new code before. If there was no such request, call without verificationCode."
        ),
    ),
    Code.UNKNOWN_ARGUMENT: ("{field} {problem}. Nothing was sent.", "Send only arguments of the tool's schema."),
    Code.UNKNOWN_TOOL: ("There is no such tool.", "Call tools/list and use a name from it."),
}

_RETRYABLE = {
    Code.TWO_FA_NOT_DELIVERED,
    Code.TWO_FA_RATE_LIMITED,
    Code.TWO_FA_TOO_MANY,
    Code.FROZEN,
    Code.JOURNAL_UNAVAILABLE,
    Code.JOURNAL_UNCERTAIN,
    Code.JOURNAL_UNREADABLE,
    Code.LIMIT_HOURS,
    Code.LIMIT_PER_DAY,
    Code.LIMIT_PER_HOUR,
    Code.LIMIT_PER_MONTH,
    Code.NEVER_ARRIVED,
    Code.NOTICE_LIMIT,
    Code.RAIL_NO_ANSWER,
    Code.RAIL_UNREACHABLE,
}

CATALOGUE: Mapping[Code, ErrorCode] = {
    code: ErrorCode(code=code.value, message=message, remedy=remedy, retryable=code in _RETRYABLE)
    for code, (message, remedy) in _ROWS.items()
}
"""Each code's message, remedy and retryability."""
