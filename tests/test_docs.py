"""What the documentation shows is true: commands run, settings are read, links lead somewhere, pages are up to date.

The blocks of a page are run in their order, in one shell and one empty folder. A comment in front of a block says
otherwise: ``<!-- not run: why -->``; ``<!-- file: name -->`` for what the reader is to save under that name; and
``<!-- from: page or command -->`` for an excerpt, which is compared with what it is from.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from riel.cli import COMMANDS
from riel.journal.records import Topic

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted({ROOT / "README.md", ROOT / "packages/core/README.md", *(ROOT / "docs").rglob("*.md")})
LINKING = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("changes/*.md"), *ROOT.glob("packages/*/*.md")})
"""The pages above, whose commands are run, and those that are only read."""
PATIENCE = 600
WRITE_A_RAIL = ROOT / "docs/rails/write-a-rail.md"
PROJECTS = sorted(ROOT.glob("packages/*/pyproject.toml"))
PORT = "8410"
"""The port of the pages, which may be taken here: each page gets one that is free."""

BLOCK = re.compile(r"(?:^<!-- (not run|file|from): ([^\n]+?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = {"sh", "python"}
WAIT = f"""{sys.executable} - <<'END'
import socket, time
for _ in range(300):
    try:
        socket.create_connection(("127.0.0.1", {PORT})).close()
        break
    except OSError:
        time.sleep(0.1)
END
"""
"""What a reader does by looking: go on when the bank that was started says that it is there."""

CURL = """
import sys, urllib.request
data = sys.argv[sys.argv.index("-d") + 1].encode() if "-d" in sys.argv else None
print(urllib.request.urlopen(sys.argv[-1], data).read().decode())
"""
"""As much of curl as the pages use, for where there is none."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page, and what the comment in front of it says."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    words: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        mark, words, language, body = found.groups()
        yield Block(page, text.count("\n", 0, found.start()) + 1, language, body, mark or "", words or "")


