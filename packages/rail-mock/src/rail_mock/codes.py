"""The bank's error codes, each with a message and a remedy for an agent.

The table has the bank's own names. ``invalid_account`` is also the type of the error that the rail's validator raises,
so that the rail and the bank refuse an account with the same message.
"""

from collections.abc import Mapping

from riel import ErrorCode

ERRORS: Mapping[str, ErrorCode] = {
    "invalid_account": ErrorCode(
        code="MOCK_INVALID_ACCOUNT",
        message="The account is not one of this bank: an account has exactly 10 digits.",
        remedy="Ask the person for the payee's account number; do not guess digits.",
    ),
    "invalid_request": ErrorCode(
        code="MOCK_INVALID_REQUEST",
        message="The bank could not read the order.",
        remedy="This is a fault of the software: tell the operator.",
    ),
    "unsupported_currency": ErrorCode(
        code="MOCK_UNSUPPORTED_CURRENCY",
        message="The bank moves Mexican pesos only.",
        remedy="Ask the person whether to pay in MXN.",
    ),
    "insufficient_funds": ErrorCode(
        code="MOCK_INSUFFICIENT_FUNDS",
        message="The paying account does not hold enough money.",
        remedy="Tell the person; it can be paid once the account has been funded, or with a smaller amount.",
    ),
    "account_not_found": ErrorCode(
        code="MOCK_ACCOUNT_NOT_FOUND",
        message="No account has that number.",
        remedy="Ask the person to check the account number with the payee.",
    ),
    "account_closed": ErrorCode(
        code="MOCK_ACCOUNT_CLOSED",
        message="The payee's account has been closed.",
        remedy="Ask the person for another account of the payee.",
    ),
    "account_blocked": ErrorCode(
        code="MOCK_ACCOUNT_BLOCKED",
        message="The payee's account may not receive money.",
        remedy="Ask the person to speak with the payee.",
    ),
    "name_mismatch": ErrorCode(
        code="MOCK_NAME_MISMATCH",
        message="The account belongs to somebody with another name.",
        remedy="Stop, and ask the person to check with the payee, by another channel, whose account this is.",
    ),
    "limit_exceeded": ErrorCode(
        code="MOCK_LIMIT_EXCEEDED",
        message="The amount is above what the bank lets this customer pay.",
        remedy="Tell the person; only the bank can raise the limit.",
    ),
    "temporarily_unavailable": ErrorCode(
        code="MOCK_TEMPORARILY_UNAVAILABLE",
        message="The payee's bank takes no payments at the moment.",
        remedy="Wait a few minutes, then ask the person whether to try again.",
        retryable=True,
    ),
    "payment_not_found": ErrorCode(
        code="MOCK_PAYMENT_NOT_FOUND",
        message="The bank has no payment of that reference to refund.",
        remedy="Check the status of the payment first.",
    ),
    "not_refundable": ErrorCode(
        code="MOCK_NOT_REFUNDABLE",
        message="The payment has not settled, or has already come back.",
        remedy="Check the status of the payment; only a settled payment can be refunded.",
    ),
    "refund_too_large": ErrorCode(
        code="MOCK_REFUND_TOO_LARGE",
        message="The refund is more than what is left of the payment.",
        remedy="Ask for the rest at most: the payment less what was refunded before.",
    ),
    "refund_refused": ErrorCode(
        code="MOCK_REFUND_REFUSED",
        message="The payee did not agree to give the money back.",
        remedy="Ask the person to speak with the payee.",
    ),
    "returned_by_payee": ErrorCode(
        code="MOCK_RETURNED_BY_PAYEE",
        message="The payee's bank sent the money back after it had settled.",
        remedy="Tell the person that the money is back, and ask whether to pay in another way.",
    ),
}

REFUSALS: frozenset[str] = frozenset(ERRORS) - {"returned_by_payee"}
"""The codes of a refused request, after which nothing was booked for it.

Three codes of the bank are left out because they say nothing about the order itself, only that the bank met its
reference before: ``key_in_use``, ``key_reused``, ``duplicate_reference``. After one of them, look the order up.
"""
