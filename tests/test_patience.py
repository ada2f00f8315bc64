"""No test fails because this machine was busy: whatever a test waits for, it waits for a minute at least.

Where a test needs a time-out to be over, it sets a clock forward (``support/loop_clock.py``), lets a timer ring, holds
an answer back (``BankProcess.hold_answer``) or stops a process at a point (``support/crash_points.py``).
"""

import ast
from collections.abc import Iterator

import pytest

from .test_names import ROOT, tracked

LEAST = 60
"""Seconds."""

FAILS = {
    "timeout": 0,
    "timeout_at": 0,
    "wait_for": 1,
    "fail_after": 0,
    "communicate": 1,
    "run": None,
    "check_output": None,
}
"""Calls that fail when a time is over, and which of their positional arguments it is, if any."""

HARMLESS = {("packages/core/tests/test_stdio_framing.py", "wait_for")}
"""Where the failure is what the test wants, however early it comes."""


def waits(source: str) -> Iterator[tuple[int, str, float]]:
    """Line, call and seconds of each wait whose time stands there as a number, and after which it fails."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in FAILS:
            continue
        place = FAILS[name]
        times = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
        times += node.args[place : place + 1] if place is not None else []
        for time in times:
            if isinstance(time, ast.Constant) and isinstance(time.value, int | float):
                yield node.lineno, name, time.value


@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("async with asyncio.timeout(5): ...", [5]),
        ("await asyncio.wait_for(answer, 0.2)", [0.2]),
        ("child.communicate(timeout=30)", [30]),
        ("subprocess.run(command, timeout=PATIENCE)", []),
        ("httpx.Timeout(5)", []),
    ],
)
def test_a_wait_is_found(source: str, seconds: list[float]) -> None:
    found = f"async def test():\n    {source}" if "await" in source or "async" in source else source
    assert [time for _, _, time in waits(found)] == seconds


def test_no_wait_of_a_test_is_shorter_than_a_minute() -> None:
    files = [path for path in tracked("tests/*.py", "packages/*/tests/*.py") if "sdk" not in path.parts]
    short = [
        f"{place}:{line} {name}({seconds})"
        for path in files
        for place in [str(path.relative_to(ROOT))]
        for line, name, seconds in waits(path.read_text("utf-8"))
        if seconds < LEAST
    ]
    assert short == []


def test_no_test_hopes_to_be_quicker_than_a_slow_bank() -> None:
    """A bank that is slow for so many seconds is one that a busy machine may overtake: it holds its answer back."""
    slow = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked("tests/test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "fault"
        and any(isinstance(argument, ast.Constant) and argument.value == "slow" for argument in node.args)
    ]
    assert slow == []
