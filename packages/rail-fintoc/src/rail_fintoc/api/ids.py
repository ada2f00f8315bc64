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
class ResourceKind:
    """A kind of object: its name, the lists that hold it (first the one to ask first), and the permission to read it.

    An empty ``paths`` is an object that is not found by its id alone: nothing reads it, so it has no ``scope``.
    """

    name: str
    paths: tuple[str, ...] = ()
    scope: str = ""


KINDS: Final[Mapping[str, ResourceKind]] = {
    "acc": ResourceKind(
        "account", ("/v2/accounts",), "account:view"
    ),  # a linked bank account needs its link token besides
    "acno": ResourceKind("account_number", ("/v2/account_numbers",), "account_number:view"),
    "accv": ResourceKind("account_verification", ("/v2/account_verifications",), "transfer:view"),
    "acst": ResourceKind("account_statement"),
    "cs": ResourceKind("checkout_session", ("/v2/checkout_sessions", "/v1/checkout_sessions"), "payment:view"),
    "cus": ResourceKind("customer", ("/v2/customers",), "customer:view"),
    "dp": ResourceKind("dispute", ("/v1/disputes",), "payment:view"),
    "ent": ResourceKind("entity", ("/v2/entities",), "entity:view"),
    "evt": ResourceKind("event"),
    "il": ResourceKind("line_item"),
    "inv": ResourceKind("invoice", ("/v2/invoices",), "billing:view"),
    "link": ResourceKind(
        "link", (), "link:view"
    ),  # the single one is asked for by its token; by id it is found in the list
    "mov": ResourceKind("movement"),
    "onblr": ResourceKind("onboarding_legal_representative"),
    "onbprc": ResourceKind("onboarding"),
    "onbsh": ResourceKind("onboarding_shareholder"),
    "pi": ResourceKind("payment_intent", ("/v2/payment_intents", "/v1/payment_intents"), "payment:view"),
    "pl": ResourceKind("payment_link", ("/v1/payment_links",), "payment:view"),
    "plink": ResourceKind("payment_link", ("/v1/payment_links",), "payment:view"),
    "pm": ResourceKind("payment_method", ("/v2/payment_methods",), "payment:view"),
    "po": ResourceKind("payout", ("/v1/payouts",), "payout:view"),
    "re": ResourceKind("refund", ("/v1/refunds",), "refund:view"),
    "ref": ResourceKind("refund", ("/v1/refunds",), "refund:view"),
    "sub": ResourceKind("subscription", ("/v2/subscriptions", "/v1/subscriptions"), "billing:view"),
    "tr": ResourceKind("transfer", ("/v2/transfers",), "transfer:view"),
    "we": ResourceKind("webhook_endpoint", ("/v1/webhook_endpoints",), "webhook_endpoint:view"),
}
"""By what stands before the first ``_``. Source: the prefixes in Fintoc's examples and SDKs, as of 2026-11.

The permissions of account verifications, disputes, payment links, payment methods and subscriptions are read off their
neighbours: Fintoc does not document them, and whoever was granted little must not read them for that.
"""

SECRETS: Final = ("whsec_", "sk_", "_token_", "_sec_")
"""What marks a secret or a token: a value that is no id of an object, and that nothing should repeat."""


def validate_id(text: str) -> str:
    """``text``, where it is an id: letters, digits, ``_`` and ``-``, so that in a path it can only be one segment.

    :raises PydanticCustomError: ``invalid_id``, which does not repeat the text: it may be a secret.
    """
    if _ID.fullmatch(text) is None:
        raise PydanticCustomError("invalid_id", "is not an id of Fintoc: letters, digits, _ and - only")
    if text.startswith(SECRETS[:2]) or any(mark in text for mark in SECRETS[2:]):
        raise PydanticCustomError("invalid_id", "is a secret or a token of Fintoc, and not the id of an object")
    return text


def kind_of(text: str) -> ResourceKind | None:
    """The kind that the prefix of an id hints at, or ``None`` where it has none that is known."""
    prefix, underscore, _ = text.partition("_")
    return KINDS.get(prefix) if underscore else None


def path_to(collection: str, *segments: str) -> str:
    """The path of one object, or of something under it: ``path_to("/v1/refunds", id, "cancel")``.

    :raises PydanticCustomError: a segment is no id.
    """
    return "/".join((collection, *(quote(validate_id(segment), safe="") for segment in segments)))


FintocId = Annotated[
    str,
    AfterValidator(validate_id),
    Field(description="An id from an earlier answer."),
]
"""An id that may stand in a path."""
