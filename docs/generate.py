"""Write ``docs/reference`` from the code: ``python docs/generate.py``; with ``--check``, name what differs."""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from riel import ErrorCode
from riel.catalog import discover
from riel.errors import CATALOGUE

REFERENCE = Path(__file__).resolve().parent / "reference"
RAILS = ("fintoc", "mock", "spei")
MARK = "<!-- Written by docs/generate.py: change the code, or the script. -->"

SETTINGS = {
    "journal": "The database of the journal: `sqlite:////absolute/path.db`, `sqlite:///relative.db`, or the path of a "
    "file, which several servers on one machine may share; or `postgresql://user@host/database`, for several machines.",
    "home": "The folder of the server's key and of the secrets of factors. Every server that shares a journal needs "
    "the same key.",
    "factor": "How a person confirms: `totp` (an authenticator app), or, for pretend payments only, `file` and "
    "`console`; or a factor that an installed package brings.",
    "factor_file": "The file that the factor `file` appends codes to, one JSON object a line.",
    "rails": "The rails that may be loaded, separated by commas. One that is named and cannot be offered stops the "
    "start. Production wants this.",
    "scopes": "What the tools may do, separated by commas, such as `payments:read,account:view`. A tool of "
    "another scope is neither listed nor run.",
    "answer_within": "Seconds until a call is answered, done or not; what is not done goes on behind it.",
    "principal": "Whose payments these are: who confirms, and whose limits count.",
    "language": "The language of the question that the person is shown.",
    "live": "Whether rails with live credentials may move real money.",
    "notifications_key": "The key that notifications are signed with, 16 characters at least. The receiver has it too.",
    "notifications_url": "Where notifications of payments are sent: `https://…`, or `http://…` on this machine. "
    "Unless it is set, they wait in the journal.",
    "webhooks": "The address and port at which providers may write to us, such as `127.0.0.1:8430`; put a proxy with "
    "TLS in front of it. Each rail's address there is `/webhooks/<rail>`.",
    "log": "How much is logged, on stderr.",
}
USUAL = {
    "journal": "`journal.db` in the user's data directory",
    "home": "beside the journal's file, or the user's data directory where it is no file",
    "factor": "`totp` where a rail is not pretend; else `file` where `RIEL_FACTOR_FILE` is set, `console` where not",
    "rails": "every one that is installed",
    "scopes": "all of them",
}
ASKED = {"account": "1234567897", "amount": 50000, "concept": "Invoice 42", "recipientName": "Empresa Demo SA de CV"}
STATUSES = {
    "2fa_required": "Nothing was sent. A person is asked, and receives a code for exactly this.",
    "pending": "It is on its way, accepted, or unknown. It was not lost: ask again, do not send again.",
    "success": "It has settled.",
    "rejected": "It did not happen; nothing was booked. `reason` says why.",
    "returned": "It had settled, and the money came back. `reason` says why.",
    "refunded": "All of it was paid back.",
    "declined": "The person said no.",
    "expired": "The code has expired, or five wrong codes closed the confirmation.",
    "manual_refund_required": "Nothing moved: only a person can ask for the money. `caseId` is the number of the case.",
    "nothing_to_refund": "Nothing moved: the payment never happened, or its money has come back already.",
}


