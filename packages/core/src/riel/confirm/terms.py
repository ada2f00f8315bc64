"""The terms of a payment and their digest: 32 bytes that change with every field and with every field boundary."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from riel.money import Money
from riel.rail import Kind, Mode, Payee
from riel.text import fold_text

VERSION = b"riel-terms-2"
"""The first field of every preimage. It changes when a field is added or encoded differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything that a decision is bound to.

    :param arguments: the payment or refund itself, as it would go over the wire (``model_dump(mode="json",
        by_alias=True)``): the same shape by whichever tool it was asked for.
    :param tool: the tool that was called, without the rail's prefix: a code for one tool confirms nothing by another.
    :param tool_arguments: the checked arguments of that call. A rail's own tool, or a return, makes the payment of
        them; for ``send_payment`` they are ``arguments``.
    :param original: the id of the payment that a refund pays back; empty for a payment.
    :param payer: whose money leaves, as :attr:`riel.RailSettings.payer` names it.
    """

    kind: Kind
    rail: str
    mode: Mode
    principal: str
    payee: Payee
    money: Money
    arguments: Mapping[str, Any]
    payer: str
    original: str = ""
    tool: str = ""
    tool_arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.kind == "refund") != bool(self.original):
            raise ValueError("a refund names the payment that it pays back, and a payment names none")


def digest(terms: Terms) -> bytes:
    """SHA-256 over every field of ``terms``.

    :raises TypeError: an argument is a float, or anything else that has more than one way to be written.
    :raises ValueError: a text holds half of a surrogate pair.
    """
    return hashlib.sha256(preimage(terms)).digest()


def preimage(terms: Terms) -> bytes:
    """The fields in a fixed order, each behind its length in eight bytes, so that no two terms are written alike.

    Texts are folded (:func:`riel.text.fold_text`): what a person reads as the same is the same, however an agent writes
    its accents, spaces, quotation marks and dashes the second time.
    """
    fields = (
        VERSION,
        terms.kind.encode(),
        terms.rail.encode(),
        terms.mode.encode(),
        terms.principal.encode(),
        terms.payee.account.encode(),
        fold_text(terms.payee.name).encode(),
        fold_text(terms.payee.institution).encode(),
        b"%d" % terms.money.amount,
        terms.money.currency.encode(),
        canonical(terms.arguments),
        terms.original.encode(),
        terms.payer.encode(),
        terms.tool.encode(),
        canonical(terms.tool_arguments),
    )
    return b"".join(len(field).to_bytes(8) + field for field in fields)


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 with sorted keys and no spaces, of folded text, integers, booleans, null, lists and objects only.

    Not escaped to ASCII: there, two halves of a surrogate pair would be written like the character they make.
    """
    text = json.dumps(_plain(arguments), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _plain(value: object) -> object:
    if isinstance(value, str):
        return fold_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(each) for key, each in value.items()}
    raise TypeError(f"an argument holds a {type(value).__name__}, which cannot be confirmed: use text or integers")
