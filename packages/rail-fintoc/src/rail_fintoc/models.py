"""What an agent writes and reads: the arguments of the three tools, the receipt, and what is paid besides."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from rail_fintoc.fields import (
    AccountType,
    ChileanInstitution,
    Comment,
    MexicanInstitution,
    ReferenceId,
    chilean_account,
    institution_name,
    institution_of,
    mexican_account,
    needs_institution,
    rut,
    within_cap,
)
from rail_fintoc.settings import FintocSettings
from riel import Lookup, MinorUnits, Money, Payee, Payment, Receipt, Refund, SingleLine, Trusted

Currency = Literal["MXN", "CLP"]

Reference = Annotated[
    SingleLine, Field(min_length=1, max_length=100, description="The reference from an earlier answer.")
]


def _one_pattern(schema: dict[str, Any]) -> None:
    """Show the institutions of both countries as one text: many models cannot read a choice of types."""
    del schema["anyOf"]
    schema |= {"type": "string", "pattern": "^(cl(_[a-z0-9]+)+|2001|(37|40|90)[0-9]{3})$"}


ACCOUNT_TYPES: Final[Mapping[str, str]] = {
    "checking_account": "checking account (corriente)",
    "sight_account": "sight account (vista, CuentaRUT)",
    "savings_account": "savings account (ahorro)",
}
"""Chile's types of accounts as a person knows them."""


class FintocPayment(Payment):
    """Pay an account in Mexico (MXN) or Chile (CLP)."""

    amount: Annotated[
        MinorUnits, Field(description="MXN in centavos (50000 = MXN 500.00), CLP in whole pesos (50000 = CLP 50,000).")
    ]
    currency: Annotated[Currency, Field(description="MXN for a payee in Mexico, CLP for one in Chile.")]
    account_number: Annotated[
        SingleLine,
        Field(
            min_length=1,
            max_length=34,
            description="Mexico: CLABE (18 digits), debit card (16) or mobile number (10). Chile: the number.",
        ),
    ]
    recipient_name: Annotated[
        SingleLine, Field(min_length=1, max_length=120, description="Full name of the account's holder.")
    ]
    holder_id: Annotated[
        SingleLine | None, Field(max_length=20, description="The holder's RUT (needed in Chile), RFC or CURP.")
    ] = None
    institution_id: Annotated[
        ChileanInstitution | MexicanInstitution | None,
        Field(
            description="Chile: cl_banco_estado and the like. Mexico: five digits, for a card or a mobile number.",
            json_schema_extra=_one_pattern,
        ),
    ] = None
    account_type: Annotated[AccountType | None, Field(strict=False, description="Needed in Chile.")] = None
    comment: Comment
    reference_id: ReferenceId | None = None

    @model_validator(mode="after")
    def _can_be_sent(self, told: ValidationInfo) -> Self:
        """Nobody is asked to confirm what this server cannot send."""
        if isinstance(told.context, FintocSettings) and (setting := told.context.missing_setting(account=True)):
            raise PydanticCustomError("not_set_up", "cannot be sent: {setting} is not set", {"setting": setting})
        return self

    @model_validator(mode="after")
    def _fits_its_country(self) -> Self:
        """Each country's own rules, once all fields are there."""
        within_cap(Money(self.amount, self.currency))
        account = (mexican_account if self.currency == "MXN" else chilean_account)(self.account_number)
        object.__setattr__(self, "account_number", account)  # one account is always written alike
        if self.currency == "MXN":
            if needs_institution(account) and (self.institution_id or "cl_").startswith("cl_"):
                raise PydanticCustomError(
                    "invalid_institution", "needs institutionId: of a card or a mobile number nobody can tell its bank"
                )
            if self.institution_id is not None and not needs_institution(account):
                raise PydanticCustomError("invalid_institution", "is told by the CLABE itself: leave institutionId out")
            if self.account_type is not None:
                raise PydanticCustomError("invalid_account_type", "is for Chile only: leave accountType out")
            return self
        if self.account_type is None:
            raise PydanticCustomError("invalid_account_type", "needs accountType in Chile")
        if self.institution_id is None or not self.institution_id.startswith("cl_"):
            raise PydanticCustomError("invalid_institution", "needs institutionId in Chile: cl_banco_estado")
        if self.holder_id is None:
            raise PydanticCustomError("invalid_holder_id", "needs holderId in Chile: the holder's RUT")
        object.__setattr__(self, "holder_id", rut(self.holder_id))
        return self

    def payee(self) -> Payee:
        """Who is paid."""
        bank = institution_name(self.institution_id) if self.institution_id else institution_of(self.account_number)
        return Payee(self.account_number, name=self.recipient_name, institution=bank or self.institution_id or "")

    def purpose(self) -> str:
        """What it is for, as the payee reads it, with the RFC or CURP that the agent names."""
        return f"{self.comment} ({self.holder_id})" if self.holder_id and self.currency == "MXN" else self.comment

    def details(self) -> dict[str, str]:
        """What else decides who gets the money, and the numeric reference: each was checked for its form."""
        told = {
            "Account type": ACCOUNT_TYPES.get(self.account_type or "", ""),
            "Holder's RUT": self.holder_id or "" if self.currency == "CLP" else "",
            "Reference": self.reference_id or "",
        }
        return {label: value for label, value in told.items() if value}


