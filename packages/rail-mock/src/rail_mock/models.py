"""The arguments of the three tools, and the receipt."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riel import Lookup, MinorUnits, Payee, Payment, Receipt, Refund, SingleLine, Trusted

ACCOUNT = r"^[0-9]{10}$"


def ten_digits(account: str) -> str:
    """``account``, where it is ten ASCII digits; ``str.isdigit`` would let the digits of other scripts through."""
    if re.fullmatch(r"[0-9]{10}", account) is None:
        raise PydanticCustomError("invalid_account", "is not an account of this bank: write exactly 10 digits")
    return account


# The schema shows the pattern, but the refusal comes from the function: so it has a code of its own, which ERRORS
# explains, where pydantic's own pattern would only say that a string does not match.
Account = Annotated[
    str,
    AfterValidator(ten_digits),
    Field(description="The payee's account: exactly 10 digits.", json_schema_extra={"pattern": ACCOUNT}),
]


class MockPayment(Payment):
    """Pay one account at the pretend bank. Amounts are centavos of Mexican pesos."""

    amount: Annotated[MinorUnits, Field(description="In centavos, a positive integer (50000 = MXN 500.00).")]
    account: Account
    concept: Annotated[
        SingleLine,
        Field(min_length=1, max_length=40, description="What it is for, as the payee reads it."),
    ]
    recipient_name: Annotated[
        SingleLine,
        Field(min_length=1, max_length=60, description="Full name of the account's holder."),
    ]

    def payee(self) -> Payee:
        """The payee of the order."""
        return Payee(self.account, name=self.recipient_name)

    def purpose(self) -> str:
        """The concept, as the person reads it."""
        return self.concept


class MockLookup(Lookup):
    """Ask what became of a payment or a refund."""

    tracking_key: Annotated[
        SingleLine, Field(min_length=1, max_length=100, description="The trackingKey from an earlier answer.")
    ]


class MockRefund(Refund):
    """Take a payment back, whole or in part."""

    tracking_key: Annotated[
        SingleLine,
        Field(min_length=1, max_length=100, description="The trackingKey of the payment."),
    ]
    reason: Annotated[SingleLine, Field(min_length=1, max_length=140, description="Why the money should come back.")]
    amount: Annotated[
        MinorUnits | None,
        Field(description="Centavos to refund; in full if left out."),
    ] = None


class MockReceipt(Receipt):
    """What became of a payment or a refund."""

    tracking_key: Annotated[str | None, Field(description="Our reference for it at the bank.")] = None
    bank_reference: Annotated[
        str | None, Trusted, Field(pattern=r"^[A-Za-z0-9-]{1,40}$", description="The bank's own number for it.")
    ] = None
