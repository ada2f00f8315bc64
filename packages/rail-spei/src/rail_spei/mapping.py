"""What STP tells of an order, in the core's words."""

from rail_spei.cep import cep_link
from rail_spei.name_match import names_match
from rail_spei.stp.models import Told
from rail_spei.stp.states import State
from riel import Answer, Order, StatementLine, Status

CURRENCY = "MXN"

WITH_CEP = {"LQ", "D", "RE"}
"""The states in which Banxico has a receipt, or soon will: settled, and not between two accounts of STP."""


def answer(told: Told, order: Order) -> Answer:
    """Where the order stands. What STP echoed goes along: the core compares it with what was asked."""
    state = told.state()
    return Answer(
        status=state.status,
        provider_id="" if told.number is None else str(told.number),
        amount=told.amount,
        currency=CURRENCY,
        account=told.payee_account,
        settled_at=told.settled_at if state.status is Status.SETTLED else None,
        provider_code=_code(told, state),
        facts=dict(_facts(told, order, state)),
    )


def _code(told: Told, state: State) -> str:
    if state.word == "returned" and told.cause is not None:
        return told.cause.native
    return state.native


def _facts(told: Told, order: Order, state: State) -> list[tuple[str, str]]:
    """What the receipt shows. A state that nobody explained is shown as STP writes it."""
    facts = [("providerState", state.code)]
    if state.code in WITH_CEP:
        facts.append(("cepUrl", cep_link(told.cep_link or None)))
    if told.number is not None:
        facts.append(("providerOrder", str(told.number)))
    if told.day is not None:
        facts.append(("operationDate", told.day.isoformat()))
    if state.word == "returned" and told.cause is not None:
        facts.append(("providerCode", told.cause.code))
    if told.cep_name:
        facts.append(("payeeNameAtBank", told.cep_name))
        facts.append(("nameMatches", names_match(order.payee.name, told.cep_name)))
    return facts


def entry(told: Told) -> StatementLine:
    """A line of the list of an operating day."""
    return StatementLine(
        kind="payment",
        reference=told.key,
        status=told.state().status,
        amount=told.amount or 0,
        currency=CURRENCY,
        account=told.payee_account,
        provider_id="" if told.number is None else str(told.number),
        at=told.captured_at,
    )