class OperationPayment(Payment):
    """Something that is paid, or asked for, by another request than a transfer; made from what Fintoc tells."""

    OPERATION: ClassVar[str]

    currency: Currency
    account: str
    name: str
    institution: str = ""
    about: str

    def payee(self) -> Payee:
        """Whom it concerns."""
        return Payee(self.account, name=self.name, institution=self.institution)

    def purpose(self) -> str:
        """What it is."""
        return self.about


class Return(OperationPayment):
    """Give a received transfer back."""

    OPERATION = "return"

    transfer_id: str


class RefundOfPayment(OperationPayment):
    """Pay back a payment that was collected (a payment intent), whole or in part."""

    OPERATION = "refund"

    payment_intent_id: str
    recipient_account: dict[str, str] | None = None
    metadata: dict[str, str | int | bool] | None = None


class CancelRefund(OperationPayment):
    """Take back a refund that has not been paid yet."""

    OPERATION = "cancel_refund"
    kind = "request"

    refund_id: str


class Verification(OperationPayment):
    """Pay one centavo to learn who holds a CLABE."""

    OPERATION = "verification"


class FintocLookup(Lookup):
    """Ask what became of a payment."""

    reference: Reference


class FintocRefund(Refund):
    """Give back a payment that was collected (``pi_…``) or a transfer that was received (``tr_…``)."""

    reference: Annotated[
        SingleLine,
        Field(
            min_length=1,
            max_length=100,
            description="Id of a collected payment (pi_…) or a received transfer (tr_…), or reference of a payment "
            "that you sent.",
        ),
    ]
    reason: Annotated[SingleLine, Field(min_length=1, max_length=140, description="Why the money should come back.")]
    amount: Annotated[
        MinorUnits | None,
        Field(description="Minor units to refund of a collected payment; in full if left out."),
    ] = None


class FintocReceipt(Receipt):
    """What became of a payment."""

    reference: Annotated[str | None, Field(description="Our reference, which Fintoc has in the metadata.")] = None
    fintoc_id: Annotated[
        str | None,
        Trusted,
        Field(pattern=r"^[A-Za-z0-9_-]{1,255}$", description="Fintoc's own id: tr_…, re_…, accv_…."),
    ] = None
    tracking_key: Annotated[
        str | None, Trusted, Field(pattern=r"^[A-Za-z0-9/-]{1,30}$", description="Mexico: SPEI's clave de rastreo.")
    ] = None
    receipt_url: Annotated[
        str | None,
        Trusted,
        Field(
            pattern=r"^https://(www\.banxico\.org\.mx|cep\.invalid)/[A-Za-z0-9%&=+?/._~-]{0,2000}$",
            description="Mexico: Banxico's receipt (CEP).",
        ),
    ] = None
    holder_name: Annotated[str | None, Field(description="Of a verified account: who holds it.")] = None
    holder_id: Annotated[str | None, Field(description="Of a verified account: the holder's RFC or CURP.")] = None
