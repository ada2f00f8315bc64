"""Why a transfer did not arrive or came back, under every name that Fintoc has given the reason, with what helps.

Mexico's are Banxico's numbered causes, which Fintoc has renamed with each version of its API; webhooks use the names of
the version that the account is pinned to, so all of them can turn up. Chile's stand under ``error_reason``. Both sets
are open. Sources: Fintoc's pages of SPEI codes and failure reasons, as of 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Advice(Enum):
    """What to do about a reason: our code, what helps, and whether the same payment may succeed later."""

    OTHER_ACCOUNT = (
        "FINTOC_PAYEE_ACCOUNT_REJECTED",
        "Ask the person to check the account with the payee, or for another one. The money is back.",
        False,
    )
    LATER = (
        "FINTOC_PAYEE_LIMIT_REACHED",
        "Ask the person whether to pay later or less. The money is back.",
        True,
    )
    BANK_LATER = (
        "FINTOC_PAYEE_BANK_UNAVAILABLE",
        "Ask the person whether to pay again later: that is a new payment. The money is back.",
        True,
    )
    OUR_FAULT = (
        "FINTOC_INVALID_FIELD",
        "This is a fault of the software or its configuration: tell the operator. The money is back.",
        False,
    )


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: Banxico's number (empty in Chile), every name of Fintoc's, the newest first, and what it means."""

    number: str
    names: tuple[str, ...]
    meaning: str
    advice: Advice


_OTHER, _LATER, _FAULT = Advice.OTHER_ACCOUNT, Advice.LATER, Advice.OUR_FAULT

MEXICO: Final[tuple[Reason, ...]] = tuple(
    Reason(number, tuple(names.split()), meaning, advice)
    for number, names, meaning, advice in (
        ("01", "non_existing_account non_existent_account", "The payee's account does not exist.", _OTHER),
        ("02", "blocked_account", "The payee's account is blocked.", _OTHER),
        ("03", "canceled_account", "The payee's account is closed.", _OTHER),
        (
            "05",
            "wrong_currency account_in_different_currency",
            "The payee's account is in another currency.",
            _OTHER,
        ),
        (
            "06",
            "non_fintoc_account account_does_not_belong_to_receiving_participant",
            "The account is not at the institution that received the payment.",
            _OTHER,
        ),
        ("14", "missing_mandatory_information_to_complete_payment", "Mandatory information is missing.", _FAULT),
        ("15", "incorrect_payment_type", "The type of payment is wrong.", _FAULT),
        ("16", "wrong_operation_type incorrect_operation_type", "The type of operation is wrong.", _FAULT),
        (
            "17",
            "account_type_does_not_correspond operation_type_does_not_correspond",
            "The payee's account cannot receive SPEI payments.",
            _OTHER,
        ),
        ("19", "invalid_character", "The payment holds an invalid character.", _FAULT),
        (
            "20",
            "exceeds_account_limit exceeds_authorized_account_balance_limit",
            "The payee's account has reached its balance limit.",
            _LATER,
        ),
        (
            "21",
            "exceeds_account_monthly_payments_limit exceeds_allowed_deposit_limit_for_the_month",
            "The payee's account has reached its limit of deposits for the month.",
            _LATER,
        ),
        (
            "22",
            "non_registered_mobile_phone mobile_phone_line_number_not_registered",
            "The telephone number is not linked to an account.",
            _OTHER,
        ),
        (
            "23",
            "additional_account_does_not_accept_non_banxico_payments",
            "It is an additional account that takes payments from Banco de México only.",
            _OTHER,
        ),
        (
            "24",
            "incorrect_additional_information_structure",
            "The additional information is not structured as it must be.",
            _FAULT,
        ),
        (
            "25",
            (
                "missing_payment_instruction_due_to_balance_limit_reached account_with_restriction_for_spei_payments "
                "missing_instruction_to_disperse_resources_due_to_balance_limit"
            ),
            "The payee's account cannot take this payment: it is restricted, or its balance limit is reached.",
            _OTHER,
        ),
        (
            "26",
            (
                "sender_client_protection_agreement recipient_participant_has_decided_not_to_accept_payments "
                "resolution_from_collaboration_agreement_for_issuer_protection"
            ),
            "The payee's institution refuses payments from this sender.",
            _OTHER,
        ),
        (
            "27",
            (
                "optional_payment_not_accepted_by_recipient_institution "
                "optional_payment_not_accepted_by_receiving_participant"
            ),
            "The payee's institution does not take this optional type of payment.",
            _OTHER,
        ),
        (
            "28",
            "codi_payment_without_notification_in_reduced_time",
            "The CoDi notification was not delivered in time.",
            _LATER,
        ),
        (
            "30",
            "duplicate_tracking_key_by_issuer_and_operation_day",
            "The sender repeated the tracking key on that day.",
            _FAULT,
        ),
        ("31", "issuer_certificate_expired", "The sender's certificate has expired.", _FAULT),
    )
)
"""``return_reason`` of transfers in MXN that were ``rejected`` or ``returned``."""

CHILE: Final[tuple[Reason, ...]] = tuple(
    Reason("", (name,), meaning, advice)
    for name, meaning, advice in (
        ("recipient_institution_timeout", "The payee's bank did not answer in time.", Advice.BANK_LATER),
        ("recipient_institution_unavailable", "The payee's bank is not available.", Advice.BANK_LATER),
        ("invalid_recipient_account", "The payee's bank says that the account number is not valid.", _OTHER),
        ("recipient_account_not_found", "The account number does not exist at the payee's bank.", _OTHER),
        ("recipient_account_closed", "The payee's account is closed.", _OTHER),
        ("invalid_recipient_holder_id", "The payee's bank says that the RUT is not valid.", _OTHER),
        ("invalid_holder_id_account_relationship", "The RUT is not that of the account's holder.", _OTHER),
        ("account_type_not_enabled", "The payee's type of account cannot receive this transfer.", _OTHER),
        ("recipient_account_disabled_for_tef", "The payee's account is not enabled for transfers (TEF).", _OTHER),
        ("product_account_not_enabled", "The payee's account is not enabled for this product.", _OTHER),
    )
)
"""``error_reason`` of transfers in CLP that ``failed``."""

RETURN, FAILURE = "return:", "failed:"
"""What the native code of a reason begins with: some are also the name of an error of the API, with another meaning."""

_RETURNS: Final = {name: reason for reason in MEXICO for name in (*reason.names, reason.number)}
_FAILURES: Final = {name: reason for reason in CHILE for name in reason.names}

REASONS_BY_CODE: Final[Mapping[str, Reason]] = {
    **{RETURN + reason.names[0]: reason for reason in MEXICO},
    **{FAILURE + reason.names[0]: reason for reason in CHILE},
}
"""Each reason under the native code that the rail's table of errors explains."""


def reason_code(status: str, return_reason: object, error_reason: object) -> str:
    """The native code of why a transfer ended in ``status``: of its reason by any of its names, else of the status.

    :param return_reason: Mexico's, also the older ``rejected_reason``; and ``error_reason`` Chile's.
    """
    if isinstance(error_reason, str) and (failure := _FAILURES.get(error_reason)):
        return FAILURE + failure.names[0]
    if isinstance(return_reason, str) and (cause := _RETURNS.get(return_reason)):
        return RETURN + cause.names[0]
    return f"status:{status}"
