"""What a rail's own code may return: each result is checked before the core uses it.

A result of a wrong type is a failure of the rail, like an exception: it is logged with what is wrong with it, and
nothing is guessed from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from riel.catalog import ActiveRail
from riel.payments.rail_failure import rail_failure
from riel.rail import Answer, Prepared, Statement, StatementLine, Status, WebhookResult


def checked_answer(rail: ActiveRail, call: str, answer: object) -> Answer:
    """Return ``answer`` if each of its fields has its type. An instant without a time zone is dropped, never guessed.

    :raises RailFailure: a field has another type.
    """
    if problem := _problem_of_answer(answer):
        raise rail_failure(rail, call, problem)
    checked = cast("Answer", answer)
    if checked.settled_at is not None and checked.settled_at.utcoffset() is None:
        rail_failure(rail, call, "settled_at has no time zone, so it was dropped")
        return replace(checked, settled_at=None)
    return checked


def checked_result(rail: ActiveRail, call: str, result: object, *types: type[object] | None) -> object:
    """Return ``result`` if it is one of ``types``."""
    if any(result is None if kind is None else isinstance(result, kind) for kind in types):
        return result
    expected = " or ".join("None" if kind is None else kind.__name__ for kind in types)
    raise rail_failure(rail, call, f"it returned {type(result).__name__} and not {expected}")


def _problem_of_answer(answer: object) -> str:
    if not isinstance(answer, Answer):
        return f"it returned {type(answer).__name__} and not Answer"
    if not isinstance(answer.status, Status):
        return "status is no riel.Status"
    if not (answer.amount is None or type(answer.amount) is int):
        return "amount is no int of minor units"
    if not all(isinstance(text, str | None) for text in (answer.currency, answer.account)):
        return "currency or account is no string"
    if not all(isinstance(text, str) for text in (answer.provider_id, answer.provider_code, answer.provider_message)):
        return "provider_id, provider_code or provider_message is no string"
    if not is_text_by_name(answer.facts):
        return "facts are not strings by name"
    return "" if isinstance(answer.settled_at, datetime | None) else "settled_at is no datetime"


def problem_of_prepared(prepared: object) -> str:
    if not isinstance(prepared, Prepared):
        return f"it returned {type(prepared).__name__} and not Prepared"
    if not isinstance(prepared.reference, str) or not prepared.reference:
        return "it returned no reference"
    if not isinstance(prepared.body, bytes):
        return "body is not bytes"
    if not is_text_by_name(prepared.facts):
        return "facts are not strings by name"
    instants = (prepared.resend_until, prepared.absent_after)
    return "" if all(at is None or _is_instant(at) for at in instants) else "an instant has no time zone"


def problem_of_webhook(result: object) -> str:
    if not isinstance(result, WebhookResult):
        return f"it returned {type(result).__name__} and not WebhookResult"
    if not isinstance(result.references, tuple) or not all(isinstance(one, str) for one in result.references):
        return "references are no tuple of strings"
    if type(result.status) is not int or result.status not in range(200, 600):
        return "status is no HTTP status"
    return "" if isinstance(result.body, bytes) else "body is not bytes"


def problem_of_statement(result: object) -> str:
    if not isinstance(result, Statement):
        return f"it is {type(result).__name__}"
    if not (_is_instant(result.since) and _is_instant(result.until)):
        return "its day has no beginning or no end in time"
    if result.since >= result.until:
        return "its day ends before it begins"
    if not isinstance(result.lines, Sequence) or not isinstance(result.covers, frozenset):
        return "its lines or the kinds it covers have another type"
    return "" if all(map(_is_line, result.lines)) else "one of its lines is no StatementLine"


def _is_line(line: object) -> bool:
    return (
        isinstance(line, StatementLine)
        and line.kind in ("payment", "refund")
        and isinstance(line.status, Status)
        and type(line.amount) is int
        and all(isinstance(text, str) for text in (line.reference, line.currency, line.provider_id))
        and isinstance(line.account, str | None)
        and isinstance(line.at, datetime | None)
    )


def is_text_by_name(facts: object) -> bool:
    return isinstance(facts, Mapping) and all(isinstance(text, str) for pair in facts.items() for text in pair)


def _is_instant(at: object) -> bool:
    return isinstance(at, datetime) and at.utcoffset() is not None
