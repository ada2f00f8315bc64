"""What a client may rely on at the two ends of ``riel serve``, with raw bytes over real pipes."""

import asyncio
import json
import os
import pty
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, StdioServerParameters
from mcp_types import JSONRPCResponse

from riel.errors import Misconfigured
from riel.server.framing import KEPT, LONGEST_LINE, Lines, Overlong, encoded, understood
from riel.server.pipes import GRACE, Pipes, connected, divert, ending_on_signal
from riel.server.streams import Incoming, Outgoing

SERVER = Path(__file__).with_name("pipes_server.py")
PATIENCE = 20.0
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CANCEL_9 = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}


class Peer:
    """The client's end: raw bytes in and out, every wait bounded."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._held = to, back, bytearray()

    def write(self, data: bytes) -> None:
        while data:
            assert select.select([], [self._to], [], PATIENCE)[1], "the server does not read"
            data = data[os.write(self._to, data[: select.PIPE_BUF]) :]

    def say(self, *messages: dict[str, Any]) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def hear(self) -> Any:
        while b"\n" not in self._held:
            assert select.select([self._back], [], [], PATIENCE)[0], "no answer came"
            chunk = os.read(self._back, 65536)
            assert chunk, "the server left"
            self._held += chunk
        line, _, self._held = self._held.partition(b"\n")
        return json.loads(line)

    def hear_all(self) -> list[Any]:
        """Everything up to the end of the server's output."""
        while select.select([self._back], [], [], PATIENCE)[0]:
            chunk = os.read(self._back, 65536)
            if not chunk:
                return [json.loads(line) for line in self._held.decode().split("\n")[:-1]]
            self._held += chunk
        raise AssertionError("the server does not leave")

    def stop_writing(self) -> None:
        if self._to >= 0:
            os.close(self._to)
            self._to = -1

    def stop_reading(self) -> None:
        if self._back >= 0:
            os.close(self._back)
            self._back = -1

    def handshake(self) -> None:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.say({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello})
        assert self.hear()["id"] == "hello"
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})


def call(request_id: int | str, **arguments: Any) -> dict[str, Any]:
    params = {"name": "echo", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def modern(request_id: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params | {"_meta": MODERN}}


class Served(Peer):
    """A peer of a server that runs in a thread of this process."""

    loop: asyncio.AbstractEventLoop
    incoming: Incoming
    outgoing: Outgoing


@contextmanager
def served(
    to: int, back: int, pipes: Pipes, *, limit: int = LONGEST_LINE, grace: timedelta = GRACE, greeted: bool = True
) -> Iterator[Served]:
    peer = Served(to, back)
    server = runpy.run_path(str(SERVER))["tiny_server"]()
    failures: list[BaseException] = []
    ready = threading.Event()

    async def serve() -> None:
        async with connected(pipes, limit=limit, grace=grace) as (peer.incoming, peer.outgoing):
            peer.loop = asyncio.get_running_loop()
            ready.set()
            await server.run(peer.incoming, peer.outgoing, server.create_initialization_options())

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        if greeted:
            peer.handshake()
        yield peer
    finally:
        peer.stop_writing()
        thread.join(PATIENCE)
        peer.stop_reading()
    assert not thread.is_alive(), "the server did not leave"
    assert not failures, failures


@contextmanager
def serving(**options: Any) -> Iterator[Served]:
    """A server over two pipes."""
    theirs_in, to = os.pipe()
    back, theirs_out = os.pipe()
    with served(to, back, Pipes(theirs_in, theirs_out), **options) as peer:
        yield peer


class Child(Peer):
    """A peer of a real server process."""

    process: "subprocess.Popen[bytes]"

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@contextmanager
def child(*options: str) -> Iterator[Child]:
    to_read, to = os.pipe()
    back, to_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *options], stdin=to_read, stdout=to_write, stderr=subprocess.PIPE
    )
    os.close(to_read)
    os.close(to_write)
    peer = Child(to, back)
    peer.process = process
    with process:
        try:
            yield peer
            peer.stop_writing()
            process.wait(PATIENCE)
        finally:
            peer.stop_writing()
            process.kill()
            peer.stop_reading()


def wait_until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


# What reaches stdout


