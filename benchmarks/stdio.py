"""The stdio server beside the SDK's own: a ``check_status`` call, the time to ``tools/list``, and memory."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Series
from benchmarks.stdio_client import ServerProcess
from riel import Rail

SDK_SERVER = ["-m", "benchmarks.sdk_server"]
RIEL_SERVER = ["-m", "riel", "serve", "--sandbox"]
PEER = "SDK server"
BATCHES = 30
BATCH = 50
"""Both servers share whatever else the machine does, and each is warm when it is measured."""
PAYMENT = {"account": "1234567897", "amount": 50000, "concept": "Invoice 42", "recipientName": "Empresa Demo"}
ONE_RAIL = ("mock",)
INSTALLED_RAILS = ("fintoc", "mock", "spei")
HUNDRED_RAILS = ("mock", *(f"copy{number}" for number in range(1, 100)))


def measure_calls(rounds: int) -> Iterator[Figure]:
    """A batch of calls to each in turn: riel looks a payment up in its journal, the peer says ok."""
    ours, peers = list[float](), list[float]()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = server_environment(folder, INSTALLED_RAILS)
        for _ in range(rounds):
            with ServerProcess(RIEL_SERVER, environment) as server, ServerProcess(SDK_SERVER, environment) as peer:
                server.request("tools/call", {"name": "mock_send_payment", "arguments": PAYMENT})
                code = json.loads(Path(folder, "codes").read_text().splitlines()[-1])["code"]
                paid = server.call("mock_send_payment", {**PAYMENT, "verificationCode": code})
                lookup = {"trackingKey": paid["data"]["trackingKey"]}
                durations = [
                    (_call_duration(server, "mock_check_status", lookup), _call_duration(peer, "trivial", {}))
                    for _ in range(BATCHES)
                ]
                ours.append(median(duration for duration, _ in durations))
                peers.append(median(duration for _, duration in durations))
    yield Figure(
        name="a check_status call over stdio, p50",
        ours=Series(tuple(ours), "µs"),
        peer=Series(tuple(peers), "µs"),
        peer_name=PEER,
        goal="0.6 at most",
    )


def _call_duration(server: ServerProcess, tool: str, arguments: dict[str, str]) -> float:
    """Return the median duration in microseconds of a batch of calls, the first fifth left out."""
    durations = []
    for _ in range(BATCH):
        begun = time.perf_counter()
        server.call(tool, arguments)
        durations.append(time.perf_counter() - begun)
    return median(durations[BATCH // 5 :]) * 1e6


def measure_startup(rounds: int) -> Iterator[Figure]:
    """From the start of the process to the answer to ``tools/list``, in turn with the peer."""
    for title, rails in (("one rail", ONE_RAIL), ("three rails", INSTALLED_RAILS)):
        ours, peers = list[float](), list[float]()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            environment = server_environment(folder, rails)
            for _ in range(2 * rounds + 2):
                ours.append(_startup(RIEL_SERVER, environment))
                peers.append(_startup(SDK_SERVER, environment))
        yield Figure(
            name=f"start to tools/list, {title}",
            ours=Series(tuple(ours[1:]), "ms"),  # the first start reads the files from the disk
            peer=Series(tuple(peers[1:]), "ms"),
            peer_name=PEER,
            goal="1.15 at most",
        )


def _startup(arguments: Sequence[str], environment: dict[str, str]) -> float:
    """Return milliseconds."""
    with ServerProcess(arguments, environment) as server:
        server.request("tools/list")
        return (time.perf_counter() - server.started) * 1000


def measure_memory(rounds: int) -> Iterator[Figure]:
    """Resident memory after ``tools/list``, with one rail, with those of this repository, and with a hundred."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        peers = [server_memory(SDK_SERVER, server_environment(folder, ()), ()) for _ in range(rounds)]
        copies = Path(folder, "copies")
        copies.mkdir()
        for name in HUNDRED_RAILS[1:]:
            _install_copy(copies, name)
        for title, rails in (("one rail", ONE_RAIL), ("three rails", INSTALLED_RAILS), ("100 rails", HUNDRED_RAILS)):
            environment = server_environment(folder, rails, copies)
            ours = [server_memory(RIEL_SERVER, environment, rails) for _ in range(rounds)]
            yield Figure(
                name=f"resident memory, {title}",
                ours=Series(tuple(ours), "MB"),
                peer=Series(tuple(peers), "MB"),
                peer_name=PEER,
            )


def server_memory(arguments: Sequence[str], environment: dict[str, str], rails: Sequence[str]) -> float:
    """Return the resident megabytes of a server once it has listed the tools of these rails."""
    with ServerProcess(arguments, environment) as server:
        tools = {tool["name"] for tool in server.request("tools/list")["tools"]}
        if missing := {f"{rail}_{verb}" for rail in rails for verb in Rail.tool_suffixes} - tools:
            raise RuntimeError(f"tools/list lacks {', '.join(sorted(missing))}")
        if rails and (others := {tool for tool in tools if tool.partition("_")[0] not in rails}):
            raise RuntimeError(f"tools/list has tools of other rails: {', '.join(sorted(others))}")
        return _resident_memory(server.pid)


def server_environment(folder: str, rails: Sequence[str], packages: Path | None = None) -> dict[str, str]:
    here = str(Path(__file__).parents[1])
    return {
        "RIEL_JOURNAL": f"sqlite:///{folder}/journal.db",
        "RIEL_FACTOR_FILE": f"{folder}/codes",
        "RIEL_RAILS": ",".join(rails),
        "PYTHONPATH": f"{packages}:{here}" if packages else here,
    }


def _install_copy(folder: Path, name: str) -> None:
    """Write a distribution that offers the mock rail under another name."""
    (folder / f"rail_{name}.py").write_text(
        "from dataclasses import replace\nimport rail_mock\nfrom riel import hookimpl\n\n@hookimpl\n"
        f"def riel_rails():\n    yield from (replace(rail, name={name!r}) for rail in rail_mock.riel_rails())\n"
    )
    info = folder / f"rail_{name}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rail-{name}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[riel]\n{name} = rail_{name}\n")


def _resident_memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not report the resident memory of a process")
