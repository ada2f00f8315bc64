"""What an answer that is no success means: refused, slowed down, or nobody knows.

A request that moves money is refused only by an error of Fintoc's own form, with a code that names why nothing was
booked. A 5xx is stored and replayed under the Idempotency-Key whatever came of the transfer, and of a 429 Fintoc
documents only that the request should be made again: neither says that nothing happened, so both are looked up.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

import httpx

from rail_fintoc.api.error_table import ErrorProof, code_of, find_row
from rail_fintoc.api.json_body import InvalidJson, parse_json
from riel import NothingLearned, OutcomeUnknown, Rejected, clean_text, mask_account

LONGEST_ID: Final = 100
_LONG_NUMBER = re.compile(r"[0-9](?:[ .-]?[0-9]){8,}")
_SECRET = re.compile(r"\b(?:sk|pk|whsec)_[A-Za-z0-9_-]+|\b(?:link|pi|cs)_\w+?_(?:token|sec)_\w+")
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_REFUSING_TYPES = frozenset({"authentication_error", "invalid_request_error"})
_REFUSING_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 409, 422})


class ErrorMeaning(Enum):
    """What a failed request means for the money it would have moved."""

    REFUSED = "nothing was booked by this request"
    RATE_LIMITED = "it came too fast; whether anything was done is not documented"
    UNKNOWN = "it may have been booked"


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The error object of Fintoc, cleaned; of an answer without one only ``status`` and ``request_id`` are filled.

    ``message`` is Fintoc's own words, which are data. ``doc_url`` is left out: a link that a provider's answer brings
    is not one to follow.
    """

    status: int
    type: str = ""
    code: str = ""
    message: str = ""
    param: str = ""
    request_id: str = ""

    @property
    def provider_code(self) -> str:
        """The name under which the rail's table of errors explains it: the code, else the type, else the status."""
        if row := find_row(self.code):
            return row.provider_code
        return f"type:{self.type}" if self.type else f"http:{self.status}"

    @property
    def our_code(self) -> str:
        """Our stable code, ``FINTOC_…``."""
        return code_of(self.status, self.type, self.code)

    @property
    def proof(self) -> ErrorProof:
        """What it proves of the money. A code counts only in an error of its own class."""
        row = find_row(self.code)
        its_own = self.status in _REFUSING_STATUSES and self.type in _REFUSING_TYPES
        return row.proof if row is not None and its_own else ErrorProof.NOTHING

    @property
    def meaning(self) -> ErrorMeaning:
        """What it means in answer to a request that moves money."""
        if self.status == 429:
            return ErrorMeaning.RATE_LIMITED
        return ErrorMeaning.UNKNOWN if self.proof is ErrorProof.NOTHING else ErrorMeaning.REFUSED

    @property
    def missing(self) -> bool:
        """Whether Fintoc itself says that there is no such object in this mode; a lost route does not say so."""
        return self.status == 404 and self.provider_code == "missing_resource"

    def __str__(self) -> str:
        words = ": ".join(part for part in (self.code or self.type, self.message) if part)
        about = f" ({self.param})" if self.param else ""
        asked = f" [request {self.request_id}]" if self.request_id else ""
        return f"HTTP {self.status} {words}{about}{asked}".strip()


class RequestRefused(Rejected):
    """Fintoc said no to a request, with a code after which nothing was booked by it."""

    def __init__(self, details: ErrorDetails) -> None:
        super().__init__(details.provider_code, str(details))
        self.details = details


class Unresolved(OutcomeUnknown):
    """Fintoc answered, and the answer does not say whether anything was booked."""

    def __init__(self, details: ErrorDetails) -> None:
        super().__init__(str(details))
        self.details = details


class LookupRefused(NothingLearned):
    """Fintoc answered a question with an error."""

    def __init__(self, details: ErrorDetails) -> None:
        super().__init__(str(details))
        self.details = details


def error_details(response: httpx.Response) -> ErrorDetails:
    """The error that an answer brings. HTML, an empty body or another form of JSON is a fault without words."""
    bare = ErrorDetails(
        response.status_code, request_id=clean_text(response.headers.get("X-Request-Id", ""), LONGEST_ID)
    )
    try:
        body = parse_json(response.content)
    except InvalidJson:
        return bare
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return bare
    return ErrorDetails(
        status=bare.status,
        type=_name(error.get("type")),
        code=_name(error.get("code")),
        message=clean_message(error.get("message")),
        param=_name(error.get("param")),
        request_id=bare.request_id,
    )


def clean_message(text: object) -> str:
    """Words of Fintoc's that may be shown and kept: one clean line without secrets, long numbers masked."""
    if not isinstance(text, str):
        return ""
    clean = _SECRET.sub("[hidden]", clean_text(text, 500))
    return clean_text(_LONG_NUMBER.sub(lambda number: mask_account(number[0]), clean))


def _name(value: object) -> str:
    """A name that Fintoc wrote. One with a long number in it, or anything else than a name, is dropped."""
    if not isinstance(value, str) or _WORD.fullmatch(value) is None or clean_message(value) != value:
        return ""
    return value
