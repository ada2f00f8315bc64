"""The rail's error codes, each with a message and a remedy, and the code for each error, state and cause of STP.

``CODES`` is the table for people: one line per code. ``ERRORS`` is what the core looks up: the plain name of each code
(the type of our validators' errors), and every id, state and cause of STP's, with a sentence of its own.
"""

from collections.abc import Mapping
from dataclasses import replace

from rail_spei.stp.causes import CAUSES
from rail_spei.stp.refusals import CATALOGUE, OTHER_REFUSALS
from rail_spei.stp.refusals import REFUSALS as SAID_BY_STP
from rail_spei.stp.states import STATES
from riel import ErrorCode

_OPERATOR = "Tell the operator: only the configuration or the contract with STP can change this. Do not try again."

CODES: Mapping[str, ErrorCode] = {
    known.code: known
    for known in (
        ErrorCode(
            code="SPEI_INVALID_CLABE",
            message="The CLABE is not one: it has 18 digits, of which the last one checks the others.",
            remedy="Ask the person for the payee's CLABE; do not guess digits.",
        ),
        ErrorCode(
            code="SPEI_UNKNOWN_INSTITUTION",
            message="The CLABE is well formed, but its first three digits are not in the table of institutions.",
            remedy="Ask the person to check the CLABE. If it is right, the operator can bring the table up to date.",
        ),
        ErrorCode(
            code="SPEI_INSTITUTION_INACTIVE",
            message="The payee's institution cannot be paid through SPEI: it has left, or it holds no such accounts.",
            remedy="Ask the person for the payee's present CLABE.",
        ),
        ErrorCode(
            code="SPEI_ACCOUNT_TYPE_NOT_SUPPORTED",
            message="This kind of account cannot be paid.",
            remedy="Ask the person for the payee's CLABE instead of a card or a telephone number.",
        ),
        ErrorCode(
            code="SPEI_INVALID_AMOUNT",
            message="The amount cannot be paid: it is no positive number of centavos, or more than is allowed.",
            remedy="Check the amount with the person: it is in centavos (50000 is MXN 500.00). A limit can be raised.",
        ),
        ErrorCode(
            code="SPEI_INVALID_CONCEPT",
            message="The concept cannot be carried by SPEI: it is empty without its special characters, or too long.",
            remedy="Write a shorter concept of plain letters, digits and spaces, 40 at most.",
        ),
        ErrorCode(
            code="SPEI_INVALID_RECIPIENT_NAME",
            message="The recipient's name cannot be carried by SPEI: it is empty without its special characters.",
            remedy="Ask the person for the name of the account's holder, in Latin letters.",
        ),
        ErrorCode(
            code="SPEI_INVALID_TRACKING_KEY",
            message="That is no tracking key: it has 1 to 30 letters, digits, hyphens or slashes.",
            remedy="Use the trackingKey that an earlier answer gave, letter by letter.",
        ),
        ErrorCode(
            code="SPEI_INVALID_FIELD",
            message="STP does not accept a field of the order, or the payer's data or setup behind it.",
            remedy="This is a fault of the software or its configuration: tell the operator. Do not try again.",
        ),
        ErrorCode(
            code="SPEI_SAME_ACCOUNT",
            message="The payee's account is the one that pays.",
            remedy="Ask the person which account is meant.",
        ),
        ErrorCode(
            code="SPEI_SOURCE_ACCOUNT_REJECTED",
            message="STP does not let the configured account pay.",
            remedy=_OPERATOR,
        ),
        ErrorCode(
            code="SPEI_COMPLIANCE_REJECTED",
            message="The order was refused by rules against money laundering.",
            remedy="Stop, and tell the person and the operator. Do not try again in another way.",
        ),
        ErrorCode(
            code="SPEI_DUPLICATE_TRACKING_KEY",
            message="The tracking key belongs to another order of that operating day.",
            remedy="Call again without verificationCode: the order gets another key, and the person is asked anew.",
        ),
        ErrorCode(
            code="SPEI_DUPLICATE_REQUEST",
            message="The same payment was asked for a moment ago.",
            remedy="Check the status of the first one, and ask the person whether a second one is meant.",
        ),
        ErrorCode(
            code="SPEI_SIGNATURE_REJECTED",
            message="STP does not accept the signature of the order.",
            remedy=_OPERATOR,
        ),
        ErrorCode(
            code="SPEI_PROVIDER_ACCESS_DENIED",
            message="STP's front end turns this machine away: it has no VPN, or an address that is not allowed.",
            remedy=_OPERATOR,
        ),
        ErrorCode(
            code="SPEI_PROVIDER_MAINTENANCE",
            message="STP takes no orders at the moment: maintenance, mostly between 18:00 and 20:00 in Mexico City.",
            remedy="Nothing was sent. Wait, then ask the person whether to try again.",
            retryable=True,
        ),
        ErrorCode(
            code="SPEI_PROVIDER_UNAVAILABLE",
            message="STP could not be reached, so nothing was sent.",
            remedy="Nothing was sent. Call again, without verificationCode, when STP can be reached.",
            retryable=True,
        ),
        ErrorCode(
            code="SPEI_OUTCOME_UNKNOWN",
            message="Whether STP took the order is not known yet.",
            remedy="Do not send it again: check its status with the trackingKey.",
        ),
        ErrorCode(
            code="SPEI_RETURNED",
            message="The payee's institution sent the money back.",
            remedy="Tell the person that the money is back and why; a new payment needs a new decision.",
        ),
        ErrorCode(
            code="SPEI_REJECTED",
            message="The order was rejected before it settled.",
            remedy="Tell the person; the operator can ask STP for the reason.",
        ),
        ErrorCode(
            code="SPEI_CANCELLED",
            message="The order was cancelled before it settled.",
            remedy="Tell the person; the operator can ask STP for the reason.",
        ),
        ErrorCode(
            code="SPEI_NOT_FOUND",
            message="STP finds no order with that tracking key.",
            remedy="Check the trackingKey; the status may be asked again later.",
        ),
        ErrorCode(
            code="SPEI_REFUND_NOT_POSSIBLE",
            message="Nothing of this payment can be given back in the state it is in.",
            remedy="Check its status. A settled SPEI payment is final: only the payee can give it back.",
        ),
        ErrorCode(
            code="SPEI_RETURN_AT_CUTOFF",
            message=(
                "No return is made from 17:45 to 18:05 in Mexico City: if STP refused it because of its maintenance, "
                "it could never be made again. Nothing was sent."
            ),
            remedy="Tell the person that the payment can be returned after 18:05. Call again then.",
            retryable=True,
        ),
    )
}

