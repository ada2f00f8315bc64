"""The mapping from STP's status of an order to the core's answer and statement line."""

from rail_spei.cep import cep_link
from rail_spei.name_match import names_match
from rail_spei.stp.models import OrderStatus
from rail_spei.stp.states import OrderState
from riel import Answer, Order, StatementLine, Status

CURRENCY = "MXN"

STATES_WITH_CEP = {"LQ", "D", "RE"}
"""The states of an order with a CEP at Banxico, now or soon: it settled, and not between two accounts of STP."""


def to_answer(status: OrderStatus, order: Order) -> Answer:
    """Map a status to the core's answer, with the fields that STP echoed: the core compares them with the order."""
    state = status.state()
    return Answer(
        status=state.status,
        provider_id="" if status.number is None else str(status.number),
        amount=status.amount,
        currency=CURRENCY,
        account=status.payee_account,
        settled_at=status.settled_at if state.status is Status.SETTLED else None,
        provider_code=_provider_code(status, state),
        facts=dict(_facts(status, order, state)),
    )


def _provider_code(status: OrderStatus, state: OrderState) -> str:
    if state.kind == "returned" and status.cause is not None:
        return status.cause.provider_code
    return state.provider_code


def _facts(status: OrderStatus, order: Order, state: OrderState) -> list[tuple[str, str]]:
    """The facts that the receipt shows. An unexplained state is shown as STP writes it."""
    facts = [("providerState", state.code)]
    if state.code in STATES_WITH_CEP:
        facts.append(("cepUrl", cep_link(status.cep_link or None)))
    if status.number is not None:
        facts.append(("providerOrder", str(status.number)))
    if status.day is not None:
        facts.append(("operationDate", status.day.isoformat()))
    if state.kind == "returned" and status.cause is not None:
        facts.append(("providerCode", status.cause.code))
    if status.cep_name:
        facts.append(("payeeNameAtBank", status.cep_name))
        facts.append(("nameMatches", names_match(order.payee.name, status.cep_name)))
    return facts


def to_statement_line(status: OrderStatus) -> StatementLine:
    """Map a status to a line of the statement of an operating day."""
    return StatementLine(
        kind="payment",
        reference=status.key,
        status=status.state().status,
        amount=status.amount or 0,
        currency=CURRENCY,
        account=status.payee_account,
        provider_id="" if status.number is None else str(status.number),
        at=status.captured_at,
    )