def test_whatever_a_rail_prints_only_json_rpc_reaches_the_client() -> None:
    with child() as peer:
        peer.handshake()
        peer.say(call(1, text="hi", noise=True))
        assert peer.hear()["result"]["structuredContent"]["data"] == "hi"
        peer.stop_writing()
        assert peer.hear_all() == []
        errors = peer.errors()
    for noise in ("noise before serving", "noise by print", "noise by write", "noise by a child", "left in order"):
        assert noise in errors


def test_a_diverted_process_keeps_private_ends_that_no_child_inherits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    (stdin, to), (back, stdout), (log, stderr) = os.pipe(), os.pipe(), os.pipe()
    pipes = divert(stdin, stdout, stderr)
    os.write(to, b"request")
    os.write(stdout, b"noise")
    os.write(pipes.outgoing, b"answer")
    assert os.read(stdin, 100) == b""
    assert os.read(pipes.incoming, 100) == b"request"
    assert os.read(back, 100) == b"answer"
    assert os.read(log, 100) == b"noise"
    assert sys.stdout is sys.stderr
    assert not os.get_inheritable(pipes.incoming)
    assert not os.get_inheritable(pipes.outgoing)
    for fd in (stdin, to, back, stdout, log, stderr, pipes.incoming, pipes.outgoing):
        os.close(fd)


def test_a_closed_stdin_is_one_sentence_for_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "__stdin__", None)
        with pytest.raises(Misconfigured, match="start it with both open"):
            divert(reader, writer, 2)
    os.close(reader)
    with pytest.raises(Misconfigured, match="start it with both open"):
        divert(reader, writer, 2)
    os.close(writer)


# Lines that cannot be served

GARBAGE: list[tuple[bytes, int, int | str | None]] = [
    (b"{", -32700, None),
    (b"nonsense", -32700, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping"', -32700, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\xff\xfe"}}', -32700, None),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping"}\x00', -32700, None),
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


def test_a_broken_answer_of_the_client_is_not_answered_under_its_id_which_is_ours() -> None:
    for line in (b'{"jsonrpc":"2.0","id":5,"result":3}', b'{"jsonrpc":"2.0","id":5,"error":"no"}'):
        answer = understood(line, LONGEST_LINE)
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
    line = encoded(JSONRPCResponse(jsonrpc="2.0", id=1, result={"text": "caf\ud83d"}))
    assert json.loads(line.decode())["result"] == {"text": "caf?"}
    assert line.count(b"\n") == 1


def test_nothing_of_a_refused_line_is_repeated() -> None:
    for line in (b'{"jsonrpc":"2.0","id":1,"method":["646180157000000004"]}', b'{"code": "123456', b'["123456"]'):
        answer = understood(line, LONGEST_LINE)
        assert isinstance(answer, bytes)
        assert b"646180157000000004" not in answer
        assert b"123456" not in answer


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:\\u0d8e1.-idmethojsrpcn ').map(str.encode))
def test_any_bytes_become_a_message_an_answer_or_nothing(line: bytes) -> None:
    for given_line in (line, Overlong(line, line)):
        answer = understood(given_line, 100)
        if isinstance(answer, bytes):
            assert json.loads(answer)["jsonrpc"] == "2.0"
            assert answer.count(b"\n") == 1


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"x", b"\n")), max_size=20))
def test_lines_are_the_same_however_the_bytes_arrive(chunks: list[bytes]) -> None:
    at_once, in_pieces = Lines(30), Lines(30)
    whole = b"".join(chunks)
    expected = at_once.feed(whole) + at_once.rest()
    assert [line for chunk in chunks for line in in_pieces.feed(chunk)] + in_pieces.rest() == expected
    assert all(len(line) <= 30 for line in expected if isinstance(line, bytes))


# Lines over the limit

LIMIT = 20_000
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
                "message": "The request is longer than 20000 bytes, so it was not read.",
                "details": {"limitBytes": LIMIT},
                "retryable": False,
                "nextAction": "Nothing was sent. Make the arguments shorter and call again.",
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
    lines = Lines(KEPT * 2)
    assert lines.feed(b"x" * KEPT * 2 + b"\n") == [b"x" * KEPT * 2]
    assert lines.feed(b"a" + b"x" * KEPT * 2 + b"\n") == [Overlong(b"a" + b"x" * (KEPT - 1), b"x" * KEPT)]


