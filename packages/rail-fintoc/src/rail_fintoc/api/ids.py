"""Fintoc's ids: what a prefix hints at, and ids that may stand in a path because they hold nothing but an id.

Fintoc asks nobody to parse ids: they may get longer, and new prefixes may come. So a prefix only says where to look
first, and an id without a known one is still an id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

LONGEST: Final = 255
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its name, the lists that hold it (first the one to ask first), and the permission to read it.

    An empty ``paths`` is an object that is not found by its id alone: nothing reads it, so it has no ``scope``.
    """

    name: str
    paths: tuple[str, ...] = ()
    scope: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    "acc": Kind("account", ("/v2/accounts",), "account:view"),  # a linked bank account needs its link token besides
    "acno": Kind("account_number", ("/v2/account_numbers",), "account_number:view"),
    "accv": Kind("account_verification", ("/v2/account_verifications",), "transfer:view"),
    "acst": Kind("account_statement"),
    "cs": Kind("checkout_session", ("/v2/checkout_sessions", "/v1/checkout_sessions"), "payment:view"),
    "cus": Kind("customer", ("/v2/customers",), "customer:view"),
    "dp": Kind("dispute", ("/v1/disputes",), "payment:view"),
    "ent": Kind("entity", ("/v2/entities",), "entity:view"),
    "evt": Kind("event"),
    "il": Kind("line_item"),
    "inv": Kind("invoice", ("/v2/invoices",), "billing:view"),
    "link": Kind("link", (), "link:view"),  # the single one is asked for by its token; by id it is found in the list
    "mov": Kind("movement"),
    "onblr": Kind("onboarding_legal_representative"),
    "onbprc": Kind("onboarding"),
    "onbsh": Kind("onboarding_shareholder"),
    "pi": Kind("payment_intent", ("/v2/payment_intents", "/v1/payment_intents"), "payment:view"),
    "pl": Kind("payment_link", ("/v1/payment_links",), "payment:view"),
    "plink": Kind("payment_link", ("/v1/payment_links",), "payment:view"),
    "pm": Kind("payment_method", ("/v2/payment_methods",), "payment:view"),
    "po": Kind("payout", ("/v1/payouts",), "payout:view"),
    "re": Kind("refund", ("/v1/refunds",), "refund:view"),
    "ref": Kind("refund", ("/v1/refunds",), "refund:view"),
    "sub": Kind("subscription", ("/v2/subscriptions", "/v1/subscriptions"), "billing:view"),
    "tr": Kind("transfer", ("/v2/transfers",), "transfer:view"),
    "we": Kind("webhook_endpoint", ("/v1/webhook_endpoints",), "webhook_endpoint:view"),
}
"""By what stands before the first ``_``. Source: the prefixes in Fintoc's examples and SDKs, as of 2026-11.

The permissions of account verifications, disputes, payment links, payment methods and subscriptions are read off their
neighbours: Fintoc does not document them, and whoever was granted little must not read them for that.
"""

SECRETS: Final = ("whsec_", "sk_", "_token_", "_sec_")
"""What marks a secret or a token: a value that is no id of an object, and that nothing should repeat."""


def checked_id(text: str) -> str:
    """``text``, where it is an id: letters, digits, ``_`` and ``-``, so that in a path it can only be one segment.

    :raises PydanticCustomError: ``invalid_id``, which does not repeat the text: it may be a secret.
    """
    if _ID.fullmatch(text) is None:
        raise PydanticCustomError("invalid_id", "is not an id of Fintoc: letters, digits, _ and - only")
    if text.startswith(SECRETS[:2]) or any(mark in text for mark in SECRETS[2:]):
        raise PydanticCustomError("invalid_id", "is a secret or a token of Fintoc, and not the id of an object")
    return text


def kind_of(text: str) -> Kind | None:
    """The kind that the prefix of an id hints at, or ``None`` where it has none that is known."""
    prefix, underscore, _ = text.partition("_")
    return KINDS.get(prefix) if underscore else None


def path_to(collection: str, *segments: str) -> str:
    """The path of one object, or of something under it: ``path_to("/v1/refunds", id, "cancel")``.

    :raises PydanticCustomError: a segment is no id.
    """
    return "/".join((collection, *(quote(checked_id(segment), safe="") for segment in segments)))


FintocId = Annotated[
    str,
    AfterValidator(checked_id),
    Field(description="An id from an earlier answer."),
]
"""An id that may stand in a path."""
