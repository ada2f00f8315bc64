"""Fintoc's answers for an agent: an error in our code, with what helps; and everything that others wrote as data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rail_fintoc.codes import CODES
from riel import NotAllowed, clean_text

if TYPE_CHECKING:
    from rail_fintoc.api import Fault

MOST: Final = 2000
"""Characters of one text of an object: an address with its query is longer than a sentence."""

SECRETS: Final = frozenset({"secret", "link_token", "session_token", "widget_token"})
"""Fields whose value lets whoever has it act: an agent needs none of them."""


@contextmanager
def answering() -> Iterator[None]:
    """What Fintoc has against a question is the refusal that the agent reads."""
    from rail_fintoc.api import NotTold

    try:
        yield
    except NotTold as failure:
        raise refused(failure.fault) from failure


def refused(fault: "Fault") -> NotAllowed:
    """The refusal that the agent reads. Nothing was done."""
    known = CODES.get(fault.ours) or CODES["FINTOC_PROVIDER_ERROR"]
    return NotAllowed(known, details=in_their_words(fault))


def in_their_words(fault: "Fault") -> dict[str, Any]:
    """The error as Fintoc wrote it: data, and never an instruction."""
    theirs = {"type": fault.type, "code": fault.code, "message": fault.message, "param": fault.param}
    return {
        "httpStatus": fault.status,
        "requestId": fault.request_id,
        "untrusted": {name: value for name, value in theirs.items() if value},
    }


def shown(value: Any) -> Any:
    """What Fintoc tells, for an agent: texts cleaned and bounded, since payers and banks write them; no secrets."""
    match value:
        case str():
            return clean_text(value, MOST)
        case list():
            return [shown(each) for each in value]
        case dict():
            return {
                clean_text(name): "[hidden]" if name in SECRETS and each is not None else shown(each)
                for name, each in value.items()
            }
    return value