def test_a_line_over_the_limit_is_never_held_whole() -> None:
    lines, chunk = Lines(LIMIT), b"x" * 65536
    tracemalloc.start()
    try:
        for _ in range(300):
            assert lines.feed(chunk) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(chunk)
    assert lines.rest() == [Overlong(b"x" * KEPT, b"x" * KEPT)]


# The end of input


def test_two_hundred_calls_piped_in_are_two_hundred_answers() -> None:
    with child() as peer:
        peer.handshake()
        peer.say(*[call(number, text=str(number)) for number in range(200)])
        peer.stop_writing()
        answers = peer.hear_all()
        assert peer.process.wait(PATIENCE) == 0
    assert {answer["id"]: answer["result"]["structuredContent"]["data"] for answer in answers} == {
        number: str(number) for number in range(200)
    }


def test_what_was_accepted_is_answered_after_the_end_of_input() -> None:
    with serving() as peer:
        peer.say(call(1, text="slow", seconds=0.2), call("1", text="same id", seconds=0.1), call(2))
        peer.stop_writing()
        assert sorted(str(answer["id"]) for answer in peer.hear_all()) == ["1", "1", "2"]


def test_a_last_line_without_a_line_end_is_served() -> None:
    with serving() as peer:
        peer.write(json.dumps(call(1, text="last")).encode())
        peer.stop_writing()
        assert [answer["id"] for answer in peer.hear_all()] == [1]


def test_a_cancelled_call_does_not_hold_the_end() -> None:
    with serving(grace=timedelta(seconds=PATIENCE * 2)) as peer:
        peer.say(call(9, seconds=PATIENCE * 2), CANCEL_9)
        peer.stop_writing()
        assert peer.hear_all() == []


def test_an_open_subscription_does_not_hold_the_end() -> None:
    with serving(grace=timedelta(seconds=PATIENCE * 2), greeted=False) as peer:
        peer.say(modern(1, "subscriptions/listen", notifications={"toolsListChanged": True}))
        assert peer.hear()["method"] == "notifications/subscriptions/acknowledged"
        peer.stop_writing()
        peer.hear_all()


def test_the_grace_bounds_how_long_an_answer_is_waited_for() -> None:
    with serving(grace=timedelta(seconds=0.1)) as peer:
        peer.say(call(1, seconds=PATIENCE * 2))
        peer.stop_writing()
        assert [answer["error"]["code"] for answer in peer.hear_all()] == [-32000]


def test_a_client_that_never_reads_does_not_keep_the_server() -> None:
    with serving(grace=timedelta(seconds=0.1)) as peer:
        peer.say(*[call(number, text="x" * 1000, times=100) for number in range(20)])
        peer.stop_writing()
        wait_until(peer.outgoing.gone.is_set)


def test_answers_wait_while_the_client_does_not_read() -> None:
    with serving() as peer:
        peer.say(*[call(number, text="x" * 1000, times=100) for number in range(100)])
        wait_until(lambda: peer.outgoing.transport.get_write_buffer_size() > 0)
        peer.say(*[call(number, text="x" * 1000, times=100) for number in range(100, 200)])
        peer.stop_writing()
        assert peer.outgoing.transport.get_write_buffer_size() < 500_000
        answers = peer.hear_all()
    assert sorted(answer["id"] for answer in answers) == list(range(200))


# Files, terminals, sockets


def test_a_file_is_served_into_a_file(tmp_path: Path) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
    requests, answers = tmp_path / "requests", tmp_path / "answers"
    requests.write_text("\n".join(json.dumps(message) for message in [first, *[call(n) for n in range(1, 41)]]))
    with requests.open("rb") as stdin, answers.open("wb") as stdout:
        done = subprocess.run([sys.executable, str(SERVER)], stdin=stdin, stdout=stdout, timeout=PATIENCE)
    assert done.returncode == 0
    assert sorted(json.loads(line)["id"] for line in answers.read_text().splitlines()) == list(range(41))


