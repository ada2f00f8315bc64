"""What the pretend STP can be told and the real one cannot: ``/pretend/…``, for tests and for whoever tries things out.

``receive`` brings in a payment from somebody else's bank, ``state`` moves an order into any state, ``another`` lets
another company use a tracking key, and ``maintenance`` switches the mode in which STP answers questions only.
"""

from typing import Annotated, Any

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import Bank
from rail_spei.sandbox.behaviour import Clock
from rail_spei.sandbox.ledger import Change
from rail_spei.sandbox.parser import body_of
from rail_spei.sandbox.webhooks import Courier
from riel import MinorUnits, WireModel

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9/\-]{1,30}$")]


class Received(WireModel):
    """A payment that arrives. ``amount`` is in centavos."""

    amount: MinorUnits
    tracking_key: Key | None = None
    account: Annotated[str, Field(pattern=r"^[0-9]{18}$")] | None = None
    payer_account: Annotated[str, Field(pattern=r"^[0-9]{10,18}$")] = "002010077777777771"
    payer_institution: Annotated[str, Field(pattern=r"^[0-9]{5}$")] = "40002"
    payer_name: Annotated[str, Field(max_length=120)] = "Cliente Demo"
    concept: Annotated[str, Field(max_length=40)] = "Pago de prueba"


class Moved(WireModel):
    """An order that enters a state."""

    tracking_key: Key
    state: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")]
    cause: Annotated[int, Field(ge=0, le=999)] | None = None


class UsedByAnother(WireModel):
    """A tracking key of the running operating day that another company uses."""

    tracking_key: Key


class Maintenance(WireModel):
    """Whether STP takes no orders at the moment."""

    on: bool


class Doors:
    """The addresses of this module."""

    def __init__(self, bank: Bank, courier: Courier, clock: Clock) -> None:
        self._bank = bank
        self._courier = courier
        self._clock = clock

    async def receive(self, request: Request) -> Response:
        """``POST /pretend/receive``"""
        asked, now = Received.model_validate(await body_of(request)), self._clock()
        key = asked.tracking_key or f"RECIBIDO{self._bank.book.next_number:06d}"
        said = {
            "empresa": self._bank.contract.empresa,
            "institucionContraparte": asked.payer_institution,
            "cuentaOrdenante": asked.payer_account,
            "nombreOrdenante": asked.payer_name,
            "rfcCurpOrdenante": "ND",
            "cuentaBeneficiario": asked.account or min(self._bank.contract.accounts),
            "nombreBeneficiario": self._bank.contract.empresa,
            "rfcCurpBeneficiario": "ND",
            "conceptoPago": asked.concept,
            "referenciaNumerica": 1,
        }
        entry = self._bank.receive(said, key, asked.amount, now)
        return _done(trackingKey=key, operationDate=f"{entry.day:%Y%m%d}", id=entry.id)

    async def state(self, request: Request) -> Response:
        """``POST /pretend/state``"""
        asked, now = Moved.model_validate(await body_of(request)), self._clock()
        self._bank.catch_up(now)
        entry = self._bank.book.latest(asked.tracking_key)
        if entry is None:
            return JSONResponse({"error": "there is no order of that key"}, 404)
        change = Change(now, asked.state, asked.cause)
        entry.life[:] = [*(earlier for earlier in entry.life if earlier.at <= now), change]
        self._courier.tell(entry, change)
        return _done(trackingKey=entry.key, state=change.state)

    async def another(self, request: Request) -> Response:
        """``POST /pretend/another``"""
        asked = UsedByAnother.model_validate(await body_of(request))
        self._bank.used_by_another(asked.tracking_key, self._clock())
        return _done(trackingKey=asked.tracking_key)

    async def maintenance(self, request: Request) -> Response:
        """``POST /pretend/maintenance``"""
        self._bank.maintenance = Maintenance.model_validate(await body_of(request)).on
        return _done(on=self._bank.maintenance)


async def misunderstood(_: Request, failure: Exception) -> Response:
    """Something that these addresses cannot do."""
    if not isinstance(failure, ValidationError):
        raise failure
    first = failure.errors(include_input=False, include_url=False)[0]
    return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}, 422)


def _done(**told: Any) -> Response:
    return JSONResponse(told)
