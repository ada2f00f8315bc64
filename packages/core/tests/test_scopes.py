"""What a session was not granted is neither listed nor run, whoever asks for it and however."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from riel.app import open_app
from riel.config import read_settings
from riel.errors import Misconfigured
from riel.payments import PaymentEngine
from riel.redaction import Redactor
from riel.tools import Scopes

from .rail_tools_support import MODES, agent, feedback, greet, paying, reading

pytestmark = pytest.mark.anyio

READS = Scopes(read_only=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def granted(*scopes: str) -> Scopes:
    return Scopes(frozenset(scopes))


OWN = (reading(), reading("make_it", scope="things:make", read_only=False), paying(), feedback())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("scopes", "listed"),
    [
        (Scopes(), {"send_payment", "check_status", "request_refund", "read_it", "make_it", "pay_bill", "feedback"}),
        (READS, {"check_status", "read_it"}),
        (granted("things:read"), {"read_it", "feedback"}),
        (granted("payments:read", "bills:pay"), {"check_status", "pay_bill", "feedback"}),
        (Scopes(frozenset({"things:read", "things:make"}), read_only=True), {"read_it"}),
    ],
)
async def test_what_is_not_granted_is_neither_listed_nor_run(
    tmp_path: Path, mode: str, scopes: Scopes, listed: set[str]
) -> None:
    async with agent(tmp_path, *OWN, scopes=scopes) as ana, ana.client(mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {f"toy_{name}" for name in listed}
        for name in sorted(set(ana.tools) - {f"toy_{name}" for name in listed}):
            answer = await client.call_tool(name, {"bill": "rent"})
            assert answer.is_error
            assert answer.structured_content is not None
            assert answer.structured_content["error"]["code"] == "SCOPE_NOT_GRANTED"
            assert json.loads(answer.content[0].text) == answer.structured_content  # type: ignore[union-attr]
        assert ana.world.person.asked == []
        assert (await client.call_tool("toy_no_such_tool", {})).structured_content["error"]["code"] == "UNKNOWN_TOOL"  # type: ignore[index]


async def test_the_refusal_says_what_is_missing(tmp_path: Path) -> None:
    async with agent(tmp_path, *OWN, scopes=Scopes(frozenset({"things:make"}), read_only=True)) as ana:
        assert "more than reading" in (await ana.refusal("toy_make_it"))["message"]
        assert "the scope things:read" in (await ana.refusal("toy_read_it"))["message"]


async def test_a_refused_tool_does_not_look_at_its_arguments(tmp_path: Path) -> None:
    async with agent(tmp_path, *OWN, scopes=READS) as ana:
        for arguments in ({}, {"amount": 5}, {"account": "0123456789", "amount": 50_000}):
            assert (await ana.refusal("toy_send_payment", **arguments))["code"] == "SCOPE_NOT_GRANTED"


async def test_a_scope_may_follow_from_what_is_asked(tmp_path: Path) -> None:
    ran: list[str] = []

    async def fetch(client: Any, asked: Any) -> Any:
        ran.append(asked.name)
        return await greet(client, asked)

    tool = reading("fetch", scope="", run=fetch, scope_of=lambda asked: f"things:{asked.name}")
    async with agent(tmp_path, tool, reading(), scopes=granted("things:read")) as ana, ana.client() as client:
        assert "toy_fetch" in {tool.name for tool in (await client.list_tools()).tools}
        assert (await ana.data("toy_fetch", name="read"))["untrusted"] == {"name": "read"}
        error = await ana.refusal("toy_fetch", name="write")
        assert (error["code"], "things:write" in error["message"]) == ("SCOPE_NOT_GRANTED", True)
        assert ran == ["read"]


async def test_a_scope_that_follows_from_what_is_asked_is_granted_where_all_are(tmp_path: Path) -> None:
    async with agent(tmp_path, reading("fetch", scope="", scope_of=lambda asked: "any:thing")) as ana:
        await ana.data("toy_fetch")


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ("payment:read", "RIEL_SCOPES: no tool has the scope 'payment:read'; did you mean payments:read?"),
        ("xyz", "RIEL_SCOPES: no tool has the scope 'xyz'; there are payments:read, payments:refund, payments:send"),
    ],
)
async def test_a_misspelt_scope_stops_the_start_in_one_sentence(tmp_path: Path, scope: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as stopped:
        async with agent(tmp_path, scopes=granted("payments:read", scope)):
            pass
    assert str(stopped.value) == sentence


def zap(folder: Path) -> dict[str, str]:
    """A process's environment in which a rail ``zap`` is installed, and nothing is set but its journal."""
    (folder / "toy.py").write_text((Path(__file__).parent / "bad_rails" / "toy.py").read_text())
    (folder / "rail_zap.py").write_text(
        "from riel import hookimpl\nfrom toy import toy\n\n@hookimpl\ndef riel_rails():\n    yield toy('zap')\n"
    )
    info = folder / "rail_zap-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rail-zap\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[riel]\nzap = rail_zap\n")
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RIEL_")}
    return mine | {
        "PYTHONPATH": str(folder),
        "RIEL_RAILS": "zap",
        "RIEL_JOURNAL": str(folder / "journal.db"),
        "RIEL_FACTOR_FILE": str(folder / "codes"),
    }


def test_a_server_with_a_misspelt_scope_does_not_start(tmp_path: Path) -> None:
    served = subprocess.run(
        [sys.executable, "-m", "riel", "serve", "--sandbox"],
        env=zap(tmp_path) | {"RIEL_SCOPES": "payments:sent"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = "riel: RIEL_SCOPES: no tool has the scope 'payments:sent'; did you mean payments:send?\n"
    assert (served.returncode, served.stdout, served.stderr) == (2, "", said)


async def test_a_server_that_only_reads_lists_what_reads(tmp_path: Path) -> None:
    from mcp import Client, StdioServerParameters

    how = StdioServerParameters(
        command=sys.executable,
        args=["-m", "riel", "serve", "--sandbox", "--read-only"],
        env=zap(tmp_path),
        cwd=tmp_path,
    )
    async with Client(how) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["zap_check_status"]
        answer = await client.call_tool("zap_send_payment", {"account": "0123456789", "amount": 50_000})
        assert answer.structured_content is not None
        assert answer.structured_content["error"]["code"] == "SCOPE_NOT_GRANTED"


async def test_scopes_come_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zap(tmp_path).items():
        if name.startswith("RIEL_"):
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIEL_SCOPES", "payments:read , payments:refund")
    async with open_app(read_settings(), Redactor(), sandbox=True) as host:
        allowed = {name for name, tool in host.tools.items() if tool.granted}
    assert allowed == {"zap_check_status", "zap_request_refund"}


async def test_a_stop_waits_as_long_as_the_slowest_rail_may_take_to_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zap(tmp_path).items():
        if name.startswith("RIEL_"):
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    waits: list[timedelta] = []
    close = PaymentEngine.close

    async def observed(engine: PaymentEngine, grace: timedelta) -> None:
        waits.append(grace)
        await close(engine, grace)

    monkeypatch.setattr(PaymentEngine, "close", observed)
    async with open_app(read_settings(), Redactor(), sandbox=True) as host:
        longest = max(rail.guarantees.send_deadline for rail in host.engine.rails.values())
        assert host.grace == longest + timedelta(seconds=1)
    assert waits == [host.grace]
