"""A rail's code is contained: it never sees a code, and its faults stop and slow no other rail."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import model_validator

from riel import Payee, Payment, Prepared, WireModel
from riel.catalog import validate

from .bad_rails.toy import ToyLookup, ToyPayment, ToyRefund, toy
from .doors_support import EngineAgent
from .engine_support import working
from .rail_tools_support import agent, paying

pytestmark = pytest.mark.anyio

# What a rail receives


class Observed:
    """Everything that the code of a rail was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def payment(self) -> type[Payment]:
        shown = self.shown

        class ObservedPayment(ToyPayment):
            @model_validator(mode="before")
            @classmethod
            def _before(cls, arguments: Any) -> Any:
                shown.append(repr(arguments))
                return arguments

            def payee(self) -> Payee:
                shown.append(repr(self) + repr(self.model_dump()))
                return super().payee()

            def purpose(self) -> str:
                shown.append(repr(self) + repr(vars(self)))
                return ""

        return ObservedPayment

    def prepare(self, draft: Any, references: Any) -> Prepared:
        model = draft.payment or draft.refund
        self.shown.append(repr(draft) + repr(type(model).model_fields) + repr(model.model_dump()))
        return Prepared(reference=f"R{references.random(12)}")


async def test_a_rail_never_receives_the_code_of_a_payment_or_a_refund(tmp_path: Path) -> None:
    observed = Observed()
    async with working(tmp_path, declares={"payment": observed.payment()}) as world:
        world.client.prepares = observed.prepare
        call, payment = EngineAgent(world), {"account": "0123456789", "amount": 50_000}
        await call("send_payment", **payment)
        code = world.person._right(world.person.asked[-1])
        paid = (await call("send_payment", **payment, verificationCode=code))["data"]
        assert paid["status"] == "success"
        refund = {"key": paid["trackingKey"]}
        await call.refund(**refund)
        refund_code = world.person._right(world.person.asked[-1])
        assert (await call.refund(**refund, verificationCode=refund_code))["status"] == "success"
    assert len(observed.shown) > 5
    shown = "".join(observed.shown)
    assert code not in shown
    assert refund_code not in shown
    assert "verification" not in shown


async def test_a_rails_own_tool_never_receives_the_code(tmp_path: Path) -> None:
    shown: list[str] = []

    async def pay_bill(client: Any, arguments: WireModel) -> Payment:
        shown.append(repr(arguments) + repr(arguments.model_dump()))
        return ToyPayment(account="0123456789", amount=120_000)

    async with agent(tmp_path, paying(build_payment=pay_bill)) as ana:
        await ana.data("toy_pay_bill", bill="rent")
        assert (await ana.data("toy_pay_bill", bill="rent", verificationCode=ana.code()))["status"] == "success"
    assert len(shown) == 2
    assert ana.code() not in "".join(shown)
    assert "verification" not in "".join(shown)


class PaymentWithCode(ToyPayment):
    verification_code: str


class LookupWithCode(ToyLookup):
    verification_code: str | None = None


class RefundWithCode(ToyRefund):
    verification_code: str | None = None


@pytest.mark.parametrize("kind", ["payment", "lookup", "refund"])
def test_a_rail_that_asks_for_the_code_is_refused(kind: str) -> None:
    models = {"payment": PaymentWithCode, "lookup": LookupWithCode, "refund": RefundWithCode}
    faults = validate(toy(**{kind: models[kind]}))
    assert any("an argument verificationCode: a rail never receives a code" in fault for fault in faults), faults