def settings_page() -> str:
    """Every setting of the server."""
    from riel.config import VARIABLES, Settings
    from riel.guards.limits import LimitsTable

    rows = []
    for variable, name in VARIABLES.items():
        field = Settings.model_fields[name]
        usual = USUAL.get(name) or ("" if field.default is None else f"`{_plain(field.default)}`")
        rows.append(
            (
                f"`{variable}`",
                f"`{name}`",
                _kind(Settings.model_json_schema()["properties"][name]),
                usual,
                SETTINGS[name],
            )
        )
    return _page(
        "Settings",
        "Settings come from the environment and from a file, the environment first. The file is the one that "
        "`RIEL_CONFIG` names, or `riel.toml` in the user's configuration folder (`~/.config/riel` on Linux, "
        "`~/Library/Application Support/riel` on macOS); the current directory is never looked at. A relative path in "
        "it counts from the file's folder. `riel rails` says which file was read.",
        "A setting that is missing, misspelt or wrong is one sentence that names it, on stderr, and exit code 2. So is "
        "a value that begins or ends with a blank or a line end, or stands in quotes that would belong to it.",
        "Where money is real, the server refuses a configuration, home, journal or file of codes that others can "
        "change, or that is under the current directory.",
        "## The server's own",
        _table(("variable", "in `riel.toml`", "value", "unless set", "what it decides"), rows),
        "## A rail's own",
        "They are `RIEL_<RAIL>_<NAME>`, or `name` under `[rail.<rail>]` in `riel.toml`. Every rail has "
        "`RIEL_<RAIL>_BASE_URL`; an address on this machine means a pretend bank, in mode `sandbox`.",
        f"Those of each: {_links()}.",
        "## Limits",
        "They stand in `riel.toml` alone: under `[limits]` for everybody, `[limits.rail.<rail>]` and "
        "`[limits.principal.<principal>]`. Amounts are minor units by currency: `{ MXN = 500_000 }`. "
        "[Set limits](../how-to/set-limits.md) shows how they work.",
        _table(
            ("key", "what it decides"),
            [(f"`{name}`", str(f.description)) for name, f in LimitsTable.model_fields.items()],
        ),
    )


def errors_page() -> str:
    """Every code that may stand under ``error``."""
    rows = [
        (f"`{row.code}`", row.message, "yes" if row.retryable else "", row.remedy)
        for row in sorted(CATALOGUE.values(), key=lambda row: row.code)
    ]
    columns = ("code", "message", "retryable", "nextAction")
    return _page(
        "Errors",
        'A tool answers `{"data", "error"}`, of which exactly one is set, and `isError` is true exactly when it is '
        "`error`. An `error` means that this call booked nothing, except `INTERNAL_ERROR`, `JOURNAL_UNCERTAIN` and "
        "`TERMS_CHANGED`, which do not know. An unknown outcome is no error: it is `data` with the status `pending`.",
        "`message` is for a person, `nextAction` for the agent, `retryable` says whether the same call may succeed "
        "later, and `details` names the field, the payment, or what is left. What a bank wrote stands under "
        "`details.untrusted` and nowhere else. No code, key or whole account number is in any of them.",
        "## Of riel",
        "A name in braces stands for a value of the call.",
        _table(columns, rows),
        "## Of a rail",
        f"Each rail has codes of its own, with its name in front: {_links()}.",
    )


def tools_page() -> str:
    """The three tools, as an agent sees those of the rail ``mock``."""
    codes = Path("codes.jsonl").resolve()
    os.environ.update(RIEL_JOURNAL=str(codes.with_name("journal.db")), RIEL_FACTOR_FILE=str(codes), RIEL_RAILS="mock")
    return asyncio.run(_tools(codes))


async def _tools(codes: Path) -> str:
    from riel.app import open_app
    from riel.config import read_settings
    from riel.redaction import Redactor
    from riel.tools.envelope import payment_answer

    parts = [
        (
            "Each rail that is installed brings these three tools, with its own name in front and its own arguments. "
            "Here they are as the rail `mock` has them. Amounts are integers of minor units (50000 is MXN 500.00), and "
            "nothing else is taken for one."
        ),
    ]
    async with open_app(read_settings(), Redactor(), sandbox=True) as host:
        for name in ("mock_send_payment", "mock_check_status", "mock_request_refund"):
            tool = host.tools[name]
            manner = "reads" if tool.read_only else "may move money; a repeated call pays nothing more"
            parts += [f"## `{name}`", f"*{tool.title}: {manner}.*", tool.description, _arguments(tool.input_schema)]
        send = host.tools["mock_send_payment"]
        answer = payment_answer(host.engine.context.rails["mock"].declaration)["properties"]
        held = await send.run(ASKED, "local")
        code = _last_code(codes)
        refused = await send.run({**ASKED, "verificationCode": f"{(int(code) + 1) % 10**6:06d}"}, "local")
        paid = await send.run({**ASKED, "verificationCode": code}, "local")
    fields = [(f"`{name}`", _kind(schema), schema.get("description", "")) for name, schema in answer.items()]
    parts += _searching()
    parts += [
        "## What the three answer",
        (
            '`{"data", "error"}`, as structured content and as the same JSON in a text. Under `error` stands what '
            "[errors](errors.md) lists. Under `data` stands what there is of these:"
        ),
        _table(("field", "type", "what it is"), fields),
        _table(("status", "what it means"), [(f"`{status}`", meaning) for status, meaning in STATUSES.items()]),
        "The first call asks a person:",
        _example("mock_send_payment", ASKED, held),
        "A wrong code is refused:",
        _example("mock_send_payment", {**ASKED, "verificationCode": "123456"}, refused),
        "The right one pays, once, however often the call is made:",
        _example("mock_send_payment", {**ASKED, "verificationCode": "654321"}, paid),
    ]
    return _page("Tools", *parts)


