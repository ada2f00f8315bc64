"""Customers: made, found and listed, with what they are told normalised as Fintoc does it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp
from rail_fintoc.sandbox.routes.party_fields import tax_id

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

    def told(self, books: Books) -> Json:
        """What Fintoc says of them."""
        return {
            "id": self.id,
            "object": "customer",
            "mode": books.mode,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "tax_id": self.tax_id,
            "address": self.address,
            "metadata": self.metadata,
            "created_at": stamp(self.created_at),
        }


def new_customer(books: Books, body: Body) -> Customer:
    """The customer that some parameters describe; also those of ``customer_data``.

    :raises Refused: 400: neither ``email`` nor ``tax_id``, or one that is wrong.
    """
    email, taxes = body.text("email", longest=254), tax_id(body)
    if not email and taxes is None:
        raise Refused(400, "missing_parameter", "Missing required param: email or tax_id", "email")
    return books.shelf(Customer).put(
        Customer(
            id=books.world.id("cus"),
            name=body.text("name", longest=254),
            email=_like(email, r"[^@\s]+@[^@\s]+\.[^@\s]+", "email", "an e-mail address").lower() if email else None,
            phone=_like(body.text("phone"), r"\+[1-9][0-9]{6,14}", "phone", "E.164, like +56912345678"),
            tax_id=taxes,
            address=_address(body.within("address")),
            metadata=body.metadata(),
            created_at=books.world.now,
        )
    )


def _like(value: Any, pattern: str, param: str, what: str) -> Any:
    if value is not None and not re.fullmatch(pattern, value):
        raise Refused(400, "invalid_params", f"{param} must be {what}", param)
    return value


def _address(said: Body) -> Json | None:
    if not said:
        return None
    told = {name: said.text(name, longest=254) for name in ADDRESS}
    if told["country"] is not None:
        told["country"] = _like(told["country"], "[A-Za-z]{2}", "address.country", "two letters").lower()
    return told


def create(asked: Asked) -> Reply:
    """``POST /v2/customers``"""
    return Reply(new_customer(asked.books, asked.body).told(asked.books), 201)


def get(asked: Asked) -> Reply:
    """``GET /v2/customers/{id}``"""
    return Reply(asked.books.shelf(Customer).find(asked.path["id"]).told(asked.books))


def every(asked: Asked) -> Reply:
    """``GET /v2/customers``"""
    return listed(asked, asked.books.shelf(Customer).newest(), lambda row: row.told(asked.books))


WAYS = (
    Way(method="GET", path="/v2/customers", answer=every),
    Way(method="POST", path="/v2/customers", answer=create),
    Way(method="GET", path="/v2/customers/{id}", answer=get),
)
