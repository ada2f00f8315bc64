"""Fintoc's error codes: the status each comes with, which of our codes explains it, and what it proves of the money.

The codes are those that Fintoc's own SDKs know (as of 2026-11). The set is open: a code that is not here is explained
by the type of the error, else by the HTTP status, and never proves that nothing was booked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class ErrorProof(Enum):
    """What an error in answer to a request that moves money proves."""

    REFUSED = "the endpoint refused it: nothing was booked, and the same key gets the same answer again"
    BEFORE_PROCESSING = "this attempt was turned away; it says nothing of an earlier one with the same key"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One code of Fintoc's, the HTTP status it is documented with, and the code of ours that explains it."""

    provider_code: str
    status: int
    code: str
    proof: ErrorProof


_REFUSED, _DOOR, _NOTHING = ErrorProof.REFUSED, ErrorProof.BEFORE_PROCESSING, ErrorProof.NOTHING

# Keys and signatures are checked before an endpoint begins, and Fintoc documents that nothing is stored then. A key
# that is used again with other parameters gets an error whose code is not documented: the general codes of 400 may be
# it, so they prove nothing of an earlier attempt either.
_ROWS: tuple[tuple[int, str, ErrorProof, str], ...] = (
    (400, "INVALID_FIELD", _DOOR, "invalid_request invalid_params invalid_json"),
    (
        400,
        "INVALID_FIELD",
        _REFUSED,
        (
            "missing_parameter invalid_string empty_string invalid_string_size invalid_integer "
            "invalid_positive_integer invalid_boolean invalid_array invalid_hash invalid_enum invalid_date "
            "invalid_holder_type invalid_session_holder_id invalid_payment_reference_number "
            "invalid_business_profile_tax_id invalid_installments_currency invalid_expires_at invalid_product "
            "invalid_mode invalid_webhook_subscription invalid_issue_type invalid_refresh_type invalid_username "
            "invalid_link_token invalid_widget_token invalid_on_demand_link invalid_voucher_download "
            "invalid_rsa_key expected_public_rsa_key invalid_cidr_block"
        ),
    ),
    (400, "INVALID_CURSOR", _REFUSED, "missing_cursor"),
    (400, "INVALID_AMOUNT", _REFUSED, "invalid_amount"),
    (
        400,
        "INVALID_CURRENCY",
        _REFUSED,
        "invalid_currency currency_mismatch mismatch_transfer_account_currency",
    ),
    (400, "INVALID_ACCOUNT_TYPE", _REFUSED, "invalid_account_type"),
    (
        400,
        "INVALID_ACCOUNT_NUMBER",
        _REFUSED,
        "invalid_account_number invalid_card_number invalid_payment_recipient_account invalid_payout_recipient_account",
    ),
    (400, "SOURCE_ACCOUNT_BLOCKED", _REFUSED, "invalid_account_status"),
    (400, "INSUFFICIENT_BALANCE", _REFUSED, "invalid_account_balance"),
    (400, "INVALID_INSTITUTION", _REFUSED, "invalid_institution_id"),
    (400, "INVALID_CLABE", _REFUSED, "invalid_clabe"),
    (400, "INVALID_HOLDER_ID", _REFUSED, "invalid_holder_id"),
    (400, "INVALID_COMMENT", _REFUSED, "invalid_comment_size"),
    (400, "INVALID_REFERENCE_ID", _REFUSED, "invalid_reference_id_size"),
    (
        401,
        "KEY_REFUSED",
        _DOOR,
        (
            "authentication invalid_api_key expired_api_key invalid_api_key_mode invalid_exchange_token "
            "expired_exchange_token invalid_credentials"
        ),
    ),
    (
        401,
        "SIGNATURE_REJECTED",
        _DOOR,
        (
            "missing_active_jws_public_key missing_jws_signature_header invalid_jws_signature_header "
            "invalid_jws_signature_algorithm invalid_jws_signature_nonce invalid_jws_signature_timestamp "
            "invalid_jws_signature_timestamp_format invalid_jws_signature_timestamp_value invalid_jws_ts"
        ),
    ),
    # Our nonces are new for every attempt, so a used one means that something on the way sent our request twice: the
    # other copy may have been booked.
    (401, "SIGNATURE_REJECTED", _NOTHING, "jws_nonce_already_used"),
    (402, "PAYMENT_REQUIRED", _DOOR, "payment_required"),
    (
        403,
        "FORBIDDEN",
        _DOOR,
        (
            "forbidden_request product_access_required invalid_api_version missing_allowed_cidr_blocks "
            "allowed_cidr_blocks_does_not_contain_ip"
        ),
    ),
    (403, "FORBIDDEN", _REFUSED, "forbidden_account_number forbidden_account_verification forbidden_entity"),
    (
        403,
        "SOURCE_ACCOUNT_BLOCKED",
        _REFUSED,
        "forbidden_account entity_not_operational invalid_account account_not_active",
    ),
    (403, "PAYEE_ACCOUNT_REJECTED", _REFUSED, "invalid_recipient_account recipient_blocked_account"),
    (404, "NOT_FOUND", _REFUSED, "missing_resource organization_without_entities"),
    (404, "NOT_FOUND", _DOOR, "invalid_url"),
    (405, "NOT_POSSIBLE", _DOOR, "operation_not_allowed"),
    (406, "BANK_ACCESS", _NOTHING, "institution_credentials_invalid locked_credentials"),
    (406, "BANK_UNAVAILABLE", _NOTHING, "unavailable_institution"),
    (409, "INSUFFICIENT_BALANCE", _REFUSED, "insufficient_balance"),
    # The transfer that it is a duplicate of may be our own: sent before, with an answer that was lost.
    (409, "DUPLICATE_TRANSFER", _NOTHING, "invalid_duplicated_transfer"),
    # A return is refused so as well where an earlier attempt at it has begun: it is looked up, not believed.
    (409, "NOT_POSSIBLE", _NOTHING, "invalid_transfer_status"),
    (409, "NOT_POSSIBLE", _REFUSED, "invalid_transfer_direction account_cannot_be_blocked"),
    (409, "LIMIT_REACHED", _REFUSED, "account_number_limit_reached"),
    (422, "SOURCE_ACCOUNT_BLOCKED", _REFUSED, "sender_blocked_account"),
    (
        422,
        "ONE_TIME_CODE",
        _NOTHING,
        "invalid_otp_code otp_not_found otp_blocked otp_verification_failed otp_already_exists",
    ),
    (
        422,
        "NOT_POSSIBLE",
        _NOTHING,
        (
            "subscription_in_progress on_demand_policy_required on_demand_refresh_unavailable "
            "refresh_intent_in_progress rejected_refresh_intent"
        ),
    ),
    (
        422,
        "NOT_SUPPORTED",
        _REFUSED,
        "not_supported_country not_supported_currency not_supported_mode not_supported_product",
    ),
    (429, "SLOW_DOWN", _NOTHING, "rate_limit_exceeded"),
    (500, "PROVIDER_ERROR", _NOTHING, "internal_server_error unrecognized_request core_response"),
)

