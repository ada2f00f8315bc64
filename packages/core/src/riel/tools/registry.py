"""Build the tools of the active rails: names, descriptions, schemas, and a ``run`` that always answers an envelope."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riel.catalog import ActiveRail
from riel.docs_index import Pages
from riel.errors import Code, ErrorData, NothingSent
from riel.payments import PaymentEngine
from riel.redaction import Redactor
from riel.tools.check_status import CheckStatus
from riel.tools.envelope import Envelope, failure
from riel.tools.payment_tool import PaymentTool
from riel.tools.rail_tool import RailTool
from riel.tools.request_refund import RequestRefund
from riel.tools.schema import input_schema
from riel.tools.scopes import Scopes
from riel.tools.search_docs import AskDocs, SearchDocs, docs_url
from riel.tools.send_payment import SendPayment

log = logging.getLogger(__name__)

Run = Callable[[Mapping[str, Any], str], Awaitable[Envelope]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as a client sees it, and how to run it: ``run(arguments, principal)``.

    Every tool is idempotent (repeated, it pays nothing more) but one that ``notifies``: each call leaves a message for
    the operator. A tool that is neither this nor ``read_only`` can move money or create something at a provider. A tool
    that is not ``granted`` to this session is not listed, and refuses.
    """

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    scope: str
    read_only: bool
    notifies: bool
    granted: bool
    run: Run


def build_tools(
    engine: PaymentEngine,
    answers: Redactor,
    logs: Redactor,
    scopes: Scopes | None = None,
    ask_docs: AskDocs | None = None,
) -> dict[str, ToolSpec]:
    """The tools of every active rail by name, sorted; the catalog sees to it that no two share one.

    :param answers: removes the settings' secrets from every answer.
    :param logs: cleans the logs; each call adds its code and account number to it.
    :param scopes: what this session may do; by default everything.
    :param ask_docs: asks a provider's documentation server; without it only the pages in the rails are searched.
    :raises Misconfigured: a granted scope belongs to no tool.
    """
    scopes = scopes or Scopes()
    tools: dict[str, ToolSpec] = {}
    for rail_name, rail in sorted(engine.rails.items()):
        for tool in _tools_of(engine, rail, logs, scopes, ask_docs):
            name = f"{f'{rail_name}_' if isinstance(tool, PaymentTool) else rail.tool_prefix}{tool.name}"
            granted = scopes.allow(tool.scope, read_only=tool.read_only)
            run = tool.run if granted else _refusing(scopes, tool.scope)
            tools[name] = ToolSpec(
                name=name,
                title=tool.title,
                description=tool.description,
                input_schema=input_schema(tool.model),
                output_schema=tool.output_schema,
                scope=tool.scope,
                read_only=tool.read_only,
                notifies=tool.notifies,
                granted=granted,
                run=_safely(name, run, answers, rail.mode),
            )
    scopes.must_be_among({spec.scope for spec in tools.values() if spec.scope})
    return dict(sorted(tools.items()))


def _tools_of(
    engine: PaymentEngine, rail: ActiveRail, logs: Redactor, scopes: Scopes, ask_docs: AskDocs | None
) -> Iterator[PaymentTool | RailTool]:
    """The three payment tools of a rail, its documentation search if it has pages, and its own tools."""
    yield SendPayment(engine=engine, rail=rail, logs=logs)
    yield CheckStatus(engine=engine, rail=rail, logs=logs)
    yield RequestRefund(engine=engine, rail=rail, logs=logs)
    if rail.declaration.docs:
        pages, url = Pages(Path(rail.declaration.docs)), docs_url(rail)
        yield SearchDocs(engine=engine, rail=rail, logs=logs, pages=pages, url=url, ask=ask_docs)
    for tool in rail.declaration.tools:
        yield RailTool(engine=engine, rail=rail, tool=tool, scopes=scopes, logs=logs)


def _refusing(scopes: Scopes, scope: str) -> Run:
    """The ``run`` of a tool that this session was not granted."""

    async def refuse(arguments: Mapping[str, Any], principal: str) -> Envelope:
        raise scopes.refusal(scope)

    return refuse


def unknown_tool() -> Envelope:
    """The answer to a call of a tool that does not exist."""
    return failure(ErrorData.of(Code.UNKNOWN_TOOL))


def not_an_object() -> Envelope:
    """The answer to a call whose arguments are not an object."""
    return failure(
        ErrorData.of(
            Code.INVALID_ARGUMENT,
            field="arguments",
            problem="must be a JSON object, not a text that holds one",
            details={"field": "arguments"},
        )
    )


def _safely(name: str, run: Run, redactor: Redactor, mode: str) -> Run:
    """``run`` that catches every exception and removes every secret from its answer."""

    async def safe(arguments: Mapping[str, Any], principal: str) -> Envelope:
        try:
            answer = await run(arguments, principal)
        except NothingSent as refused:
            answer = failure(refused.error, mode=mode)
        except (Exception, SystemExit):
            log.exception("the tool %s failed", name)
            answer = failure(ErrorData.of(Code.INTERNAL_ERROR), mode=mode)
        text = json.dumps(answer, ensure_ascii=False)
        return answer if redactor.text(text) == text else redactor.clean(answer)

    return safe