_ENDED = {"returned": "SPEI_RETURNED", "cancelled": "SPEI_CANCELLED", "failed": "SPEI_REJECTED"}


def _plain_name(code: str) -> str:
    return code.removeprefix("SPEI_").lower()


ERRORS: Mapping[str, ErrorCode] = {
    **{_plain_name(code): known for code, known in CODES.items()},
    "invalid_taxpayer": replace(
        CODES["SPEI_INVALID_FIELD"],
        message="That is neither an RFC (12 or 13 characters) nor a CURP (18), nor ND where it is not known.",
        remedy="Ask the person for the RFC or CURP, or write ND.",
    ),
    **{row.provider_code: replace(CODES[row.code], message=row.meaning) for row in CATALOGUE},
    **{native: replace(CODES[code], message=meaning) for native, (code, meaning) in OTHER_REFUSALS.items()},
    **{state.provider_code: CODES[_ENDED[state.kind]] for state in STATES.values() if state.provider_code},
    **{
        cause.provider_code: replace(CODES["SPEI_RETURNED"], message=cause.meaning.english, remedy=cause.advice.english)
        for cause in CAUSES.values()
    },
}

REFUSALS: frozenset[str] = SAID_BY_STP | {"duplicate_tracking_key"}
"""The codes after which nothing was booked. The last is for a key that a look-up showed to be another order's: STP's
error "already used" proves only that somebody used the key."""
