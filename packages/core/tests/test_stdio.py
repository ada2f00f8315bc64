"""What a client may rely on at the two ends of ``riel serve``, with raw bytes over real pipes."""

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tty
from datetime import timedelta
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from riel.errors import Misconfigured
from riel.mcp.stdio.capture import Pipes, capture_stdio, end_on_signal
from riel.mcp.stdio.stderr_relay import StderrRelay

from .stdio_support import CANCEL_9, LIMIT, PATIENCE, SERVER, call, child, modern, served, serving, wait_until

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
    pipes = capture_stdio(stdin, stdout, stderr)
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
            capture_stdio(reader, writer, 2)
    os.close(reader)
    with pytest.raises(Misconfigured, match="start it with both open"):
        capture_stdio(reader, writer, 2)
    os.close(writer)


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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads from /proc which signals are caught")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_serving_when_what_is_accepted_is_answered(tmp_path: Path, number: signal.Signals) -> None:
    with child() as peer:
        peer.handshake()
        peer.say(call(1, text="slow", until=str(tmp_path / "let go")), call(2))
        assert peer.hear()["id"] == 2
        peer.process.send_signal(number)
        wait_until(lambda: not handles(peer.process.pid, number))
        (tmp_path / "let go").touch()
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


def test_a_hang_up_that_was_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ignored() -> None:
        with end_on_signal(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asyncio.run(ignored())
    finally:
        signal.signal(signal.SIGHUP, former)


def test_signals_are_put_back_where_none_came() -> None:
    async def nothing() -> None:
        with end_on_signal(lambda: None):
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


# A stderr that nobody reads


def test_a_stderr_that_nobody_reads_stops_neither_an_answer_nor_the_end() -> None:
    with child() as peer:
        peer.handshake()
        for number in range(3):
            peer.say(call(number, text="hi", shouts=100_000))
            assert peer.hear()["result"]["structuredContent"]["data"] == "hi"
        peer.stop_writing()
        assert peer.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_read_of_stderr_is_passed_on_and_what_is_not_is_counted(kind: str) -> None:
    if kind == "pipe":
        back, errors = os.pipe()
    else:
        back, errors = (end.detach() for end in socket.socketpair())
    relay = StderrRelay.start(errors)
    assert relay is not None
    os.write(errors, b"first\n")
    assert os.read(back, 100) == b"first\n"
    for _ in range(1000):
        os.write(errors, b"x" * 1000)
    read = bytearray()
    while b" are lost\n" not in read:
        read += os.read(back, 65536)
    lost = int(read.rpartition(b"riel: ")[2].split()[0])
    assert read.count(b"x") + lost == 1_000_000
    assert lost > 100_000
    os.write(errors, b"last\n")
    relay.close(timedelta(seconds=PATIENCE))
    assert os.read(back, 100) == b"last\n"
    os.write(errors, b"straight\n")
    assert os.read(back, 100) == b"straight\n"
    os.close(back)
    os.close(errors)


def test_a_relay_ends_in_time_if_nobody_reads() -> None:
    back, errors = os.pipe()
    relay = StderrRelay.start(errors)
    assert relay is not None
    os.write(errors, b"x" * 60_000)
    os.write(errors, b"x" * 60_000)
    relay.close(timedelta(milliseconds=50))
    os.close(back)
    os.close(errors)


def test_a_file_is_no_pipe_and_needs_no_relay(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        assert StderrRelay.start(log.fileno()) is None


# Two protocol eras on one pipe

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
INITIALIZE = {"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": HELLO}


@pytest.mark.parametrize("together", [True, False])
def test_a_client_that_discovers_and_then_initializes_has_a_session_of_2025(together: bool) -> None:
    with serving(greeted=False) as peer:
        peer.say(modern(1, "server/discover"), *[INITIALIZE] * together)
        found = peer.hear()
        assert found["id"] == 1
        assert "2026-07-28" in found["result"]["supportedVersions"]
        peer.say(*[INITIALIZE] * (not together))
        opened = peer.hear()
        assert (opened["id"], opened["result"]["protocolVersion"]) == (2, "2025-11-25")
        peer.say({"jsonrpc": "2.0", "method": "notifications/initialized"}, call(3, text="hi"))
        assert peer.hear()["result"]["structuredContent"]["data"] == "hi"


def test_a_client_that_discovers_twice_and_then_calls_has_a_session_of_2026() -> None:
    with serving(greeted=False) as peer:
        peer.say(modern(1, "server/discover"), modern(2, "server/discover"), modern(3, "tools/list"), INITIALIZE)
        answers = {answer["id"]: answer for answer in (peer.hear() for _ in range(3))}
        refused = peer.hear() if 2 in answers and answers[2].get("result") else None
        assert answers[1]["result"]["supportedVersions"] == answers[2]["result"]["supportedVersions"]
        assert [tool["name"] for tool in answers[3]["result"]["tools"]] == ["echo"]
        assert refused is not None
        assert "error" in refused


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