TYPES: Final[Mapping[str, str]] = {
    "authentication_error": "KEY_REFUSED",
    "invalid_request_error": "INVALID_FIELD",
    "link_error": "BANK_ACCESS",
    "institution_error": "BANK_UNAVAILABLE",
    "api_error": "PROVIDER_ERROR",
    "new_contact_error": "PAYEE_ACCOUNT_REJECTED",
    "amount_error": "INVALID_AMOUNT",
}
"""What explains a code that is not known: the type, which is always there."""

STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_FIELD",
    401: "KEY_REFUSED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "NOT_POSSIBLE",
    406: "BANK_ACCESS",
    409: "NOT_POSSIBLE",
    422: "NOT_POSSIBLE",
    429: "SLOW_DOWN",
    503: "BANK_UNAVAILABLE",
}
"""What explains an answer whose type is not known either, or that is no JSON."""


def _rows() -> Iterator[ErrorRow]:
    for status, code, proof, provider_codes in _ROWS:
        for provider_code in provider_codes.split():
            yield ErrorRow(provider_code, status, f"FINTOC_{code}", proof)


TABLE: Final[Mapping[str, ErrorRow]] = {row.provider_code: row for row in _rows()}


def find_row(code: str) -> ErrorRow | None:
    """The row of a code, with or without the ``_error`` at its end that some answers have."""
    return TABLE.get(code) or TABLE.get(code.removesuffix("_error")) or TABLE.get(f"{code}_error")


def code_of(status: int, kind: str, code: str) -> str:
    """Our code for an error: by its code, else by its type, else by the HTTP status."""
    if row := find_row(code):
        return row.code
    fallback = TYPES.get(kind) or STATUSES.get(status) or ("PROVIDER_ERROR" if status >= 500 else "UNEXPECTED_ANSWER")
    return f"FINTOC_{fallback}"