def _searching() -> list[str]:
    """The tool that every rail with documentation has."""
    from riel.tools.schema import input_schema
    from riel.tools.search_docs import ANSWER, DocsQuery

    rows = [(f"`{name}`", _kind(about), about.get("description", "")) for name, about in ANSWER["properties"].items()]
    return [
        "## `{rail}_search_docs`",
        "*Search the documentation of a rail: reads.*",
        (
            "A rail that brings documentation has this one too. The provider's own documentation server is asked "
            "first, where there is one. Where it gives no answer, the pages that came with the rail do."
        ),
        _arguments(input_schema(DocsQuery)),
        "It answers with:",
        _table(("field", "type", "what it is"), rows),
    ]


def rail_page(name: str) -> str:
    """A first-party rail: its settings, its tools and its codes."""
    rail = next(found.declaration for found in discover(only=[name]).rails)
    schema = rail.settings.model_json_schema()["properties"]
    settings = [
        (
            f"`RIEL_{name.upper()}_{field.upper()}`",
            _kind(schema[field]),
            "" if about.is_required() or not about.default else f"`{_plain(about.default)}`",
            about.description or "Where the bank is. On this machine it is a pretend one, and `--sandbox` supplies it.",
        )
        for field, about in rail.settings.model_fields.items()
    ]
    codes: dict[str, ErrorCode] = {}
    theirs: dict[str, list[str]] = {}
    for native, known in rail.errors.items():
        codes.setdefault(known.code, known)
        if known.code.lower() != f"{name}_{native}":
            theirs.setdefault(known.code, []).append(f"`{native}`")
    rows = [
        (f"`{code}`", known.message, "yes" if known.retryable else "", known.remedy, ", ".join(theirs.get(code, ())))
        for code, known in sorted(codes.items())
    ]
    tables = [f"`riel {name} {table}` shows the {table}." for table in rail.tables]
    return _page(
        f"The rail `{name}`: {rail.title}",
        "## Settings",
        _table(("variable", "value", "unless set", "what it decides"), settings),
        *tables,
        "## Tools",
        *asyncio.run(_tools_of(name)),
        "## Codes",
        "What stands under `error`, or under `reason` where a payment came back. The last column has the rail's own "
        "names of what leads to it; where one has a sentence of its own, that is said instead.",
        _table(("code", "message", "retryable", "nextAction", "the rail's own"), rows),
    )


async def _tools_of(name: str) -> list[str]:
    from riel.app import open_app
    from riel.config import read_settings
    from riel.redaction import Redactor

    folder = Path.cwd()
    os.environ.update(
        RIEL_JOURNAL=str(folder / f"{name}.db"), RIEL_FACTOR_FILE=str(folder / "codes.jsonl"), RIEL_RAILS=name
    )
    parts = []
    async with open_app(read_settings(), Redactor(), sandbox=True) as host:
        for tool in host.tools.values():
            manner = "reads" if tool.read_only else "changes something"
            scope = f", scope `{tool.scope}`" if tool.scope else ""
            about = f"*{tool.title}: {manner}{scope}.*"
            parts += [f"### `{tool.name}`", about, tool.description, _arguments(tool.input_schema)]
    return parts