EVERY = [block for page in PAGES for block in blocks(page)]


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A reader's: nothing of riel is set, riel is in the path, and their home is empty."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("RIEL_", "XDG_"))}
    found = shutil.which("riel", path=str(Path(sys.executable).parent)) or shutil.which("riel")
    assert found is not None, "riel is not installed beside this Python"
    path = os.pathsep.join([str(Path(found).parent), str(Path(sys.executable).parent), mine.get("PATH", "")])
    if shutil.which("curl") is None:
        curl = tmp_path / "bin" / "curl"
        curl.parent.mkdir()
        curl.write_text(f"#!{sys.executable}\n{CURL}")
        curl.chmod(0o755)
        path += f"{os.pathsep}{curl.parent}"
    return {**mine, "PATH": path, "HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """A port that no outgoing connection is given, and no other process of these tests takes."""
    for port in range(20_000 + os.getpid() % 1_000 * 10, 32_000):
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def script(page: Path) -> str:
    """A page as one shell script: files are written, the rest is run."""
    parts = ["set -eu"]
    for block in blocks(page):
        parts.append(f"echo '## {block}' >&2")
        if block.mark == "file":
            parts.append(f"cat > {block.words} <<'OF FILE'\n{block.text}OF FILE")
        elif block.mark in {"not run", "from"} or block.language not in RUN:
            continue
        elif block.language == "sh":
            parts.append(block.text)
            if f"--port {PORT} &" in block.text:
                parts.append(WAIT)
        else:
            parts.append(f"python - <<'OF PROGRAM'\n{block.text}OF PROGRAM")
    return "\n".join(parts).replace(PORT, str(free_port()))


@pytest.mark.skipif(sys.platform == "win32", reason="the pages are written for a POSIX shell")
@pytest.mark.parametrize("page", [p for p in PAGES if any(b.language in RUN for b in blocks(p))], ids=page_id)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    with out.open("wb") as printed, err.open("wb") as complained:
        reader = subprocess.Popen(
            ["bash", "-c", script(page)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complained,
            start_new_session=True,
        )
        try:
            code = reader.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(reader.pid, signal.SIGKILL)  # what the page left running, of this session only
            reader.wait()
    said = f"{out.read_text()[-2000:]}\n{err.read_text()[-6000:]}"
    assert code == 0, said
    assert "Traceback" not in out.read_text(), said


def test_what_is_not_run_has_a_reason() -> None:
    unexplained = [str(block) for block in EVERY if block.mark == "not run" and len(block.words) < 10]
    assert unexplained == []


def test_every_block_has_a_language_that_is_known() -> None:
    known = RUN | {"json", "toml", "text", "mermaid"}
    assert [str(block) for block in EVERY if block.language not in known] == []


CONFIGURATIONS = [block for block in EVERY if block.language == "json" and '"command"' in block.text]


@pytest.mark.anyio
@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
async def test_the_configuration_of_a_client_starts_a_server(block: Block, tmp_path: Path) -> None:
    """As it stands, but for the paths and for uv, which is here already."""
    document = json.loads(block.text.replace("/path/to/rehearsal", str(tmp_path)))
    (server,) = (document.get("mcpServers") or document["servers"]).values()
    asked = [server["command"], *server["args"]]
    assert asked[:5] == ["uv", "run", "--directory", "/path/to/riel", "riel"]
    assert asked[5] in COMMANDS
    how = StdioServerParameters(command=sys.executable, args=["-m", *asked[4:]], env=server["env"], cwd=tmp_path)
    async with Client(how) as client:
        assert "mock_send_payment" in {tool.name for tool in (await client.list_tools()).tools}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("block", [b for b in EVERY if b.language == "json"], ids=str)
def test_what_is_shown_as_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", [b for b in EVERY if b.language == "toml" and b.words != "pyproject.toml"], ids=str)
def test_the_settings_that_are_shown_are_settings(block: Block, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "riel.toml").write_text(block.text)
    asked = [sys.executable, "-m", "riel", "rails", "--json"]
    named = environment | {"RIEL_CONFIG": "riel.toml"}
    ran = subprocess.run(asked, cwd=tmp_path, env=named, capture_output=True, text=True, check=False, timeout=300)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_rail_that_is_explained_works(tmp_path: Path, environment: dict[str, str]) -> None:
    """It is found by its entry point, offered with the three tools, and a payment by it that cannot leave says so."""
    files = {block.words: block.text for block in blocks(WRITE_A_RAIL) if block.mark == "file"}
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (tmp_path / "rail_zap.py").write_text(files["rail_zap.py"])
    info = tmp_path / f"rail_zap-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["riel"].items())
    (info / "entry_points.txt").write_text(f"[riel]\n{points}")
    zap = {
        "PYTHONPATH": str(tmp_path),
        "RIEL_RAILS": "zap",
        "RIEL_ZAP_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "RIEL_JOURNAL": str(tmp_path / "journal.db"),
    }
    asked = [sys.executable, "-m", "riel", "rails", "--json"]
    ran = subprocess.run(
        asked,
        cwd=tmp_path,
        env=environment | zap | {"RIEL_LIVE": "yes"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    listed = json.loads(ran.stdout)
    assert (listed["problems"], ran.stderr) == ([], "")
    assert listed["rails"][0]["tools"] == ["zap_send_payment", "zap_check_status", "zap_request_refund"]
    assert listed["rails"][0]["mode"] == "live", "nothing has proven to be a pretend bank"
    paying = _PAYING.format(environment=zap | {"RIEL_FACTOR_FILE": str(tmp_path / "codes.jsonl")})
    ran = subprocess.run(
        [sys.executable, "-c", paying], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.stdout == "RAIL_UNREACHABLE\n", ran.stderr


_PAYING = """
import asyncio, contextlib, json, sys
from mcp import Client, StdioServerParameters
from riel import Sandbox
from riel.sandbox import serve_http, wrap

async def main():
    environment = {environment!r}
    port = int(environment["RIEL_ZAP_BASE_URL"].rpartition(":")[2])
    server = StdioServerParameters(command=sys.executable, args=["-m", "riel", "serve", "--sandbox"], env=environment)
    async with contextlib.AsyncExitStack() as stack:
        bank = contextlib.AsyncExitStack()
        await bank.enter_async_context(serve_http(wrap(Sandbox(app=None, debits=list)), port))
        client = await stack.enter_async_context(Client(server))
        payment = {{"phone": "+56912345678", "amount": 500}}
        await client.call_tool("zap_send_payment", payment)
        await bank.aclose()  # a pretend bank that has proven itself, and cannot be reached any more
        code = json.loads(open(environment["RIEL_FACTOR_FILE"]).readline())["code"]
        answer = await client.call_tool("zap_send_payment", payment | {{"verificationCode": code}})
        print(answer.structured_content["error"]["code"])

asyncio.run(main())
"""


def same(line: str) -> str:
    """A line of the demo without what is another one every time, and without the spaces at its ends."""
    line = re.sub(r"MOCK\d{6}[A-Z0-9]{16}", "MOCK", line)
    return re.sub(r"(code |verificationCode=')\d{6}", r"\1CODE", line).strip()


def test_the_excerpt_of_the_demo_is_what_it_prints(tmp_path: Path, environment: dict[str, str]) -> None:
    (excerpt,) = [block for block in EVERY if (block.mark, block.words) == ("from", "riel demo")]
    ran = subprocess.run(
        [sys.executable, "-m", "riel", "demo"],
        cwd=tmp_path,
        env={**environment, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    printed = [same(line) for line in ran.stdout.splitlines()]
    shown = [same(line) for line in excerpt.text.splitlines()]
    rest = iter(printed)
    assert [line for line in shown if line not in rest] == []


def anchors(page: Path) -> set[str]:
    """The names by which headings of a page can be linked to, as the common renderers make them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_excerpt_of_a_page_stands_there_in_that_order() -> None:
    for excerpt in [block for block in EVERY if block.mark == "from" and block.words.endswith(".md")]:
        rest = iter([line for block in blocks(ROOT / excerpt.words) for line in block.text.splitlines()])
        assert [line for line in excerpt.text.splitlines() if line not in rest] == []


@pytest.mark.parametrize("page", LINKING, ids=page_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text("utf-8"))
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", prose):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"


@pytest.mark.parametrize("page", LINKING, ids=page_id)
def test_every_file_and_test_that_is_named_exists(page: Path) -> None:
    """Names in backticks: a path from the root, and ``test_...``, where a ``*`` stands for the rest of it."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    paths = set(re.findall(r"`((?:packages|tests|typing_tests|benchmarks|checks|docs)/[\w./-]+\.(?:py|md))`", text))
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []
    named = {name.removesuffix("*") for name in re.findall(r"`(test_\w+\*?)`", text)}
    tests = [path.read_text("utf-8") for path in ROOT.glob("**/tests/**/test_*.py")] if named else []
    assert sorted(name for name in named if not any(f"def {name}" in test for test in tests)) == []


def test_every_page_is_in_an_index() -> None:
    """A reader who starts at docs/README.md finds each page of docs/ by following links."""
    reached, waiting = set[Path](), [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", BLOCK.sub("", page.read_text("utf-8")))
        targets = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        waiting += sorted(targets - reached - set(waiting))
    assert sorted(set((ROOT / "docs").rglob("*.md")) - reached) == []


SOURCES = sorted(path for path in ROOT.glob("packages/*/src/**/*") if path.suffix in {".py", ".sql"})


def code_names() -> list[str]:
    """The names that the glossary sends a reader to, from its third column."""
    rows = re.findall(
        r"^\| [^|]+ \| [^|]+ \| ([^|]*) \| [^|]*\|$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.MULTILINE
    )
    return sorted({name for cell in rows for name in re.findall(r"`([^`<]+)`", cell)})


@pytest.mark.parametrize("name", code_names())
def test_a_name_in_the_glossary_is_in_the_code(name: str) -> None:
    if name.endswith((".py", "/")):
        assert [path for path in SOURCES if f"/{name}" in f"{path}"] != []
    elif name.startswith("riel "):
        assert name.split()[1] in COMMANDS
    else:
        word = re.compile(rf"\b{re.escape(name.removesuffix('()').rpartition('.')[2])}\b")
        assert any(word.search(path.read_text("utf-8")) for path in SOURCES)


def test_every_place_in_the_code_map_exists() -> None:
    page = ROOT / "docs/code-map.md"
    paths = set(re.findall(r"`([\w./-]+(?:/|\.py|\.md|\.toml))`", page.read_text("utf-8")))
    core, rail = ROOT / "packages/core/src/riel", ROOT / "packages/rail-spei/src/rail_spei"
    places = (ROOT, core, rail, rail.parents[1])
    assert sorted(path for path in paths if not any((place / path).exists() for place in places)) == []


@pytest.mark.parametrize("page", LINKING, ids=page_id)
def test_every_code_and_setting_that_is_named_is_in_the_reference(page: Path) -> None:
    """Where ``RIEL_JOURNAL`` or ``2FA_MISMATCH`` stands in backticks, the generated pages know it."""
    named = set(re.findall(r"`((?:[A-Z0-9]+_)+[A-Z0-9]+)`", BLOCK.sub("", page.read_text("utf-8"))))
    reference = "".join(each.read_text("utf-8") for each in (ROOT / "docs/reference").rglob("*.md"))
    assert sorted(name for name in named if f"`{name}`" not in reference) == []


def test_every_message_in_troubleshooting_is_one_of_the_code() -> None:
    """A sentence in the first column, where … stands for what differs, is written in the source like that."""
    joined = [re.sub(r"""["']\s*\n\s*f?["']""", "", path.read_text("utf-8")) for path in SOURCES]
    first = re.findall(r"^\| ([^|]*) \|", (ROOT / "docs/how-to/troubleshooting.md").read_text("utf-8"), re.MULTILINE)
    quoted = [quote for cell in first for quote in re.findall(r"`([^`]* [^`]*)`(?=[^`]*(?:`[^`]*`[^`]*)*$)", cell)]
    assert len(quoted) > 10
    parts = [part.strip() for quote in quoted for part in quote.split("…") if part.strip()]
    assert [part for part in parts if not any(part in text for text in joined)] == []


def test_every_topic_of_a_notification_is_explained() -> None:
    page = (ROOT / "docs/how-to/send-notifications.md").read_text("utf-8")
    assert [topic for topic in Topic if f"`{topic.value}`" not in page] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 200


def test_a_changelog_fragment_names_its_package() -> None:
    kinds = {"money", "added", "changed", "fixed"}
    packages = {path.parent.name if path.parent.name != "core" else "riel" for path in PROJECTS}
    fragments = [path.relative_to(ROOT / "changes") for path in (ROOT / "changes").rglob("*") if path.is_file()]
    fragments.remove(Path("README.md"))
    assert [str(path) for path in fragments if len(path.parts) != 2 or path.parts[0] not in packages] == []
    assert [str(path) for path in fragments if path.name.split(".")[-2] not in kinds] == []


def test_the_reference_is_what_the_code_says(environment: dict[str, Any]) -> None:
    """``python docs/generate.py`` writes it anew."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_setting_and_every_code_is_in_the_reference() -> None:
    from riel.config import VARIABLES

    settings = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    assert [variable for variable in VARIABLES if f"`{variable}`" not in settings] == []
    errors = (ROOT / "docs/reference/errors.md").read_text("utf-8")
    rooms = ("errors", "guards", "confirm", "payments", "tools", "mcp")
    source = ROOT / "packages/core/src/riel"
    files = [file for room in rooms for file in source.joinpath(room).rglob("*.py")]
    written = {
        code for file in files for code in re.findall(r'"((?:2FA|[A-Z]{2,})(?:_[A-Z0-9]+)+)"', file.read_text("utf-8"))
    }
    assert sorted(code for code in written if f"`{code}`" not in errors) == []
