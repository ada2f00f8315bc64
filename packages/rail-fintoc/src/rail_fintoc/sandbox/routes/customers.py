"""Customers: made, found and listed, with what they are told normalised as Fintoc does it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp
from rail_fintoc.sandbox.routes.party_fields import read_tax_id

ADDRESS = ("country", "city", "state", "line1", "line2", "postal_code")


@dataclass(slots=True, kw_only=True)
class Customer:
    """Somebody who pays."""

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    tax_id: Json | None = None
    address: Json | None = None
    metadata: Json
    created_at: datetime

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of them."""
        return {
            "id": self.id,
            "object": "customer",
            "mode": store.mode,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "tax_id": self.tax_id,
            "address": self.address,
            "metadata": self.metadata,
            "created_at": timestamp(self.created_at),
        }


def new_customer(store: ModeStore, body: Body) -> Customer:
    """The customer that some parameters describe; also those of ``customer_data``.

    :raises ApiError: 400: neither ``email`` nor ``tax_id``, or one that is wrong.
    """
    email, taxes = body.text("email", longest=254), read_tax_id(body)
    if not email and taxes is None:
        raise ApiError(400, "missing_parameter", "Missing required param: email or tax_id", "email")
    return store.table(Customer).add(
        Customer(
            id=store.organisation.id("cus"),
            name=body.text("name", longest=254),
            email=_like(email, r"[^@\s]+@[^@\s]+\.[^@\s]+", "email", "an e-mail address").lower() if email else None,
            phone=_like(body.text("phone"), r"\+[1-9][0-9]{6,14}", "phone", "E.164, like +56912345678"),
            tax_id=taxes,
            address=_address(body.object("address")),
            metadata=body.metadata(),
            created_at=store.organisation.now,
        )
    )


def _like(value: Any, pattern: str, param: str, what: str) -> Any:
    if value is not None and not re.fullmatch(pattern, value):
        raise ApiError(400, "invalid_params", f"{param} must be {what}", param)
    return value


def _address(fields: Body) -> Json | None:
    if not fields:
        return None
    values = {name: fields.text(name, longest=254) for name in ADDRESS}
    if values["country"] is not None:
        values["country"] = _like(values["country"], "[A-Za-z]{2}", "address.country", "two letters").lower()
    return values


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v2/customers``"""
    return ApiResponse(new_customer(request.store, request.body).to_json(request.store), 201)


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v2/customers/{id}``"""
    return ApiResponse(request.store.table(Customer).get(request.path["id"]).to_json(request.store))


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v2/customers``"""
    return list_response(request, request.store.table(Customer).newest_first(), lambda row: row.to_json(request.store))


ROUTES = (
    ApiRoute(method="GET", path="/v2/customers", handler=list_all),
    ApiRoute(method="POST", path="/v2/customers", handler=create),
    ApiRoute(method="GET", path="/v2/customers/{id}", handler=get),
)
