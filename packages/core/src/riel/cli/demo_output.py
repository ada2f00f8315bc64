"""How the story of ``riel demo`` looks in a terminal: what was asked, what was answered, what the bank has booked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from riel.money import Money
from riel.text import clean_text

if TYPE_CHECKING:
    from riel.demo import DemoStep

INTRODUCTION = (
    "Only the bank pretends. The server (riel serve --sandbox) and its client (the official one of MCP) are real, and "
    "the bank's own ledger is read after each step."
)
END = "All of it was as told. An agent of your own is next: docs/how-to/connect-a-client.md"
MAX_WIDTH = 100
MAX_TEXT = 240
CODE = "verificationCode"
STYLES = {"2fa_required": "yellow", "pending": "yellow", "success": "green"}


class DemoOutput:
    """A story on a stream. It is plain where that is no terminal, and ASCII where the stream can write nothing else."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False)
        self._console.width = min(self._console.width, MAX_WIDTH)
        self._ascii = self._console.options.ascii_only
        if self._ascii and hasattr(out, "reconfigure"):
            out.reconfigure(errors="replace")
        self._told = 0
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._console.print(Text(INTRODUCTION, style="dim"))

    def step(self, step: "DemoStep") -> None:
        """Tell one step."""
        self._told += 1
        title = Table.grid(padding=(0, 1), expand=True)
        title.add_column(width=2, justify="right")
        title.add_column(ratio=1)
        title.add_column(justify="right", no_wrap=True)
        debits = Text(f"{step.debits} debit{'s' * (step.debits != 1)}", style="magenta")
        title.add_row(Text(str(self._told), style="cyan"), Text(step.title, style="bold"), debits)
        body = Table.grid(padding=(0, 1))
        body.add_column(width=2, justify="right", style="dim")
        body.add_column()
        body.add_row(self._arrow("->"), Text(self._request(step.request), style="dim"))
        if step.shown:
            body.add_row("", self._person(step.shown))
        body.add_row(self._arrow("<-"), _answer(step.response))
        for sentence in step.untrue:
            body.add_row("!!", Text(f"not so: {sentence}", style="bold red"))
        self._console.print("", title, body, sep="\n")

    def failed(self, sentence: str) -> None:
        """Something was not as told."""
        self._console.print("", Text(clean_text(sentence, most=2000), style="bold red"), sep="\n")

    def end(self) -> None:
        """It was all as told."""
        self._console.print("", Text(END, style="bold green"), sep="\n")

    def _arrow(self, arrow: str) -> str:
        return arrow if self._ascii else {"->": "→", "<-": "←"}[arrow]

    def _request(self, request: Mapping[str, Any]) -> str:
        """What was asked; of the arguments of a tool, those that are not the same as in the call before."""
        if "tool" not in request:
            return " ".join(map(str, request.values()))
        tool, arguments = request["tool"], request["arguments"]
        before = self._asked.get(tool, {})
        self._asked[tool] = arguments
        new = [name for name, value in arguments.items() if before.get(name) != value or name == CODE]
        same = ["..." if self._ascii else "…"] if len(new) < len(arguments) else []
        times = f" x {request['times']}" if "times" in request else ""
        return f"{tool}({', '.join(same + [f'{name}={arguments[name]!r}' for name in new])}){times}"

    def _person(self, shown: Mapping[str, str]) -> RenderableType:
        lines = [clean_text(line) for line in shown["text"].split("\n")]
        text = Text.assemble("\n".join(line for line in lines if line), "\ncode ", (shown["code"], "bold yellow"))
        return Panel(text, title="the person is asked", title_align="left", border_style="yellow", box=box.ROUNDED)


def _answer(response: Any) -> RenderableType:
    match response:
        case [{"inputSchema": _}, *_]:
            return _tools(response)
        case [{"beneficiary": _}, *_]:
            return _ledger(response)
        case [first, *rest]:
            return Text.assemble(f"{len(rest) + 1} x ", _envelope(first))
        case {"output": words}:
            return Text(words, style="green")
        case {"data": _, "error": _}:
            return _envelope(response)
        case _:
            return Text("nothing")


def _envelope(envelope: Mapping[str, Any]) -> Text:
    """The answer of a tool in a line: the whole of it stands in ``--json``."""
    if error := envelope["error"]:
        left = error["details"].get("attemptsLeft")
        tries = "" if left is None else f" {left} tries are left."
        return Text.assemble((error["code"], "red"), f"  {clean_text(error['message'], most=MAX_TEXT)}{tries}")
    data = envelope["data"]
    text = Text(data["status"], style=STYLES.get(data["status"], "red"))
    if data["status"] == "2fa_required":
        return text
    text.append(f"  {data['formattedAmount']}  {data['trackingKey']}", style="none")
    if back := data.get("refundedAmount"):
        text.append(f"  refunded: {Money(back, data['currency'])}", style="none")
    if message := data.get("message"):
        text.append(f"\n{clean_text(message, most=MAX_TEXT)}", style="none")
    return text


def _tools(tools: Sequence[Mapping[str, Any]]) -> Table:
    table = _table()
    for heading in ("tool", "what it does", "moves money"):
        table.add_column(heading)
    for tool in tools:
        moves = "never" if tool["annotations"]["readOnlyHint"] else "once confirmed"
        table.add_row(tool["name"], tool["title"], moves)
    return table


def _ledger(ledger: Sequence[Mapping[str, Any]]) -> Table:
    table = _table()
    for heading in ("reference", "beneficiary", "booked at (UTC)"):
        table.add_column(heading, no_wrap=True)
    table.add_column("debit", justify="right", no_wrap=True)
    for debit in ledger:
        money = Money(debit["amount"], debit["currency"])
        table.add_row(debit["reference"], debit["beneficiary"], debit["at"][:19].replace("T", " "), str(money))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
