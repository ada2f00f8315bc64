"""What ``send_payment``, ``check_status``, ``request_refund`` and ``search_docs`` have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from riel.catalog import ActiveRail
from riel.payments import PaymentEngine
from riel.rail import Rail, WireModel
from riel.redaction import Redactor
from riel.tools.envelope import Envelope, payment_answer
from riel.tools.schema import Schema, enveloped


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTool(ABC):
    """A tool that riel itself gives to a rail. ``logs`` learns what no log may show."""

    name: ClassVar[str]
    scope: ClassVar[str]
    read_only: ClassVar[bool]
    notifies: ClassVar[bool] = False

    engine: PaymentEngine
    rail: ActiveRail
    logs: Redactor

    @property
    def declaration(self) -> Rail:
        """The declaration of its rail."""
        return self.rail.declaration

    @property
    def output_schema(self) -> Schema:
        """The schema of its envelope."""
        return enveloped(payment_answer(self.declaration))

    @property
    @abstractmethod
    def title(self) -> str:
        """The title for people."""

    @property
    @abstractmethod
    def description(self) -> str:
        """The description for the model, the only specification that it sees."""

    @property
    @abstractmethod
    def model(self) -> type[WireModel]:
        """The model of its arguments."""

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any], principal: str) -> Envelope:
        """Run it on behalf of ``principal``.

        :raises NothingSent: it was refused; :mod:`riel.tools.registry` makes an envelope of it.
        """
