"""Every call of a rail's own code: opened, bounded in time, contained, and its result checked (``rail_results``).

A rail may raise what the contract of the called function names, and nothing else. Any other exception, and any result
of a wrong type, is a failure of the rail: :mod:`riel.payments.rail_failure` logs it with its place, and here it gets
the meaning that is safe for the money. Of an order that may have left, the outcome is unknown; in every other call,
nothing was sent or nothing was learned.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, cast

from pydantic import BaseModel

from riel.catalog import ActiveRail
from riel.errors import BrokenRail, Code, NothingLearned, NothingSent, NotSent, OutcomeUnknown, Rejected
from riel.http.wire import Wire, counted
from riel.journal import PaymentRecord
from riel.payments.context import Context, PaymentRequest
from riel.payments.rail_failure import RailFailure, contained, limited, rail_failure
from riel.payments.rail_results import (
    checked_answer,
    checked_result,
    is_text_by_name,
    problem_of_prepared,
    problem_of_statement,
    problem_of_webhook,
)
from riel.payments.rules import LookupOutcome, SendOutcome
from riel.rail import (
    Client,
    Draft,
    Order,
    Payment,
    Prepared,
    ReferenceSource,
    Refund,
    ReturnClient,
    Statement,
    StatementClient,
    Tool,
    WebhookResult,
    WireModel,
)

STATEMENT_DEADLINE = timedelta(minutes=15)
"""How long a rail may take over the statement of one day, every page of it."""

MAX_STATEMENT_PAGE = 16 * 1024 * 1024
"""How many bytes one page of it may have: a thousand orders are longer than any other answer."""


class Expired(Exception):
    """A call took longer than its time."""


@asynccontextmanager
async def bounded(
    rail: ActiveRail, call: str, within: timedelta, *allowed: type[Exception], max_answer: int | None = None
) -> AsyncIterator[Wire]:
    """Run code of ``rail`` that waits for its provider, and count its requests.

    :param max_answer: the most bytes of an answer.
    :raises Expired: it took longer than ``within``, or than a time of its own.
    :raises RailFailure: it raised an exception that is not ``allowed``.
    """
    with contained(rail, call, Expired, *allowed), counted(max_answer) as wire:
        try:
            async with asyncio.timeout(within.total_seconds()):
                yield wire
        except TimeoutError as failure:
            raise Expired from failure


# Calls in the life of a payment


async def prepare(context: Context, request: PaymentRequest, references: ReferenceSource) -> Prepared:
    """Make the reference and the bytes of an order.

    :raises NothingSent: the rail refused it, or failed.
    """
    rail, terms = request.rail, request.terms
    client = await context.clients.of(terms.rail)
    draft = Draft(
        kind=terms.kind,
        money=terms.money,
        payment=request.model if isinstance(request.model, Payment) else None,
        refund=request.model if isinstance(request.model, Refund) else None,
        original=request.original.order() if request.original else None,
    )
    try:
        with limited(rail, "prepare", NothingSent):
            prepared = client.prepare(draft, references)
            problem = problem_of_prepared(prepared)
        if problem:
            raise rail_failure(rail, "prepare", problem)
    except RailFailure as failure:
        raise _broken(rail, "prepare the payment", failure) from failure
    return prepared


async def send(context: Context, record: PaymentRecord, order: Order) -> SendOutcome:
    """Send ``order`` to the rail, once, within the rail's ``send_deadline``.

    :raises OtherPayer: another account than ours pays it.
    """
    context.check_payer(record)
    rail, started = context.rails[record.rail], asyncio.get_running_loop().time()
    try:
        client = await context.clients.of(record.rail)
    except NothingSent as failure:
        return NotSent(str(failure))
    wire = Wire()
    left = _time_left(context, record, started)
    if left <= timedelta(0):  # the process was stopped: others may have concluded that the order is gone
        return NotSent("it was too late to send it")
    call = "refund" if record.kind == "refund" else "send"
    try:
        async with bounded(rail, call, left, Rejected, NotSent, OutcomeUnknown) as wire:
            if _time_left(context, record, started) <= timedelta(0):  # it was stopped since the last look at the clock
                return NotSent("it was too late to send it")
            if record.kind == "refund":
                answer = await client.refund(order)
            else:
                answer = await client.send(order)
            return checked_answer(rail, call, answer)
    except NotSent as outcome:
        if wire.requests:  # whatever the rail believes: something of this call is on its way
            return OutcomeUnknown(f"the rail says that nothing was sent, and a request was: {outcome}")
        return outcome
    except (Rejected, OutcomeUnknown) as outcome:
        return outcome
    except Expired:
        return OutcomeUnknown("no answer within the deadline of the send")
    except RailFailure as failure:
        return OutcomeUnknown(f"the rail failed: {failure}")


async def look_up(context: Context, record: PaymentRecord, order: Order) -> LookupOutcome:
    """Ask the rail what it knows of ``order``.

    :raises OtherPayer: another account than ours pays it.
    """
    context.check_payer(record)
    rail = context.rails[record.rail]
    try:
        client = await context.clients.of(record.rail)
    except NothingSent as failure:
        return NothingLearned(str(failure))
    try:
        async with bounded(rail, "status", rail.guarantees.send_deadline, NothingLearned):
            answer = await client.status(order)
            return "absent" if answer is None else checked_answer(rail, "status", answer)
    except NothingLearned as nothing:
        return nothing
    except Expired:
        return NothingLearned("no answer within the deadline of a look-up")
    except RailFailure as failure:
        return NothingLearned(f"the rail failed: {failure}")


async def build_return(context: Context, rail_name: str, refund: Refund) -> Payment | None:
    """Build the payment that returns a received one; ``None`` if the rail received no such payment.

    :raises Rejected: the provider refused.
    :raises NothingSent: the rail refused it, did not answer, or failed.
    """
    rail = context.rails[rail_name]
    return_client = cast("ReturnClient", await context.clients.of(rail_name))
    try:
        async with bounded(rail, "build_return", context.timing.answer_within, NothingSent, NothingLearned, Rejected):
            payment = await return_client.build_return(refund)
            return cast("Payment | None", checked_result(rail, "build_return", payment, Payment, None))
    except (NothingLearned, Expired) as failure:
        raise _no_answer(rail, failure) from failure
    except RailFailure as failure:
        raise _broken(rail, "find the payment that was received", failure) from failure


# Calls beside it


async def run_tool(context: Context, rail: ActiveRail, tool: Tool, arguments: WireModel) -> dict[str, Any]:
    """Run a rail's own tool, and return its output as it goes over the wire.

    :raises Rejected: the provider refused.
    :raises NothingSent: the rail refused, did not answer, or failed.
    """
    assert tool.run is not None and tool.output is not None  # noqa: S101, PT018 (the catalog checks it)
    result = await _tool_result(context, rail, tool, tool.run, arguments, tool.output)
    try:
        with limited(rail, f"the tool {tool.name}"):
            return cast("BaseModel", result).model_dump(mode="json", by_alias=True)
    except RailFailure as failure:
        raise _tool_failure(rail, tool, failure) from failure


async def build_payment(context: Context, rail: ActiveRail, tool: Tool, arguments: WireModel) -> Payment | None:
    """Build the payment of a rail's own tool; raises as :func:`run_tool` does."""
    assert tool.build_payment is not None  # noqa: S101 (the catalog checks it)
    payment = await _tool_result(context, rail, tool, tool.build_payment, arguments, Payment, None)
    return cast("Payment | None", payment)


