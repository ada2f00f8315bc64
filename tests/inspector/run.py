"""The MCP Inspector's command line lists and calls every tool of ``riel serve --sandbox``: ``nox -s inspector``.

It is installed from npm into a folder that is removed afterwards. 0.15.0 is the last that runs on Node 20; the newer
one also says which schemas some client could not read (``--strict``), on both eras of the protocol. It asks for Node
22.19, and its command line has run on 20.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.wire_checks import check_error
from tests.wire_support import Bank, command, environment, pretend_bank

PACKAGE = "@modelcontextprotocol/inspector"
OLD, NEW = "0.15.0", "2.12.0"
PATIENCE = 300
SEND, CHECK, REFUND = "mock_send_payment", "mock_check_status", "mock_request_refund"
INVOICE: dict[str, str | int] = {"amount": 50000, "concept": "Invoice 42", "recipientName": "Empresa Demo SA de CV"}


@dataclass
class Inspector:
    """One version of it, and the server that it starts for every single call."""

    program: list[str]
    folder: Path
    bank: Bank
    options: Sequence[str] = ()
    takes_json: bool = False
    called: set[str] = field(default_factory=set)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """One invocation: exit code, output, complaints."""
        told = environment(self.folder, factor="file", factor_file=self.folder / "codes", mock_base_url=self.bank.url)
        env = {name: value for name, value in told.items() if not name.startswith("RIEL_")}
        settings = [
            part for name, value in told.items() if name.startswith("RIEL_") for part in ("-e", f"{name}={value}")
        ]
        ended = subprocess.run(
            [*self.program, "--cli", *command("serve", "--sandbox"), *settings, *self.options, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=env | {"MCP_CATALOG_PATH": str(self.folder / "catalog.json")},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def list(self, *arguments: str) -> set[str]:
        """The names of the tools."""
        code, told, complaints = self.run("--method", "tools/list", *arguments)
        assert code == 0, complaints or told
        assert "--strict" not in arguments or not complaints, complaints
        return {tool["name"] for tool in json.loads(told)["tools"]}

    def call(self, tool: str, **arguments: str | int) -> dict[str, Any]:
        """What a tool answers."""
        self.called.add(tool)
        told_as = ["--tool-args-json", json.dumps(arguments)]
        if not self.takes_json:
            told_as = ["--tool-arg", *(f"{name}={value}" for name, value in arguments.items())]
        _, told, complaints = self.run("--method", "tools/call", "--tool-name", tool, *told_as)
        assert told, complaints
        result = json.loads(told)
        (content,) = result["content"]
        assert json.loads(content["text"]) == result["structuredContent"]
        assert result["isError"] is (result["structuredContent"]["error"] is not None)
        return dict(result["structuredContent"])

    def confirmed(self, tool: str, **arguments: str | int) -> dict[str, Any]:
        """Call it, read the code that the person gets, and call again with it."""
        held = self.call(tool, **arguments)["data"]
        assert held["status"] == "2fa_required", held
        code = json.loads((self.folder / "codes").read_text().splitlines()[-1])["code"]
        return self.call(tool, **arguments, verificationCode=code)


def story(inspector: Inspector, account: str) -> int:
    """Pay, look, pay back, and be refused; how many tools there are, each of which was called."""
    tools = inspector.list()
    paid = inspector.confirmed(SEND, account=account, **INVOICE)["data"]
    assert (paid["status"], paid["amount"]) == ("success", INVOICE["amount"]), paid
    key = paid["trackingKey"]
    assert inspector.call(CHECK, trackingKey=key)["data"]["status"] == "success"
    assert inspector.confirmed(REFUND, trackingKey=key, reason="wrong", amount=20000)["data"]["amount"] == 20000
    assert inspector.call(CHECK, trackingKey=key)["data"]["refundedAmount"] == 20000
    refusal = inspector.call(SEND, account="5", **INVOICE)["error"]
    check_error(refusal)
    assert refusal["code"] == "MOCK_INVALID_ACCOUNT"
    assert [debit["amount"] for debit in inspector.bank.debits() if debit["beneficiary"] == account] == [50000]
    assert inspector.called == tools
    return len(tools)


def installed(version: str, folder: Path) -> list[str]:
    """The program of one version, fresh from npm."""
    folder.mkdir()
    wanted = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", f"{PACKAGE}@{version}"]
    subprocess.run(["npm", "--prefix", str(folder), *wanted], check=True, timeout=PATIENCE, cwd=folder)
    return [str(folder / "node_modules" / ".bin" / "mcp-inspector")]


def main() -> int:
    """Run it all and say what was done."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        sys.stderr.write("The Inspector needs Node and npm, and they are not here.\n")
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = installed(OLD, folder / "old"), installed(NEW, folder / "new")
        with pretend_bank(folder) as bank:
            tools = story(Inspector(old, _made(folder / "one"), bank), "5500000001")
            sys.stdout.write(f"Inspector {OLD}: listed {tools} tools and called each\n")
            for number, era in enumerate(("legacy", "modern"), 2):
                inspector = Inspector(new, _made(folder / era), bank, ["--protocol-era", era], takes_json=True)
                inspector.list("--strict")
                tools = story(inspector, f"550000000{number}")
                sys.stdout.write(f"Inspector {NEW}, {era} era: listed {tools} tools, strictly, and called each\n")
    return 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
