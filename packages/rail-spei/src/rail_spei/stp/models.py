"""The models of STP's answers about orders: tolerant of form, strict about the fields that identify an order.

Numbers may come as strings, fields may be null, missing or new. Key, state, amount, company and accounts identify
an order and its outcome, so an answer in which one of them cannot be read is no answer. Other fields are information:
where one cannot be read, it is empty.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rail_spei.stp.states import OrderState, state_of
from rail_spei.stp.values import (
    Account,
    Cause,
    Centavos,
    Day,
    DisplayText,
    Exact,
    Information,
    Instant,
    Key,
    Link,
    NullIfEmpty,
    Whole,
)


class StpModel(BaseModel):
    """An object in an answer of STP. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


class OrderStatus(StpModel):
    """One order in the answer of any of the queries. Amounts are centavos."""

    number: Annotated[Whole, Field(alias="idEF")] = None
    key: Annotated[Key, Field(alias="claveRastreo")]
    state_code: Annotated[Key, Field(alias="estado")]
    empresa: Exact = None
    amount: Annotated[Centavos, Field(alias="monto")] = None
    payer_account: Annotated[Account, Field(alias="cuentaOrdenante")] = None
    payee_account: Annotated[Account, Field(alias="cuentaBeneficiario")] = None
    day: Annotated[Day, Field(alias="fechaOperacion")] = None
    captured_at: Annotated[Instant, Field(alias="tsCaptura")] = None
    settled_at: Annotated[Instant, Field(alias="tsLiquidacion")] = None
    cause: Annotated[Cause, Field(alias="causaDevolucion")] = None
    institution: Annotated[Whole, Field(alias="institucionContraparte")] = None
    operating_institution: Annotated[Whole, Field(alias="institucionOperante")] = None
    payment_type: Annotated[Whole, Field(alias="tipoPago")] = None
    return_key: Annotated[Exact, Field(alias="claveRastreoDevolucion")] = None
    payer_name: Annotated[Information, Field(alias="nombreOrdenante")] = ""
    payee_name: Annotated[Information, Field(alias="nombreBeneficiario")] = ""
    concept: Annotated[Information, Field(alias="conceptoPago")] = ""
    reference: Annotated[Information, Field(alias="referenciaNumerica")] = ""
    cep_name: Annotated[Information, Field(alias="nombreCep")] = ""
    cep_taxpayer: Annotated[Information, Field(alias="rfcCep")] = ""
    cep_link: Annotated[Link, Field(alias="urlCEP")] = ""

    def state(self, *, sent: bool = True) -> OrderState:
        """The state, read as that of an order that was sent or of a payment that was received."""
        return state_of(self.state_code, sent=sent)

    def mismatches(
        self, *, key: str, empresa: str, amount: int | None = None, payer: str | None = None, payee: str | None = None
    ) -> tuple[str, ...]:
        """The fields in which this order differs from ours. A field that either side lacks does not differ."""
        compared = {
            "key": (self.key, key),
            "empresa": (self.empresa, empresa),
            "amount": (self.amount, amount),
            "payer": (self.payer_account, payer),
            "payee": (self.payee_account, payee),
        }
        return tuple(name for name, (theirs, ours) in compared.items() if None not in (theirs, ours) and theirs != ours)


class OrderAnswer(StpModel):
    """The answer of ``consultaOrden``."""

    estado: Whole
    mensaje: DisplayText = ""
    respuesta: Annotated[OrderStatus | None, NullIfEmpty] = None


class DayPage(StpModel):
    """The answer of ``V2/conciliacion``. A list may end with null."""

    estado: Whole = None
    mensaje: DisplayText = ""
    datos: list[OrderStatus | None] | None = None
    total: Whole = None


class LegacyResult(StpModel):
    """The object ``resultado`` in an answer of the older queries; here an ``id`` of 1 means success."""

    id: Whole
    text: Annotated[DisplayText, Field(alias="descripcionError")] = ""
    order: Annotated[OrderStatus | None, NullIfEmpty, Field(alias="ordenPago")] = None


class LegacyAnswer(StpModel):
    """An answer of the older queries."""

    resultado: LegacyResult
