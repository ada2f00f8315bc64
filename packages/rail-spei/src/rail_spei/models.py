"""The arguments of the three tools, and the receipt."""

from datetime import date
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rail_spei.fields import Concept, RecipientName, TrackingKey
from rail_spei.settings import SpeiSettings, catalogue
from riel import Lookup, MinorUnits, Payee, Payment, Receipt, Refund, SingleLine, Trusted
from riel_mexico import Clabe


class SpeiPayment(Payment):
    """Pay one CLABE in Mexican pesos."""

    amount: Annotated[MinorUnits, Field(description="In centavos, a positive integer (50000 = MXN 500.00).")]
    clabe: Clabe
    concept: Concept
    recipient_name: RecipientName

    _institution: str = PrivateAttr("")

    @field_validator("clabe")
    @classmethod
    def _check_institution(cls, clabe: str, info: ValidationInfo) -> str:
        """Check that the institution can be paid and that the payer does not pay itself, where settings are given."""
        settings = info.context
        if isinstance(settings, SpeiSettings):
            settings.catalogue.of(clabe, test=settings.mode != "live")
            if clabe == settings.account:
                raise PydanticCustomError("same_account", "is the account that pays")
        return clabe

    @model_validator(mode="after")
    def _check_known(self, info: ValidationInfo) -> Self:
        settings = info.context
        table = settings.catalogue if isinstance(settings, SpeiSettings) else catalogue(None)
        institution = table.by_code.get(self.clabe[:3])
        self._institution = institution.name if institution else ""
        return self

    def payee(self) -> Payee:
        """The payee of the order."""
        return Payee(self.clabe, name=self.recipient_name, institution=self._institution)

    def purpose(self) -> str:
        """The concept, as the person reads it."""
        return self.concept


class SpeiReturn(Payment):
    """Return a received payment whole. The rail builds it from STP's answer, never from an agent's arguments."""

    OPERATION: ClassVar[str] = "return"

    account: str
    name: str
    institution: str
    tracking_key: str
    operation_date: date
    reason: str

    def payee(self) -> Payee:
        """The payer of the received payment, who gets the money."""
        return Payee(self.account, name=self.name, institution=self.institution)

    def purpose(self) -> str:
        """The text for the person: the payment that is returned, and why."""
        return f"return of {self.tracking_key}: {self.reason}"


class SpeiLookup(Lookup):
    """Ask what became of a payment."""

    tracking_key: TrackingKey


class SpeiRefund(Refund):
    """Ask for the money of a payment that was sent, or give back one that was received."""

    tracking_key: TrackingKey
    reason: Annotated[SingleLine, Field(min_length=1, max_length=140, description="Why the money should come back.")]


class SpeiReceipt(Receipt):
    """What became of a payment."""

    tracking_key: Annotated[str | None, Field(description="The clave de rastreo: unique in its operating day.")] = None
    operation_date: Annotated[
        str | None,
        Trusted,
        Field(description="SPEI's operating date (YYYY-MM-DD), which begins at 18:00 the business day before."),
    ] = None
    bank_name: Annotated[str | None, Trusted, Field(description="The institution that the CLABE belongs to.")] = None
    cep_url: Annotated[
        str | None,
        Trusted,
        Field(description="Where a person finds Banxico's receipt (CEP), the public proof of settlement."),
    ] = None
    provider_order: Annotated[str | None, Trusted, Field(description="STP's own number of the order.")] = None
    provider_state: Annotated[
        str | None,
        Trusted,
        Field(pattern=r"^[A-Za-z0-9]{1,12}$", description="The state as STP writes it, such as LQ."),
    ] = None
    provider_code: Annotated[
        str | None, Trusted, Field(description="STP's own code of a refusal, or cause of a return.")
    ] = None
    payee_name_at_bank: Annotated[
        str | None, Field(description="The holder's name as the receiving bank reported it. SPEI pays by account only.")
    ] = None
    name_matches: Annotated[
        str | None, Trusted, Field(description="Whether that is the recipientName: same, partly, different.")
    ] = None

    def notice(self) -> str:
        """The one sign of a wrong payee, in words."""
        if self.name_matches != "different":
            return ""
        return "The holder of the account is not the recipientName that was confirmed: tell the person."
