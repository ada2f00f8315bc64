"""An active rail becomes tools: named, described, with schemas, and each of them runnable.

Whatever happens inside, a tool answers with the envelope: no exception leaves, and no secret.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riel.catalog import ActiveRail
from riel.docs_index import Pages
from riel.errors import Misconfigured, NothingSent, Problem
from riel.payments import PaymentEngine
from riel.redaction import Redactor
from riel.tools.arguments import input_schema
from riel.tools.envelope import Envelope, failure
from riel.tools.rail_tool import RailTool
from riel.tools.request_refund import RequestRefund
from riel.tools.scopes import Scopes
from riel.tools.search_docs import AskDocs, SearchDocs, docs_url
from riel.tools.send_payment import CheckStatus, PaymentTool, SendPayment

__all__ = ["AskDocs", "Envelope", "Scopes", "ToolSpec", "build_tools", "not_an_object", "unknown_tool"]

log = logging.getLogger(__name__)

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What a tool may be called: some clients lose the whole session where one is called otherwise."""

Run = Callable[[Mapping[str, Any], str], Awaitable[Envelope]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as a client sees it, and how to run it: ``run(arguments, principal)``.

    Every tool of riel is idempotent: repeated, it pays nothing more. One that is not read-only can move money, or make
    something at a provider. One that is not ``granted`` to this session is not listed, and refuses.
    """

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    scope: str
    read_only: bool
    granted: bool
    run: Run


def build_tools(
    engine: PaymentEngine,
    answers: Redactor,
    logs: Redactor,
    scopes: Scopes | None = None,
    ask_docs: AskDocs | None = None,
) -> dict[str, ToolSpec]:
    """The tools of every active rail by name, sorted.

    :param answers: knows the settings' secrets, and cleans every answer of them.
    :param logs: cleans the logs, and is told the codes and account numbers of each call.
    :param scopes: what this session may do; everything, unless it is told.
    :param ask_docs: asks a provider's own documentation server; without it only what came with the rails is searched.
    :raises Misconfigured: two tools have one name, or one that no client takes; or no tool has a scope that is granted.
    """
    scopes = scopes or Scopes()
    tools: dict[str, ToolSpec] = {}
    for rail_name, rail in sorted(engine.context.rails.items()):
        prefix = rail.settings.rail_tool_prefix
        for verb in _verbs(engine, rail, logs, scopes, ask_docs):
            name = (
                f"{rail_name}_{verb.name}"
                if isinstance(verb, PaymentTool) or prefix is None
                else f"{prefix}{verb.name}"
            )
            if name in tools or not NAME.fullmatch(name):
                why = "there is another of that name" if name in tools else "write a to z, 0 to 9 and _, 64 at most"
                raise Misconfigured(
                    f"{rail_name!r} cannot have a tool {name!r}: {why}. Give its own tools another prefix."
                )
            granted = scopes.allow(verb.scope, read_only=verb.read_only)
            run = verb.run if granted else _refusing(scopes, verb.scope)
            tools[name] = ToolSpec(
                name=name,
                title=verb.title,
                description=verb.description,
                input_schema=input_schema(verb.model),
                output_schema=verb.output_schema,
                scope=verb.scope,
                read_only=verb.read_only,
                granted=granted,
                run=_safely(name, run, answers, rail.mode),
            )
    scopes.must_be_among({tool.scope for tool in tools.values() if tool.scope})
    return dict(sorted(tools.items()))


def _verbs(
    engine: PaymentEngine, rail: ActiveRail, logs: Redactor, scopes: Scopes, ask_docs: AskDocs | None
) -> Iterator[PaymentTool | RailTool]:
    """What one rail brings: the three, the search of its documentation where it has any, and its own."""
    yield SendPayment(engine=engine, rail=rail, logs=logs)
    yield CheckStatus(engine=engine, rail=rail, logs=logs)
    yield RequestRefund(engine=engine, rail=rail, logs=logs)
    if rail.declaration.docs:
        pages, url = Pages(Path(rail.declaration.docs)), docs_url(rail)
        yield SearchDocs(engine=engine, rail=rail, logs=logs, pages=pages, url=url, ask=ask_docs)
    for tool in rail.declaration.tools:
        yield RailTool(engine=engine, rail=rail, tool=tool, scopes=scopes, logs=logs)


def _refusing(scopes: Scopes, scope: str) -> Run:
    """What a tool does that this session was not granted."""

    async def refuse(arguments: Mapping[str, Any], principal: str) -> Envelope:
        raise scopes.refusal(scope)

    return refuse


def unknown_tool() -> Envelope:
    """The answer to a call of a tool that does not exist."""
    return failure(
        Problem(
            code="UNKNOWN_TOOL",
            message="There is no such tool.",
            next_action="Call tools/list and use a name from it.",
        )
    )


def not_an_object() -> Envelope:
    """The answer to a call whose arguments are a text, a list or anything else that has no names in it."""
    return failure(
        Problem(
            code="INVALID_ARGUMENT",
            message="The arguments must be an object.",
            details={"field": "arguments"},
            next_action="Send arguments as a JSON object, not as a text that holds one. Nothing was sent.",
        )
    )


def _safely(name: str, run: Run, redactor: Redactor, mode: str) -> Run:
    """``run``, answering with the envelope whatever happens, cleaned of every secret."""

    async def safe(arguments: Mapping[str, Any], principal: str) -> Envelope:
        try:
            answer = await run(arguments, principal)
        except NothingSent as refused:
            answer = failure(refused.problem, mode=mode)
        except (Exception, SystemExit):
            log.exception("the tool %s failed", name)
            answer = failure(
                Problem(
                    code="INTERNAL_ERROR",
                    message="riel failed at this. What was confirmed before is safe in the journal.",
                    next_action="Check the payment's status before anything else, and tell the operator.",
                ),
                mode=mode,
            )
        written = json.dumps(answer, ensure_ascii=False)
        return answer if redactor.text(written) == written else redactor.clean(answer)

    return safe
