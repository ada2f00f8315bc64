"""A ``check_status`` call over stdio, the time to ``tools/list``, and memory, each beside the bare SDK server's."""

import contextlib
import json
import tempfile
import time
from pathlib import Path

from benchmarks.client import Child
from benchmarks.figures import Figure, middle

BARE = ["-m", "benchmarks.bare_server"]
OURS = ["-m", "riel", "serve", "--sandbox"]
PAYMENT = {"account": "1234567897", "amount": 50000, "concept": "Invoice 42", "recipientName": "Empresa Demo"}


def _environment(folder: str, extra: str = "") -> dict[str, str]:
    here = str(Path(__file__).parents[1])
    return {
        "RIEL_JOURNAL": f"sqlite:///{folder}/journal.db",
        "RIEL_FACTOR_FILE": f"{folder}/codes",
        "PYTHONPATH": f"{extra}:{here}" if extra else here,
    }


def calls(count: int = 1500, rounds: int = 3) -> Figure:
    """One call after the other: ours looks a payment up in the journal, the peer says ok."""
    ours, peers = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for _ in range(rounds):
            with Child(OURS, _environment(folder)) as child:
                child.call("mock_send_payment", PAYMENT)
                code = json.loads(Path(folder, "codes").read_text().splitlines()[-1])["code"]
                paid = child.call("mock_send_payment", {**PAYMENT, "verificationCode": code})
                key = paid["structuredContent"]["data"]["trackingKey"]
                ours.append(_typical(child, "mock_check_status", {"trackingKey": key}, count))
            with Child(BARE, _environment(folder)) as child:
                peers.append(_typical(child, "trivial", {}, count))
    a, b = middle(ours), middle(peers)
    return Figure("a check_status call over stdio, p50", f"{a * 1e6:.0f} µs", f"{b * 1e6:.0f} µs", a / b, "0.6 at most")


def _typical(child: Child, tool: str, arguments: dict[str, str], count: int) -> float:
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        child.call(tool, arguments)
        took.append(time.perf_counter() - begun)
    return middle(took[count // 5 :])


def starts(rounds: int = 7) -> Figure:
    """From the start of the process to the answer to ``tools/list``, in turn."""
    ours, peers = [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for _ in range(rounds + 1):
            for arguments, times in ((OURS, ours), (BARE, peers)):
                with Child(arguments, _environment(folder)) as child:
                    child.ask("tools/list")
                    times.append(time.perf_counter() - child.started)
    a, b = middle(ours[1:]), middle(peers[1:])
    return Figure("start to tools/list", f"{a * 1000:.0f} ms", f"{b * 1000:.0f} ms", a / b, "1.15 at most")


def memory() -> list[Figure]:
    """Resident memory after ``tools/list``, with one rail and with a hundred."""
    figures = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with Child(BARE, _environment(folder)) as child:
            child.ask("tools/list")
            peer = _resident(child.pid)
        for rails in (1, 100):
            with contextlib.ExitStack() as stack:
                extra = stack.enter_context(tempfile.TemporaryDirectory()) if rails > 1 else ""
                for number in range(1, rails):
                    _install(Path(extra), f"copy{number}")
                child = stack.enter_context(Child(OURS, _environment(folder, extra)))
                listed = child.ask("tools/list")["tools"]
                assert len(listed) == 3 * rails
                ours = _resident(child.pid)
            figures.append(
                Figure(f"resident memory, {rails} rails", f"{ours:.0f} MB", f"{peer:.0f} MB", ours / peer, "")
            )
    return figures


def _install(folder: Path, name: str) -> None:
    """A distribution of its own that offers the mock rail under another name."""
    (folder / f"rail_{name}.py").write_text(
        "from dataclasses import replace\nimport rail_mock\nfrom riel import hookimpl\n\n@hookimpl\n"
        f"def riel_rails():\n    yield from (replace(rail, name={name!r}) for rail in rail_mock.riel_rails())\n"
    )
    info = folder / f"rail_{name}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rail-{name}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[riel]\n{name} = rail_{name}\n")


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no resident size")
