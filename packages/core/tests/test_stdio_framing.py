"""Any line a client may write is served, answered with an error or bounded, and the server goes on."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import JSONRPCResponse

from riel.mcp.stdio.framing import EDGE, LONGEST_LINE, LineSplitter, Overlong, decode_line, encode_message

from .stdio_support import LIMIT, call, serving

# Lines that cannot be served

GARBAGE: list[tuple[bytes, int, int | str | None]] = [
    (b"{", -32700, None),
    (b"nonsense", -32700, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping",', -32700, 1),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\xff\xfe"}}', -32700, 1),
    (b'{"params":{"a":' + b"9" * 5_000 + b'},"jsonrpc":"2.0","id":"b","method":"ping"}', -32700, "b"),
    (b'{"jsonrpc":"2.0","id":2,"method":"ping","params":' + b"[" * 9_000 + b"]" * 9_000 + b"}", -32700, 2),
    (b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"9" * 5_000 + b"}}", -32700, None),
    (b"\x00\x00\x00", -32700, None),
    (b"\xff\xfe{\x00}\x00", -32700, None),
    (b"[" * 100_000, -32700, None),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, -32700, None),
    (b'{"a":"\\ud800",' + b'"b":' + b"[" * 50_000, -32700, None),
    (b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}', -32700, None),
    (b"[]", -32600, None),
    (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None),
    (b"null", -32600, None),
    (b"17", -32600, None),
    (b"{}", -32600, None),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
    (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
    (b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}', -32600, None),
    (b'{"jsonrpc":"2.0","id":41}', -32600, 41),
    (b'{"jsonrpc":"2.0","id":"a-b","method":7}', -32600, "a-b"),
    (b'{"jsonrpc":"1.0","id":42,"method":"ping"}', -32600, 42),
    (b'{"id":43,"method":"ping"}', -32600, 43),
    (b'{"jsonrpc":"2.0","id":44,"method":"ping","params":[1]}', -32600, 44),
    (b'{"jsonrpc":"2.0","method":"ping","params":3}', -32600, None),
]


def test_every_line_that_cannot_be_served_is_answered_and_the_server_goes_on() -> None:
    with serving() as peer:
        for line, code, request_id in GARBAGE:
            peer.write(line + b"\n")
            answer = peer.hear()
            assert (answer["id"], answer["error"]["code"]) == (request_id, code), line[:60]
            problem = answer["error"]["data"]
            assert set(problem) == {"code", "message", "details", "retryable", "nextAction"}
            assert problem["code"] == {-32700: "PARSE_ERROR", -32600: "INVALID_REQUEST"}[code]
        peer.say(call(1, text="still here"))
        assert peer.hear()["result"]["structuredContent"]["data"] == "still here"


@pytest.mark.parametrize(
    "arguments", ['{"amount":' + "9" * 5_000 + "}", '{"text":' + "[" * 9_000 + "]" * 9_000 + "}"], ids=["long", "deep"]
)
def test_a_call_that_cannot_be_read_is_a_result_that_the_agent_can_read(arguments: str) -> None:
    with serving() as peer:
        for line in (
            f'{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}',
            f'{{"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}},"jsonrpc":"2.0","id":7}}',
        ):
            peer.write(line.encode() + b"\n")
            answer = peer.hear()
            assert answer["id"] == 7
            assert answer["result"]["structuredContent"]["error"]["code"] == "PARSE_ERROR"
            assert answer["result"]["isError"] is True
        peer.say(call(8, text="still here"))
        assert peer.hear()["id"] == 8


def test_a_broken_answer_of_the_client_is_not_answered_under_its_id_which_is_ours() -> None:
    for line in (b'{"jsonrpc":"2.0","id":5,"result":3}', b'{"jsonrpc":"2.0","id":5,"error":"no"}'):
        answer = decode_line(line, LONGEST_LINE)
        assert isinstance(answer, bytes)
        assert json.loads(answer)["id"] is None


def test_line_ends_of_windows_a_byte_order_mark_and_empty_lines_do_no_harm() -> None:
    with serving() as peer:
        ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        peer.write(b"\n\r\n   \n\xef\xbb\xbf" + ping + b"\r\n\n")
        assert peer.hear() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_half_an_emoji_reaches_the_tool_and_the_answer_can_be_read() -> None:
    with serving() as peer:
        peer.write(json.dumps(call(1, text="caf\ud83d")).encode() + b"\n")
        answer = peer.hear()
    assert answer["id"] == 1
    assert "result" in answer or "error" in answer


def test_a_result_with_half_an_emoji_is_still_one_line_of_utf_8() -> None:
    line = encode_message(JSONRPCResponse(jsonrpc="2.0", id=1, result={"text": "caf\ud83d"}))
    assert json.loads(line.decode())["result"] == {"text": "caf?"}
    assert line.count(b"\n") == 1


def test_nothing_of_a_refused_line_is_repeated() -> None:
    for line in (b'{"jsonrpc":"2.0","id":1,"method":["646180157000000004"]}', b'{"code": "123456', b'["123456"]'):
        answer = decode_line(line, LONGEST_LINE)
        assert isinstance(answer, bytes)
        assert b"646180157000000004" not in answer
        assert b"123456" not in answer


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:\\u0d8e1.-idmethojsrpcn ').map(str.encode))
def test_any_bytes_become_a_message_an_answer_or_nothing(line: bytes) -> None:
    for given_line in (line, Overlong(line, line)):
        answer = decode_line(given_line, 100)
        if isinstance(answer, bytes):
            assert json.loads(answer)["jsonrpc"] == "2.0"
            assert answer.count(b"\n") == 1


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"x", b"\n")), max_size=20))
def test_lines_are_the_same_however_the_bytes_arrive(chunks: list[bytes]) -> None:
    at_once, in_pieces = LineSplitter(30), LineSplitter(30)
    whole = b"".join(chunks)
    expected = at_once.feed(whole) + at_once.rest()
    assert [line for chunk in chunks for line in in_pieces.feed(chunk)] + in_pieces.rest() == expected
    assert all(len(line) <= 30 for line in expected if isinstance(line, bytes))


# Lines over the limit

HUGE = {"name": "echo", "arguments": {"text": "x" * LIMIT, "id": 99, "decoy": '"id":98,"method":"ping"'}}


@pytest.mark.parametrize(
    "request_",
    [
        {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": HUGE},
        {"method": "tools/call", "params": HUGE, "jsonrpc": "2.0", "id": 7},
        {"params": HUGE, "method": "tools/call", "jsonrpc": "2.0", "id": 7},
        {"id": 7, "jsonrpc": "2.0", "params": HUGE, "method": "tools/call"},
    ],
    ids=["python writes the id first", "typescript writes it last", "all after the arguments", "split"],
)
def test_a_call_over_the_limit_is_a_result_that_the_agent_can_read(request_: dict[str, Any]) -> None:
    with serving(limit=LIMIT) as peer:
        for dumped in (json.dumps(request_), json.dumps(request_, separators=(",", ":"))):
            peer.write(dumped.encode() + b"\n")
            answer = peer.hear()
            assert answer["id"] == 7
            result = answer["result"]
            assert result["isError"] is True
            assert result["resultType"] == "complete"
            body = result["structuredContent"]
            assert json.loads(result["content"][0]["text"]) == body
            assert body["data"] is None
            assert body["error"] == {
                "code": "REQUEST_TOO_LARGE",
                "message": "The request is longer than 20000 bytes and was not read. Nothing was sent.",
                "details": {"limitBytes": LIMIT},
                "retryable": False,
                "nextAction": "Make the arguments shorter and call again.",
            }
        peer.say(call(8, text="still here"))
        assert peer.hear()["id"] == 8


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (json.dumps({"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": HUGE}).encode(), "a"),
        (json.dumps({"jsonrpc": "2.0", "id": 7, "params": HUGE}).encode(), 7),
        (json.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": HUGE}).encode(), None),
        (json.dumps({"jsonrpc": "2.0", "id": 1.5, "method": "tools/call", "params": HUGE}).encode(), None),
        (json.dumps({"jsonrpc": "2.0", "id": 7, "result": HUGE}).encode(), None),
        (json.dumps({"result": HUGE, "jsonrpc": "2.0", "id": 7}).encode(), None),
        (b"x" * (LIMIT + 1), None),
        (b'{"a":"' + b',\\"id\\":7}' * LIMIT + b'"}', None),
        (b"[" * (LIMIT + 1), None),
    ],
    ids=["list", "no method", "no id", "half an id", "answer", "answer of typescript", "x", "decoys", "deep"],
)
def test_any_other_line_over_the_limit_is_an_error_with_the_id_where_it_is_plain(
    line: bytes, request_id: int | str | None
) -> None:
    with serving(limit=LIMIT) as peer:
        peer.write(line + b"\n")
        answer = peer.hear()
    assert answer["id"] == request_id
    assert answer["error"]["code"] == -32600
    assert answer["error"]["data"]["code"] == "REQUEST_TOO_LARGE"
    assert answer["error"]["data"]["details"] == {"limitBytes": LIMIT}


def test_the_limit_is_the_last_length_that_is_read() -> None:
    lines = LineSplitter(EDGE * 2)
    assert lines.feed(b"x" * EDGE * 2 + b"\n") == [b"x" * EDGE * 2]
    assert lines.feed(b"a" + b"x" * EDGE * 2 + b"\n") == [Overlong(b"a" + b"x" * (EDGE - 1), b"x" * EDGE)]


def test_a_line_over_the_limit_is_never_held_whole() -> None:
    lines, chunk = LineSplitter(LIMIT), b"x" * 65536
    tracemalloc.start()
    try:
        for _ in range(300):
            assert lines.feed(chunk) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(chunk)
    assert lines.rest() == [Overlong(b"x" * EDGE, b"x" * EDGE)]