def test_a_terminal_is_served() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    with served(ours, os.dup(ours), Pipes(theirs, os.dup(theirs))) as peer:
        peer.say(call(1, text="typed"))
        assert peer.hear()["result"]["structuredContent"]["data"] == "typed"
        peer.loop.call_soon_threadsafe(peer.incoming.end)
        wait_until(peer.outgoing.gone.is_set)


@pytest.mark.parametrize("together", [False, True], ids=["a socket for each (node)", "one socket for both (socat)"])
def test_sockets_are_served(together: bool) -> None:
    ours, theirs = socket.socketpair()
    our_input, their_output = (ours.dup(), theirs.dup()) if together else socket.socketpair()
    pipes = Pipes(theirs.detach(), their_output.detach())
    with served(ours.fileno(), our_input.detach(), pipes) as peer:
        peer.say(*[call(number) for number in range(50)])
        ours.shutdown(socket.SHUT_WR)
        assert sorted(answer["id"] for answer in peer.hear_all()) == list(range(50))
        ours.detach()


def test_pipes_are_left_blocking_for_whoever_shares_them() -> None:
    theirs_in, to = os.pipe()
    back, theirs_out = os.pipe()
    shared = os.dup(theirs_in), os.dup(theirs_out)
    with served(to, back, Pipes(theirs_in, theirs_out)) as peer:
        peer.say(call(1))
        peer.hear()
        assert not any(os.get_blocking(fd) for fd in shared)
    assert all(os.get_blocking(fd) for fd in shared)
    for fd in shared:
        os.close(fd)


# Signals, and clients that die


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serving_when_what_is_accepted_is_answered(number: signal.Signals) -> None:
    with child() as peer:
        peer.handshake()
        peer.say(call(1, text="slow", seconds=0.3), call(2))
        assert peer.hear()["id"] == 2
        peer.process.send_signal(number)
        assert [answer["id"] for answer in peer.hear_all()] == [1]
        assert peer.process.wait(PATIENCE) == 0
        assert "left in order" in peer.errors()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads from /proc which signals are caught")
def test_a_second_signal_ends_at_once() -> None:
    with child() as peer:
        peer.handshake()
        peer.say(call(1, seconds=PATIENCE * 2), call(2))
        assert peer.hear()["id"] == 2
        peer.process.send_signal(signal.SIGINT)
        wait_until(lambda: not handles(peer.process.pid, signal.SIGINT))
        assert peer.process.poll() is None
        peer.process.send_signal(signal.SIGTERM)
        assert peer.process.wait(PATIENCE) == -signal.SIGTERM


def handles(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_signals_are_put_back_where_none_came() -> None:
    async def nothing() -> None:
        with ending_on_signal(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is not before

    before = signal.getsignal(signal.SIGTERM)
    asyncio.run(nothing())
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_client_that_dies_while_we_write_ends_serving_without_a_traceback() -> None:
    with child() as peer:
        peer.handshake()
        peer.say(*[call(number, text="x" * 1000, times=1000) for number in range(20)])
        peer.hear()
        peer.stop_reading()
        assert peer.process.wait(PATIENCE) == 0
        errors = peer.errors()
    assert "Traceback" not in errors
    assert "left in order" in errors


def test_a_client_that_reads_no_more_ends_serving_though_it_could_still_write() -> None:
    with serving(grace=timedelta(seconds=PATIENCE * 2)) as peer:
        peer.say(call(1, seconds=PATIENCE * 2), call(2))
        assert peer.hear()["id"] == 2
        peer.stop_reading()
        wait_until(peer.outgoing.gone.is_set)


# The official client


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_the_official_client_lists_calls_and_reads_a_refusal(mode: str) -> None:
    async def story() -> None:
        parameters = StdioServerParameters(command=sys.executable, args=[str(SERVER), "--limit", str(LIMIT)])
        async with Client(parameters, mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            answers = await asyncio.gather(*[client.call_tool("echo", {"text": str(n)}) for n in range(64)])
            assert [answer.structured_content["data"] for answer in answers] == [str(n) for n in range(64)]
            refused = await client.call_tool("echo", {"text": "x" * LIMIT})
            assert refused.is_error
            assert refused.structured_content["error"]["code"] == "REQUEST_TOO_LARGE"

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
