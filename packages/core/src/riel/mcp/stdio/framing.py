"""Split bytes into lines, each of which is one JSON-RPC message, and answer a line that cannot be served.

The SDK drops a line that it cannot parse, so its client waits for ever, and it holds a line of any length in memory.
Here every line that is not empty becomes a message or an answer, and an answer repeats nothing of the line.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)
from pydantic import ValidationError
from pydantic_core import from_json

from riel.errors import Code, ErrorData

LONGEST_LINE = 256 * 1024
"""The most bytes of a message: reading one, checking it and keeping secrets out of the answer takes milliseconds."""

EDGE = 1024
"""The bytes at each end of an overlong line in which its id is looked for."""

BOM = b"\xef\xbb\xbf"

RULES = {
    "jsonrpc": 'must be "2.0"',
    "id": "must be a string or a whole number",
    "method": "must be a string",
    "params": "must be an object",
    "result": "must be an object",
    "error": "must be an object with a code and a message",
}

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MEMBER = rb'"%s"\s*:\s*%s\s*'
_SCALAR = rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null'
_ANY_MEMBER = _MEMBER % (rb"\w{1,64}", rb"(?:%s)" % _SCALAR)
_NAMED = re.compile(_MEMBER % (rb"(\w{1,64})", rb"(%s)" % _SCALAR))
_HEAD = re.compile(rb'\s*\{\s*((?:%s,\s*)*)(?:"(\w{1,64})"\s*:)?' % _ANY_MEMBER)
_TAIL = re.compile(rb"((?:,\s*%s)+)\}\s*\Z" % _ANY_MEMBER)


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line over the limit: its first and last :data:`EDGE` bytes; the rest was dropped."""

    head: bytes
    tail: bytes


class LineSplitter:
    """Chunks in, lines out. At most ``limit`` bytes of a line are held."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = bytearray()
        self._head: bytes | None = None

    def feed(self, chunk: bytes) -> list[bytes | Overlong]:
        """The lines that ``chunk`` completes."""
        *ended, rest = chunk.split(b"\n")
        lines: list[bytes | Overlong] = []
        for piece in ended:
            self._add(piece)
            lines.append(self._take())
        self._add(rest)
        return lines

    def rest(self) -> list[bytes | Overlong]:
        """The last line, if the input ended without a line end."""
        return [self._take()] if self._tail else []

    def _add(self, piece: bytes) -> None:
        if self._head is None:
            if len(self._tail) + len(piece) <= self._limit:
                self._tail += piece
                return
            self._head = bytes(self._tail[:EDGE])
        self._head += piece[: EDGE - len(self._head)]
        self._tail += piece[-EDGE:]
        del self._tail[:-EDGE]

    def _take(self) -> bytes | Overlong:
        tail, head = bytes(self._tail), self._head
        self._tail.clear()
        self._head = None
        return tail if head is None else Overlong(head, tail)


def decode_line(line: bytes | Overlong, limit: int) -> JSONRPCMessage | bytes | None:
    """The message in ``line``, or the answer (a whole line) if it cannot be served, or ``None`` for an empty line."""
    if isinstance(line, Overlong):
        error = ErrorData.of(Code.REQUEST_TOO_LARGE, limit=limit, details={"limitBytes": limit})
        return _refused(line, INVALID_REQUEST, error)
    line = line.removeprefix(BOM)
    if not line.strip():
        return None
    try:
        value = _parse_json(line)
    except (ValueError, RecursionError):
        return _refused(Overlong(line[:EDGE], line[-EDGE:]), PARSE_ERROR, ErrorData.of(Code.PARSE_ERROR))
    if not isinstance(value, dict):
        problem = "batches are not accepted" if isinstance(value, list) else "it must be a JSON object"
        return _error(INVALID_REQUEST, None, ErrorData.of(Code.INVALID_REQUEST, problem=problem))
    kind = _kind_of(value)
    try:
        return kind.model_validate(value)
    except ValidationError as failure:
        field = str(failure.errors(include_input=False, include_url=False, include_context=False)[0]["loc"][0])
    # The id of an answer is one of ours: an error with it would look like the answer to a request of the client.
    request_id = usable_id(value.get("id")) if kind is JSONRPCRequest else None
    problem = f"its {field!r} {RULES.get(field, 'is not valid')}"
    error = ErrorData.of(Code.INVALID_REQUEST, problem=problem, details={"field": field})
    return _error(INVALID_REQUEST, request_id, error)


def usable_id(value: object) -> RequestId | None:
    """``value`` if it can be a request id, a string or a whole number, else ``None``; ``True`` is neither."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def encode_message(message: JSONRPCMessage) -> bytes:
    """One message as a whole line."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except ValueError:  # half of a surrogate pair in a result becomes "?": the client's parser would refuse the line
        dumped = message.model_dump(by_alias=True, exclude_unset=True)
        return json.dumps(dumped, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _parse_json(line: bytes) -> Any:
    try:
        return from_json(line)
    except ValueError:
        # Half of a surrogate pair, as JavaScript writes a string that a model cut: only the standard library reads it.
        # The tool then refuses the argument by name; an error without an id would let the client wait for ever.
        if not _SURROGATE.search(line):
            raise
    return json.loads(line.decode())


def _kind_of(value: dict[str, Any]) -> type[JSONRPCRequest | JSONRPCNotification | JSONRPCResponse | JSONRPCError]:
    """The kind of the message. With ``id: null`` or 1.5 it is a malformed request, not a notification."""
    if "method" in value:
        return JSONRPCRequest if "id" in value else JSONRPCNotification
    if "result" in value:
        return JSONRPCResponse
    return JSONRPCError if "error" in value else JSONRPCRequest


def _refused(line: Overlong, code: int, error: ErrorData) -> bytes:
    """The answer to a line that cannot be read; it has the request's id if possible: a client waits for it for ever."""
    request_id, method = _peek_id(line)
    if request_id is None or method != "tools/call":
        return _error(code, request_id, error)
    answer = {"data": None, "error": error.wire()}
    result = {
        "resultType": "complete",
        "content": [{"type": "text", "text": json.dumps(answer)}],
        "structuredContent": answer,
        "isError": True,
    }
    return _bytes({"jsonrpc": "2.0", "id": request_id, "result": result})


def _peek_id(line: Overlong) -> tuple[RequestId | None, str | None]:
    """The id and method of a request, from the members before its first and after its last object.

    The Python SDK writes the id first, the TypeScript SDK writes it last. Both patterns are anchored at an end of the
    line, so that nothing inside an argument is taken for the id.
    """
    head = _HEAD.match(line.head.removeprefix(BOM))
    tail = _TAIL.search(line.tail)
    values: dict[bytes, bytes] = {}
    for members in (head, tail):
        values |= _NAMED.findall(members[1]) if members else []
    if (head and head[2] in {b"result", b"error"}) or b"result" in values or b"error" in values:
        return None, None  # an answer, whose id is one of ours
    return usable_id(_scalar(values.get(b"id"))), _scalar(values.get(b"method"))


def _scalar(text: bytes | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def _error(code: int, request_id: RequestId | None, error: ErrorData) -> bytes:
    answer = {"code": code, "message": error.message, "data": error.wire()}
    return _bytes({"jsonrpc": "2.0", "id": request_id, "error": answer})


def _bytes(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