def _links() -> str:
    return ", ".join(f"[{name}](rails/{name}.md)" for name in RAILS)


def _last_code(codes: Path) -> str:
    return str(json.loads(codes.read_text("utf-8").splitlines()[-1])["code"])


def cli_page() -> str:
    """Every command, its arguments and its options."""
    import typer

    from riel.cli import COMMANDS, _add

    parts = [
        (
            "`riel --help` shows the same, and so does `--help` after any command. Exit code 2 means that a setting or "
            "an argument is wrong, 1 that something could not be done or does not hold; stderr says what."
        )
    ]
    for name, (module, promise) in COMMANDS.items():
        if name == "serve":
            parts += [
                f"## `riel {name}`",
                promise + " It talks over stdin and stdout, and ends when stdin does.",
                _table(
                    ("option", "what it does"),
                    [
                        ("`--sandbox`", "Pay pretend banks on this machine, and nobody else."),
                        ("`--read-only`", "Offer no tool that changes anything."),
                    ],
                ),
            ]
            continue
        app = typer.Typer()
        app.callback()(lambda: None)
        _add(app, name, import_module(module))
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        for words, each in _commands(name, command):
            parts += [f"## `riel {words}`", (each.help or promise).strip()]
            rows = list(_parameters(each))
            parts += [_table(("argument or option", "what it does"), rows)] if rows else []
    return _page("The command line", *parts)


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _commands(f"{words} {name}", each)
    else:
        yield words, command


def _parameters(command: Any) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        takes = parameter.metavar or parameter.name.upper()
        if parameter.param_type_name == "argument":
            yield f"`{takes}`", parameter.help or ""
        elif parameter.name != "help":
            usual = parameter.default
            known = "" if callable(usual) or usual in (None, False, ()) else f" Unless given: {usual}."
            yield f"`{parameter.opts[0]}{'' if parameter.is_flag else f' {takes}'}`", (parameter.help or "") + known


def _arguments(schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    if not schema["properties"]:
        return "It takes no arguments."
    rows = [
        (f"`{name}`", _kind(about), "yes" if name in needed else "", about.get("description", ""))
        for name, about in schema["properties"].items()
    ]
    return _table(("argument", "type", "required", "what it is"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    """A JSON schema's type in a word or two."""
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", ""))
    return {"boolean": "`true` or `false`", "array": "list"}.get(kind, kind)


def _example(tool: str, arguments: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """A call and its answer, with nothing in it that is another one every time."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    text = re.sub(r"pay_[0-9a-f]{32}", "pay_0190f3b6c5a94f1e8d7c6b5a49382716", text)
    text = re.sub(r"MOCK\d{6}[A-Z0-9]{16}", "MOCK260307QW3E5RT7ZU8IOP0A", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", "2026-03-07T12:00:00Z", text)
    call = json.dumps({"name": tool, "arguments": arguments}, indent=2, ensure_ascii=False)
    return f"```json\n{call}\n```\n\n```json\n{text}\n```"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((MARK, f"# {title}", *parts)) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "cli": cli_page,
    "errors": errors_page,
    "settings": settings_page,
    "tools": tools_page,
    **{f"rails/{name}": partial(rail_page, name) for name in RAILS},
}


def main() -> int:
    """Write the pages, or name those that are not what the code says."""
    for name in [name for name in os.environ if name.startswith("RIEL_")]:
        del os.environ[name]
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, make in PAGES.items():
            page, path = make(), REFERENCE / f"{name}.md"
            if "--check" not in sys.argv:
                path.write_text(page, "utf-8")
            elif not path.exists() or path.read_text("utf-8") != page:
                stale.append(f"docs/reference/{name}.md")
        os.chdir(REFERENCE)
    if stale:
        sys.stderr.write(f"{', '.join(stale)}: not what the code says; run python docs/generate.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
