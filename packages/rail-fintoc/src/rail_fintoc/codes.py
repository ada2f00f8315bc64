"""The rail's own codes, each with what it means and what helps, and which code each word of Fintoc's leads to.

``CODES`` is the table for people: one line per code. ``ERRORS`` is what the core looks up: the plain name of each code
(the type of our validators' errors), every error code of Fintoc's, its types and statuses, and every reason.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from rail_fintoc.api.error_table import STATUSES, TABLE, TYPES, ErrorProof
from rail_fintoc.fields.reasons import REASONS_BY_CODE
from riel import ErrorCode

_OPERATOR = "Tell the operator: only the configuration or the contract with Fintoc can change this. Do not try again."
_SOFTWARE = "This is a fault of the software or its configuration: tell the operator. Do not try again."
_ASK = "Ask the person for the payee's details; do not guess."
_BACK = "Tell the person that the money is back; a new payment needs a new decision."

_LINES: tuple[tuple[str, str, str, bool], ...] = (
    ("INVALID_CLABE", "The CLABE is not one: it has 18 digits, of which the last one checks the others.", _ASK, False),
    ("INVALID_ACCOUNT_NUMBER", "Fintoc cannot pay that account number, card or telephone number.", _ASK, False),
    (
        "INVALID_ACCOUNT_TYPE",
        "The payee's type of account is missing, or cannot be paid.",
        "Ask the person: checking_account (corriente), sight_account (vista, CuentaRUT) or savings_account (ahorro).",
        False,
    ),
    (
        "INVALID_INSTITUTION",
        "The payee's institution is missing, or is not one that Fintoc knows.",
        "Ask the person which bank it is: cl_banco_estado and the like in Chile, five digits such as 40012 in Mexico.",
        False,
    ),
    ("INVALID_RUT", "The RUT is not one: it has 7 or 8 digits and a check character that fits.", _ASK, False),
    ("INVALID_HOLDER_ID", "The payee's RUT, RFC or CURP is missing or not valid.", _ASK, False),
    ("INVALID_PHONE", "That is no telephone number with its country, such as +56912345678.", _ASK, False),
    (
        "INVALID_AMOUNT",
        "The amount cannot be paid: it is no positive number of minor units, or more than is allowed.",
        "Check the amount with the person: MXN is in centavos (50000 is MXN 500.00), CLP in whole pesos.",
        False,
    ),
    (
        "AMOUNT_ABOVE_CAP",
        "One transfer in Chile carries CLP 7,000,000 at most.",
        "Ask the person whether to pay it in parts: each is a payment of its own, with its own comment.",
        False,
    ),
    (
        "INVALID_CURRENCY",
        "The currency is not that of the account that pays, or Fintoc does not transfer it.",
        "Use MXN for a payee in Mexico and CLP for one in Chile, from an account in the same currency.",
        False,
    ),
    ("INVALID_COMMENT", "The comment is empty or too long.", "Write 1 to 40 characters.", False),
    (
        "INVALID_REFERENCE_ID",
        "The numeric reference is not one.",
        "Write 1 to 7 digits without a zero in front.",
        False,
    ),
    (
        "INVALID_METADATA",
        "The metadata is more than Fintoc takes.",
        "Write at most 49 keys of 40 characters, with texts of 500 characters, numbers or true/false.",
        False,
    ),
    ("INVALID_ID", "That is not an id of Fintoc.", "Use the id that an earlier answer gave, letter by letter.", False),
    ("INVALID_CURSOR", "That place in the list is not one.", "Begin at the front of the list again.", False),
    ("INVALID_FIELD", "Fintoc does not accept a field of the request.", _SOFTWARE, False),
    ("NOT_SET_UP", "A setting of this rail is missing, and nothing can be sent without it.", _OPERATOR, False),
    ("KEY_REFUSED", "Fintoc does not accept the API key.", _OPERATOR, False),
    ("SIGNATURE_REJECTED", "Fintoc does not accept the signature of the request.", _OPERATOR, False),
    ("PAYMENT_REQUIRED", "Fintoc's bill for this organisation is not paid.", _OPERATOR, False),
    (
        "FORBIDDEN",
        "Fintoc does not allow this to the organisation: a product, an address or an entity is missing.",
        _OPERATOR,
        False,
    ),
    ("SOURCE_ACCOUNT_BLOCKED", "The account that pays cannot pay: it or its holder is not active.", _OPERATOR, False),
    (
        "INSUFFICIENT_BALANCE",
        "The account that pays does not hold enough. Nothing was booked.",
        "Tell the person; when the account is funded, ask whether to pay.",
        False,
    ),
    (
        "DUPLICATE_TRANSFER",
        "Chile refuses a second transfer of one day with the same amount, payee and comment. Nothing was booked.",
        "Ask the person whether a second one is meant; if so, send it with another comment.",
        False,
    ),
    ("PAYEE_ACCOUNT_REJECTED", "The payee's account cannot receive this payment.", _ASK, False),
    (
        "PAYEE_LIMIT_REACHED",
        "The payee's account has reached a limit.",
        "Ask the person whether to pay later or less.",
        True,
    ),
    (
        "PAYEE_BANK_UNAVAILABLE",
        "The payee's bank could not be reached.",
        "Ask the person whether to pay again later: that is a new payment.",
        True,
    ),
    (
        "NOT_FOUND",
        "Fintoc has no such object in this mode (test and live are kept apart).",
        "Check the id, and which mode the server is in.",
        False,
    ),
    (
        "NOT_POSSIBLE",
        "That cannot be done with this object in the state it is in.",
        "Read the object again and tell the person its state.",
        False,
    ),
    ("NOT_SUPPORTED", "Fintoc does not offer this for that country, currency or product.", _OPERATOR, False),
    ("LIMIT_REACHED", "The organisation has as many of these as Fintoc allows.", _OPERATOR, False),
    (
        "BANK_ACCESS",
        "The bank does not let Fintoc in: the credentials of the link are wrong or locked.",
        "Tell the person that the link has to be connected again.",
        False,
    ),
    (
        "BANK_UNAVAILABLE",
        "The bank behind the request is not available.",
        "Wait, then ask again. Of a payment check the status; do not send it again.",
        True,
    ),
    ("ONE_TIME_CODE", "A one-time code was wrong, or there is none.", "Tell the person.", False),
    (
        "SLOW_DOWN",
        "Fintoc was asked too often.",
        "Wait, then ask again. Of a payment check the status; do not send it again.",
        True,
    ),
    (
        "PROVIDER_ERROR",
        "Fintoc failed.",
        "Wait, then ask again. Of a payment check the status; do not send it again.",
        True,
    ),
    (
        "UNEXPECTED_ANSWER",
        "The answer was not one of Fintoc's.",
        "Tell the operator: something else than Fintoc may be answering. Of a payment check the status.",
        False,
    ),
    (
        "PROVIDER_UNAVAILABLE",
        "Fintoc could not be reached. Nothing was sent.",
        "When Fintoc can be reached, call again without verificationCode.",
        True,
    ),
    (
        "OUTCOME_UNKNOWN",
        "Whether Fintoc took the transfer is not known yet.",
        "Do not send it again: check its status.",
        False,
    ),
    ("REJECTED", "The payee's institution declined the transfer.", _BACK, False),
    ("FAILED", "The transfer could not be delivered.", _BACK, False),
    ("RETURNED", "The money came back after it had settled.", _BACK, False),
    (
        "RETURN_TOO_LATE",
        "A received transfer can be given back for 90 days only.",
        "Tell the person; a new payment to the sender is possible.",
        False,
    ),
    (
        "RETURN_FAILED",
        "The transfer could not be given back: the money is still here.",
        "Tell the person. Fintoc does not say why, and takes the same return only once.",
        False,
    ),
    (
        "REFUND_NOT_POSSIBLE",
        "Nothing of this payment can be given back in the state it is in.",
        "Check its status. A settled outbound transfer is final: only the payee can give it back.",
        False,
    ),
    ("REFUND_CANCELED", "The refund was taken back before it was paid.", "Tell the person: nothing was paid.", False),
    ("REFUND_FAILED", "The refund could not be paid: the money is back.", _BACK, False),
    (
        "REFUND_REFUSED",
        "The refund failed: the payment looks like fraud.",
        "Stop, and tell the person and the operator.",
        False,
    ),
)

CODES: Final[Mapping[str, ErrorCode]] = {
    f"FINTOC_{code}": ErrorCode(code=f"FINTOC_{code}", message=message, remedy=remedy, retryable=retryable)
    for code, message, remedy, retryable in _LINES
}

DUPLICATE_SEEN: Final = "duplicate_transfer"
"""The native code for a transfer that is *seen* to be the duplicate of another one. Fintoc's word that it is one proves
only that somebody made it: perhaps we did, a moment ago, and the answer was lost."""

_ENDS = {"status:rejected": "REJECTED", "status:failed": "FAILED", "status:returned": "RETURNED"}
_REFUNDS = {
    "refund:fraud_risk": "REFUND_REFUSED",
    "refund:insufficient_funds": "INSUFFICIENT_BALANCE",
    "refund:canceled": "REFUND_CANCELED",
    "refund:failed": "REFUND_FAILED",
    "refund:rejected": "REFUND_FAILED",
    "cancel:too_late": "NOT_POSSIBLE",
}
_OURS = {"unsupported_currency": "INVALID_CURRENCY"}

ERRORS: Final[Mapping[str, ErrorCode]] = {
    **{code.removeprefix("FINTOC_").lower(): known for code, known in CODES.items()},
    **{name: CODES[f"FINTOC_{code}"] for name, code in (_ENDS | _REFUNDS | _OURS).items()},
    **{f"type:{name}": CODES[f"FINTOC_{code}"] for name, code in TYPES.items()},
    **{f"http:{status}": CODES[f"FINTOC_{code}"] for status, code in STATUSES.items()},
    **{provider_code: CODES[row.code] for provider_code, row in TABLE.items()},
    "invalid_duplicated_transfer": replace(
        CODES["FINTOC_DUPLICATE_TRANSFER"], remedy="Do not send it again: the first one may be this very payment."
    ),
    "jws_nonce_already_used": replace(
        CODES["FINTOC_SIGNATURE_REJECTED"],
        message="Fintoc has seen this very request before: something on the way sent it twice.",
        remedy="Do not send it again: check its status, and tell the operator.",
    ),
    **{
        provider_code: replace(
            CODES[reason.advice.value[0]],
            message=reason.meaning,
            remedy=reason.advice.value[1],
            retryable=reason.advice.value[2],
        )
        for provider_code, reason in REASONS_BY_CODE.items()
    },
}

BEFORE_PROCESSING: Final = frozenset(
    provider_code for provider_code, row in TABLE.items() if row.proof is ErrorProof.BEFORE_PROCESSING
)
"""Refusals that say nothing of an earlier request with the same Idempotency-Key: the key or the signature was checked
before anything began, which Fintoc does not store, or the code is one that a key used twice may be answered with."""

REFUSALS: Final = (
    frozenset(provider_code for provider_code, row in TABLE.items() if row.proof is ErrorProof.REFUSED)
    | BEFORE_PROCESSING
    | {DUPLICATE_SEEN}
)
"""The codes after which the request that got them booked nothing. Where an order may have been sent before, those
``AT_THE_DOOR`` prove nothing: a rail that declares these as its refusals must not declare that they are stored."""
