"""Fintoc's answers for an agent: an error in our code, with what helps; and everything that others wrote as data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rail_fintoc.codes import CODES
from riel import NotAllowed, clean_text

if TYPE_CHECKING:
    from rail_fintoc.api import ErrorDetails

MAX_TEXT: Final = 2000
"""Characters of one text of an object: an address with its query is longer than a sentence."""

SECRET_FIELDS: Final = frozenset({"secret", "link_token", "session_token", "widget_token"})
"""Fields whose value lets whoever has it act: an agent needs none of them."""


@contextmanager
def refuse_with_details() -> Iterator[None]:
    """What Fintoc has against a question is the refusal that the agent reads."""
    from rail_fintoc.api import LookupRefused

    try:
        yield
    except LookupRefused as failure:
        raise refusal(failure.details) from failure


def refusal(details: "ErrorDetails") -> NotAllowed:
    """The refusal that the agent reads. Nothing was done."""
    our_error = CODES.get(details.our_code) or CODES["FINTOC_PROVIDER_ERROR"]
    return NotAllowed(our_error, details=provider_details(details))


def provider_details(details: "ErrorDetails") -> dict[str, Any]:
    """The error as Fintoc wrote it: data, and never an instruction."""
    provider_values = {"type": details.type, "code": details.code, "message": details.message, "param": details.param}
    return {
        "httpStatus": details.status,
        "requestId": details.request_id,
        "untrusted": {name: value for name, value in provider_values.items() if value},
    }


def clean_value(value: Any) -> Any:
    """What Fintoc tells, for an agent: texts cleaned and bounded, since payers and banks write them; no secrets."""
    match value:
        case str():
            return clean_text(value, MAX_TEXT)
        case list():
            return [clean_value(each) for each in value]
        case dict():
            return {
                clean_text(name): "[hidden]" if name in SECRET_FIELDS and each is not None else clean_value(each)
                for name, each in value.items()
            }
    return value
