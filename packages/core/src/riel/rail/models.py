"""What goes over the wire: the arguments of the three tools, and the receipt. A rail derives its own from these."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from riel.money import MinorUnits
from riel.text import SingleLine

Mode: TypeAlias = Literal["live", "test", "sandbox"]
"""Where the money is: real, the provider's test system, or a pretend bank on this machine."""

Kind: TypeAlias = Literal["payment", "refund", "request"]
"""What an order does with money: send it, or give back what was sent; a ``request`` moves none, and a person confirms
it all the same (to take back a refund that has not been paid yet)."""


with suppress(Exception):
    create_model("PluginSearch")
"""pydantic searches the metadata of everything that is installed when the first model is declared, and one package with
broken metadata would stop the import of riel. It searches once only, whether that fails or not."""


class WireModel(BaseModel):
    """What goes over the wire: camelCase, strict types, no unknown fields, and never an echo of a refused value."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid: the account as the rail writes it, and what a person would recognise."""

    account: str
    name: str = ""
    institution: str = ""


class Payment(WireModel):
    """The arguments of ``{rail}_send_payment``. A rail adds its own fields and says who is paid.

    A rail of several currencies declares a field ``currency``. Validators that depend on the rail's settings find them
    as the context of the validation (``info.context``), which is ``None`` where there are none.
    """

    amount: MinorUnits

    kind: ClassVar[Literal["payment", "request"]] = "payment"
    """``request`` where nothing is paid: ``amount`` and ``payee()`` say what it is about, and no limit counts it."""

    def payee(self) -> Payee:
        """Who is paid, for the confirmation, the limits and the journal."""
        raise NotImplementedError(f"{type(self).__name__} does not say who is paid: define payee()")

    def purpose(self) -> str:
        """What it is for, as the person who confirms should read it. Empty where the rail carries no such text."""
        return ""

    def details(self) -> Mapping[str, str]:
        """What else decides who gets the money, by a label for the person who confirms: the type of the account."""
        return {}


class Lookup(WireModel):
    """The arguments of ``{rail}_check_status``: exactly one field, the reference under the rail's own name for it."""


class Refund(WireModel):
    """The arguments of ``{rail}_request_refund``: the rail's reference field, and perhaps ``amount`` for a part."""

    reason: SingleLine


class Trusted:
    """Marks a field of a receipt, or of a tool's answer, whose text no payer, payee or bank can choose.

    ``bank_reference: Annotated[str | None, Trusted, Field(pattern=r"^[A-Z0-9]{1,20}$")] = None``. The rail makes such
    a text itself, or its form leaves no room for a sentence. Every other text is somebody else's and is shown under
    ``untrusted``.
    """


class Receipt(WireModel):
    """What the agent reads under ``data``. A rail adds its reference field and whatever its ``facts`` bring.

    Every field but ``status`` may be missing; unknown facts are dropped, never guessed. A text is shown under
    ``untrusted`` unless its field is :class:`Trusted`.
    """

    model_config = ConfigDict(extra="ignore", strict=False)

    status: str
    amount: int | None = Field(default=None, description="In minor units: 50000 is 500.00.")
    currency: str | None = Field(default=None, description="ISO 4217.")
    settled_at: str | None = Field(default=None, description="When the money moved (ISO 8601, UTC).")

    def notice(self) -> str:
        """What the person should be told of these facts, in a sentence of the rail's; empty if there is nothing."""
        return ""
