"""One JSON-RPC message a line, out of any bytes whatsoever, and an answer for each line that cannot be served.

The SDK drops what it cannot parse, so the client waits for ever, and holds a line of any length in memory. Here every
line that is not empty becomes either a message or an answer, and nothing of its content is repeated in the answer.
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

LONGEST_LINE = 4 * 1024 * 1024
KEPT = 1024
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
    """A line over the limit: its first and last :data:`KEPT` bytes; the rest was drained."""

    head: bytes
    tail: bytes


class LineSplitter:
    """Chunks in, lines out: at most ``limit`` bytes of a line are ever held."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._head: bytes | None = None

    def feed(self, chunk: bytes) -> list[bytes | Overlong]:
        """The lines that ``chunk`` completes."""
        *ended, rest = chunk.split(b"\n")
        lines: list[bytes | Overlong] = []
        for piece in ended:
            self._hold(piece)
            lines.append(self._line())
        self._hold(rest)
        return lines

    def rest(self) -> list[bytes | Overlong]:
        """The last line, where the input ended without a line end."""
        return [self._line()] if self._held else []

    def _hold(self, piece: bytes) -> None:
        if self._head is None:
            if len(self._held) + len(piece) <= self._limit:
                self._held += piece
                return
            self._head = bytes(self._held[:KEPT])
        self._head += piece[: KEPT - len(self._head)]
        self._held += piece[-KEPT:]
        del self._held[:-KEPT]

    def _line(self) -> bytes | Overlong:
        held, head = bytes(self._held), self._head
        self._held.clear()
        self._head = None
        return held if head is None else Overlong(head, held)


def decode_line(line: bytes | Overlong, limit: int) -> JSONRPCMessage | bytes | None:
    """The message in ``line``; or the answer (a whole line) to what cannot be served; or ``None`` for an empty line."""
    if isinstance(line, Overlong):
        return _too_large(line, limit)
    line = line.removeprefix(BOM)
    if not line.strip():
        return None
    try:
        value = _parsed(line)
    except (ValueError, RecursionError):
        return _error(PARSE_ERROR, None, ErrorData.of(Code.PARSE_ERROR))
    if not isinstance(value, dict):
        problem = "batches are not accepted" if isinstance(value, list) else "it must be a JSON object"
        return _error(INVALID_REQUEST, None, ErrorData.of(Code.INVALID_REQUEST, problem=problem))
    shape = _shape(value)
    try:
        return shape.model_validate(value)
    except ValidationError as failure:
        field = str(failure.errors(include_input=False, include_url=False, include_context=False)[0]["loc"][0])
    # An answer's id is one of ours: a refusal that carried it would look like the answer to a request of the client's.
    asked = shape is JSONRPCRequest
    problem = f"its {field!r} {RULES.get(field, 'is not valid')}"
    error = ErrorData.of(Code.INVALID_REQUEST, problem=problem, details={"field": field})
    return _error(INVALID_REQUEST, usable_id(value.get("id")) if asked else None, error)


def usable_id(value: object) -> RequestId | None:
    """A request id, which is a string or a whole number (``true`` is neither), or ``None``."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def encode_message(message: JSONRPCMessage) -> bytes:
    """One message as a whole line."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except ValueError:  # half of an emoji in a result: the client's parser would refuse the line, so it becomes "?"
        plain = message.model_dump(by_alias=True, exclude_unset=True)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return from_json(line)
    except ValueError:
        # Half of an emoji, as JavaScript writes a string that a model cut: only the standard library reads it. It is
        # passed on, so that the tool refuses the argument by name; answered with no id, the client would wait for ever.
        if not _SURROGATE.search(line):
            raise
    return json.loads(line.decode())


def _shape(value: dict[str, Any]) -> type[JSONRPCRequest | JSONRPCNotification | JSONRPCResponse | JSONRPCError]:
    """What the message wants to be. With ``id: null`` or 1.5 it is a broken request, not a notification."""
    if "method" in value:
        return JSONRPCRequest if "id" in value else JSONRPCNotification
    if "result" in value:
        return JSONRPCResponse
    return JSONRPCError if "error" in value else JSONRPCRequest


def _too_large(line: Overlong, limit: int) -> bytes:
    error = ErrorData.of(Code.REQUEST_TOO_LARGE, limit=limit, details={"limitBytes": limit})
    request_id, method = _peek_id(line)
    if request_id is None or method != "tools/call":
        return _error(INVALID_REQUEST, request_id, error)
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

    Both patterns are anchored at an end of the line, so that nothing inside an argument can pass for the id.
    """
    head = _HEAD.match(line.head.removeprefix(BOM))
    tail = _TAIL.search(line.tail)
    found: dict[bytes, bytes] = {}
    for members in (head, tail):
        found |= _NAMED.findall(members[1]) if members else []
    if (head and head[2] in {b"result", b"error"}) or b"result" in found or b"error" in found:
        return None, None  # an answer to us: see understood()
    return usable_id(_scalar(found.get(b"id"))), _scalar(found.get(b"method"))


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