def tool_scope(rail: ActiveRail, tool: Tool, arguments: WireModel) -> str:
    """Return the scope that a call of a rail's own tool needs; empty if it needs none.

    :raises NothingSent: the rail failed.
    """
    if tool.scope_of is None:
        return tool.scope
    call = f"the scope of {tool.name}"
    try:
        with limited(rail, call):
            scope = tool.scope_of(arguments)
        return cast("str", checked_result(rail, call, scope, str))
    except RailFailure as failure:
        raise _broken(rail, f"tell the scope of {tool.name}", failure) from failure


def tool_notification(rail: ActiveRail, tool: Tool, arguments: WireModel) -> Mapping[str, Any]:
    """Build the notification of a rail's own tool.

    :raises NothingSent: the rail failed.
    """
    assert tool.build_notification is not None  # noqa: S101 (the catalog checks it)
    call = f"the tool {tool.name}"
    try:
        with limited(rail, call):
            body = tool.build_notification(arguments)
        return cast("Mapping[str, Any]", checked_result(rail, call, body, Mapping))
    except RailFailure as failure:
        raise _broken(rail, f"run {tool.name}", failure) from failure


async def _tool_result(
    context: Context,
    rail: ActiveRail,
    tool: Tool,
    function: Callable[[Any, Any], Awaitable[object]],
    arguments: WireModel,
    *types: type[object] | None,
) -> object:
    client = await context.clients.of(rail.declaration.name)
    within, call = context.timing.answer_within, f"the tool {tool.name}"
    try:
        async with bounded(rail, call, within, NothingSent, NothingLearned, OutcomeUnknown, Rejected):
            return checked_result(rail, call, await function(client, arguments), *types)
    except (NothingLearned, OutcomeUnknown, Expired) as failure:
        raise _no_answer(rail, failure) from failure
    except RailFailure as failure:
        raise _tool_failure(rail, tool, failure) from failure


