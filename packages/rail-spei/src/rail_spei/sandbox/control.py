"""The control routes of the pretend STP, at ``POST /_sandbox/<name>``; the real STP has nothing like them.

``receive`` books a payment from another bank, ``state`` moves an order into any state, ``foreign-key`` lets another
company use a tracking key, and ``maintenance`` switches the mode in which STP answers queries only.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from rail_spei.sandbox.bank import StpBank
from rail_spei.sandbox.ledger import StateChange
from rail_spei.sandbox.webhooks import StpWebhooks
from riel import MinorUnits, WireModel
from riel.sandbox.kit import Clock, Control

CONTROLS = ("receive", "state", "foreign-key", "maintenance")

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9/\-]{1,30}$")]


class ReceivedPayment(WireModel):
    """The body of ``receive``. ``amount`` is in centavos."""

    amount: MinorUnits
    tracking_key: Key | None = None
    account: Annotated[str, Field(pattern=r"^[0-9]{18}$")] | None = None
    payer_account: Annotated[str, Field(pattern=r"^[0-9]{10,18}$")] = "002010077777777771"
    payer_institution: Annotated[str, Field(pattern=r"^[0-9]{5}$")] = "40002"
    payer_name: Annotated[str, Field(max_length=120)] = "Cliente Demo"
    concept: Annotated[str, Field(max_length=40)] = "Pago de prueba"


class ForcedState(WireModel):
    """The body of ``state``: an order and the state that it enters."""

    tracking_key: Key
    state: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")]
    cause: Annotated[int, Field(ge=0, le=999)] | None = None


class ForeignKey(WireModel):
    """The body of ``foreign-key``: a tracking key that another company uses on the running operating day."""

    tracking_key: Key


class Maintenance(WireModel):
    """The body of ``maintenance``: whether STP refuses orders from now on."""

    on: bool


class StpControls:
    """The controls, one method for each route."""

    def __init__(self, bank: StpBank, webhooks: StpWebhooks, clock: Clock) -> None:
        self._bank = bank
        self._webhooks = webhooks
        self._clock = clock

    def by_name(self) -> Mapping[str, Control]:
        """The controls by the names of their routes."""
        return dict(zip(CONTROLS, (self.receive, self.state, self.foreign_key, self.maintenance), strict=True))

    async def receive(self, body: bytes) -> Mapping[str, Any]:
        """Book a payment from another bank."""
        payment, now = ReceivedPayment.model_validate_json(body), self._clock()
        key = payment.tracking_key or f"RECIBIDO{self._bank.ledger.next_number:06d}"
        fields = {
            "empresa": self._bank.contract.empresa,
            "institucionContraparte": payment.payer_institution,
            "cuentaOrdenante": payment.payer_account,
            "nombreOrdenante": payment.payer_name,
            "rfcCurpOrdenante": "ND",
            "cuentaBeneficiario": payment.account or min(self._bank.contract.accounts),
            "nombreBeneficiario": self._bank.contract.empresa,
            "rfcCurpBeneficiario": "ND",
            "conceptoPago": payment.concept,
            "referenciaNumerica": 1,
        }
        order = self._bank.receive(fields, key, payment.amount, now)
        return {"trackingKey": key, "operationDate": f"{order.day:%Y%m%d}", "id": order.id}

    async def state(self, body: bytes) -> Mapping[str, Any]:
        """Move an order into a state.

        :raises LookupError: no order has that key.
        """
        change_request, now = ForcedState.model_validate_json(body), self._clock()
        self._bank.catch_up(now)
        order = self._bank.ledger.latest(change_request.tracking_key)
        if order is None:
            raise LookupError("there is no order of that key")
        change = StateChange(now, change_request.state, change_request.cause)
        order.changes[:] = [*(earlier for earlier in order.changes if earlier.at <= now), change]
        self._webhooks.announce(order, change)
        return {"trackingKey": order.key, "state": change.state}

    async def foreign_key(self, body: bytes) -> Mapping[str, Any]:
        """Let another company use a tracking key."""
        key = ForeignKey.model_validate_json(body).tracking_key
        self._bank.register_foreign_key(key, self._clock())
        return {"trackingKey": key}

    async def maintenance(self, body: bytes) -> Mapping[str, Any]:
        """Begin or end maintenance."""
        self._bank.maintenance = Maintenance.model_validate_json(body).on
        return {"on": self._bank.maintenance}