def _tool_failure(rail: ActiveRail, tool: Tool, failure: RailFailure) -> NothingSent:
    """Return the refusal; a tool that changes something may have failed after its request had left."""
    if tool.run is None or tool.read_only:
        return _broken(rail, f"run {tool.name}", failure)
    problem = f"it could not finish {tool.name} ({failure})"
    return NothingSent(Code.RAIL_TOOL_FAILED, rail=rail.declaration.name, problem=problem)


async def statement(rail: ActiveRail, client: Client, day: date, within: timedelta = STATEMENT_DEADLINE) -> Statement:
    """Fetch the provider's statement of ``day``, whole.

    :raises NothingLearned: the rail did not answer, or failed.
    :raises BrokenRail: the rail returned something that is no statement.
    """
    name = rail.declaration.name
    statement_client = cast("StatementClient", client)
    if not callable(getattr(client, "statement", None)):
        raise BrokenRail(f"the rail {name!r} declares statements, but its client has no method 'statement'.")
    try:
        async with bounded(rail, "statement", within, NothingLearned, max_answer=MAX_STATEMENT_PAGE):
            result = await statement_client.statement(day)
            problem = problem_of_statement(result)
    except Expired as failure:
        raise NothingLearned("no answer within the deadline of a statement") from failure
    except RailFailure as failure:
        raise NothingLearned(f"the rail failed: {failure}") from failure
    if problem:
        raise BrokenRail(f"the rail {name!r} returned no statement: {rail_failure(rail, 'statement', problem)}.")
    return result


def parse_webhook(rail: ActiveRail, headers: Mapping[str, str], body: bytes) -> WebhookResult | None:
    """Read a provider's message; ``None`` if the rail failed to."""
    assert rail.declaration.parse_webhook is not None  # noqa: S101 (the caller looked)
    try:
        with limited(rail, "parse_webhook"):
            result = rail.declaration.parse_webhook(rail.settings, headers, body)
            problem = problem_of_webhook(result)
        if problem:
            raise rail_failure(rail, "parse_webhook", problem)
    except RailFailure:
        return None
    return result


def manual_refund(rail: ActiveRail, order: Order) -> Mapping[str, str]:
    """Return what a person needs to ask for the money of ``order``, in names and words; empty if the rail failed."""
    assert rail.declaration.manual_refund is not None  # noqa: S101 (the caller looked)
    try:
        with limited(rail, "manual_refund"):
            facts = rail.declaration.manual_refund(order)
            is_text = is_text_by_name(facts)
        if not is_text:
            raise rail_failure(rail, "manual_refund", "its facts are not strings by name")
    except RailFailure:
        return {}
    return facts


def docs_server(rail: ActiveRail) -> str | None:
    """Return the URL of the provider's documentation server; ``None`` if there is none, or the rail failed."""
    if rail.declaration.docs_server is None:
        return None
    try:
        with limited(rail, "docs_server"):
            url = rail.declaration.docs_server(rail.settings)
        return cast("str | None", checked_result(rail, "docs_server", url, str, None))
    except RailFailure:
        return None


# Time and errors


def _time_left(context: Context, record: PaymentRecord, started: float) -> timedelta:
    """Return how long the order may still be under way.

    Every other process counts from ``sent_at``, by the clock of the day, so that clock binds. The clock of the loop
    binds as well, since the other one may have been set back while this process was stopped.
    """
    deadline = context.rails[record.rail].guarantees.send_deadline
    by_the_clock = record.sent_at + deadline - context.now()
    by_the_loop = deadline - timedelta(seconds=asyncio.get_running_loop().time() - started)
    return min(by_the_clock, by_the_loop)


def _no_answer(rail: ActiveRail, failure: Exception) -> NothingSent:
    details = {"cause": cause} if (cause := getattr(failure, "cause", "")) else {}
    return NothingSent(Code.RAIL_NO_ANSWER, rail=rail.declaration.title, details=details)


def _broken(rail: ActiveRail, task: str, failure: RailFailure) -> NothingSent:
    return NothingSent(Code.RAIL_BROKEN, rail=rail.declaration.name, problem=f"it could not {task} ({failure})")
