"""Every place where a process can be killed between two facts has a name: nothing waits or commits unnamed."""

import ast
import inspect
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import riel.journal.sqlite
import riel.payments
from riel.confirm import Factor
from riel.crash_points import at_crash_points, crash_point
from riel.journal import Journal
from riel.payments import Clients
from riel.rail import Client, ReturnClient, StatementClient
from riel.testing.crash_points import (
    clients_with_crash_points,
    factor_with_crash_points,
    journal_with_crash_points,
)

PAYMENTS = Path(riel.payments.__file__).parent
SQLITE = Path(riel.journal.sqlite.__file__).parent

BEHIND_A_PROXY = {
    "journal",
    "factor",
    "clients",
    "client",
    "return_client",
    "statement_client",
    "newest_payment",
}
"""What the engine's context and the rails' clients are called where their methods are awaited."""

OWN = {"attempts": "PrincipalAttempts", "gaps": "GapReader"}
"""What objects of the package itself are called where their methods are awaited."""

OWN_TASKS = {
    "asyncio.gather",
    "asyncio.shield",
    "asyncio.sleep",
    "asyncio.wait",
}
"""Functions that wait for tasks of the package itself, or for time: nothing is written or sent by them."""

OWN_FUTURES = {
    ("attempt_limiter", "slot"),
    ("clients", "self._closing.wait()"),
    ("rail_calls", "function(client, arguments)"),
}
"""Futures and events of the package itself; and a rail's own tool, which moves no money and gets the proxy."""


# The points themselves


@pytest.fixture
def passed() -> Iterator[list[str]]:
    names: list[str] = []
    at_crash_points(names.append)
    yield names
    at_crash_points(None)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_hook_gets_the_name_of_each_point(passed: list[str]) -> None:
    crash_point("commit:before")
    at_crash_points(None)
    crash_point("commit:after")
    assert passed == ["commit:before"]


class Everything:
    """Has each coroutine method of a protocol; each returns 42, or raises where the test wants it."""

    def __init__(self, protocol: type, failure: Exception | None = None) -> None:
        async def answer(*args: object, **kwargs: object) -> int:
            if failure is not None:
                raise failure
            return 42

        for name in coroutine_methods(protocol):
            setattr(self, name, answer)

    def prepare(self) -> int:
        return 42


def coroutine_methods(protocol: type) -> list[str]:
    return [name for name, value in vars(protocol).items() if inspect.iscoroutinefunction(value)]


BY_CALLER: dict[type, Callable[[Any], Any]] = {Journal: journal_with_crash_points, Clients: clients_with_crash_points}
METHODS = [
    *[(protocol, name) for protocol in BY_CALLER for name in coroutine_methods(protocol) if not name.startswith("_")],
    *[(Factor, name) for name in coroutine_methods(Factor)],
    *[(protocol, name) for protocol in (Client, ReturnClient, StatementClient) for name in coroutine_methods(protocol)],
]


async def behind_a_proxy(protocol: type, inner: Any) -> Any:
    """``inner`` as the engine gets it in a test."""
    if protocol in BY_CALLER:
        return BY_CALLER[protocol](inner)
    if protocol is Factor:
        return factor_with_crash_points(inner)
    opened = Everything(Clients)
    opened.of = _returning(inner)  # type: ignore[attr-defined]
    return await clients_with_crash_points(opened).of("zap")  # type: ignore[arg-type]


def _returning(inner: object) -> Callable[[str], Any]:
    async def of(rail: str) -> object:
        return inner

    return of


@pytest.mark.anyio
@pytest.mark.parametrize(("protocol", "name"), METHODS)
async def test_each_coroutine_passes_a_point_before_and_after_and_changes_nothing(
    passed: list[str], protocol: type, name: str
) -> None:
    point = f"{name}@_call".replace("@_", "@") if protocol in BY_CALLER else name

    async def _call(proxy: Any) -> Any:
        return await getattr(proxy, name)(1, two=2)

    proxy = await behind_a_proxy(protocol, Everything(protocol))
    failing = await behind_a_proxy(protocol, Everything(protocol, LookupError()))
    passed.clear()
    result = await _call(proxy)
    assert result == 42 or protocol is Clients
    with pytest.raises(LookupError):
        await _call(failing)
    assert passed == [f"{point}:before", f"{point}:after", f"{point}:before"]


@pytest.mark.anyio
async def test_preparing_an_order_passes_points_too(passed: list[str]) -> None:
    client = await behind_a_proxy(Client, Everything(Client))
    passed.clear()
    assert client.prepare() == 42
    assert passed == ["prepare:before", "prepare:after"]


# The lint


@dataclass
class Module:
    """One parsed file of a package."""

    name: str
    tree: ast.Module
    coroutines: set[str] = field(default_factory=set)
    methods: dict[str, set[str]] = field(default_factory=dict)


def read(folder: Path) -> list[Module]:
    modules = []
    for path in sorted(folder.glob("*.py")):
        module = Module(path.stem, ast.parse(path.read_text("utf-8"), path.name))
        methods: set[ast.AST] = set()
        for node in ast.walk(module.tree):  # a class is met before what stands in it
            if isinstance(node, ast.ClassDef):
                inside = [one for one in node.body if isinstance(one, ast.AsyncFunctionDef)]
                module.methods[node.name] = {one.name for one in inside}
                methods.update(inside)
            elif isinstance(node, ast.AsyncFunctionDef) and node not in methods:
                module.coroutines.add(node.name)
        modules.append(module)
    return modules


class Awaits:
    """Walks a package of the engine's kind and collects each await that passes no crash point."""

    def __init__(self, modules: list[Module], package: str) -> None:
        self.modules = modules
        self.package = package
        self.violations: list[str] = []
        self.proxied: set[str] = set()
        for module in modules:
            self._walk(module, module.tree, (), ())

    def _walk(self, module: Module, node: ast.AST, classes: tuple[str, ...], functions: tuple[ast.AST, ...]) -> None:
        if isinstance(node, ast.ClassDef):
            classes = (*classes, node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions = (*functions, node)
        elif isinstance(node, ast.AsyncFor):
            self._say(module, node, "async for waits at every turn")
        elif isinstance(node, ast.Await):
            self._await(module, node, classes, functions)
        for child in ast.iter_child_nodes(node):
            self._walk(module, child, classes, functions)

    def _await(self, module: Module, node: ast.Await, classes: tuple[str, ...], functions: tuple[ast.AST, ...]) -> None:
        call = node.value
        if (module.name, ast.unparse(call)) in OWN_FUTURES:
            return
        match call:
            case ast.Call(func=ast.Attribute(receiver, method)) if _called(receiver) in BEHIND_A_PROXY:
                self.proxied.add(method)
                return
            case ast.Call(func=function) if ast.unparse(function) in OWN_TASKS:
                return
            case ast.Call(func=ast.Attribute(ast.Name(name), method)) if self._in_module(name, method):
                return
            case ast.Call(func=ast.Name(name)) if self._ours(module, name) or self._handed(name, functions):
                return
            case ast.Call(func=ast.Attribute(receiver, method)) if method in self._methods(module, receiver, classes):
                return
        self._say(module, node, f"await {ast.unparse(call)}")

    def _in_module(self, name: str, method: str) -> bool:
        """Whether ``name`` is a module of the package with that coroutine function."""
        return any(one.name == name and method in one.coroutines for one in self.modules)

    def _ours(self, module: Module, name: str) -> bool:
        """Whether ``name`` is a coroutine function of the package, as this module knows it."""
        if name in module.coroutines:
            return True
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(self.package + "."):
                origin = (node.module or "").removeprefix(self.package + ".")
                if any((alias.asname or alias.name) == name for alias in node.names):
                    return any(one.name == origin and name in one.coroutines for one in self.modules)
        return False

    def _handed(self, name: str, functions: tuple[ast.AST, ...]) -> bool:
        """Whether ``name`` is a parameter that every caller in the package gives a coroutine function of its own."""
        for function in functions:
            assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            parameters = [one.arg for one in function.args.args]
            if name in parameters:
                place = parameters.index(name) - (parameters[0] == "self")
                given = [
                    (module, node.args[place : place + 1])
                    for module in self.modules
                    for node in ast.walk(module.tree)
                    if isinstance(node, ast.Call) and _called(node.func) == function.name
                ]
                return bool(given) and all(
                    len(one) == 1 and isinstance(one[0], ast.Name) and self._ours(module, one[0].id)
                    for module, one in given
                )
        return False

    def _methods(self, module: Module, receiver: ast.expr, classes: tuple[str, ...]) -> set[str]:
        if isinstance(receiver, ast.Name) and receiver.id == "self" and classes:
            return module.methods[classes[-1]]
        owner = OWN.get(_called(receiver))
        return next((one.methods[owner] for one in self.modules if owner in one.methods), set()) if owner else set()

    def _say(self, module: Module, node: ast.expr | ast.stmt, what: str) -> None:
        self.violations.append(f"{module.name}.py:{node.lineno}: {what}")


def _called(function: ast.expr) -> str:
    """The last part of a dotted name."""
    match function:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def unnamed_awaits(folder: Path) -> list[str]:
    return Awaits(read(folder), "riel.payments").violations


def bare_commits(folder: Path) -> list[str]:
    """Commits that do not stand between two crash points, and transactions that end without saying COMMIT."""
    found = []
    for module in read(folder):
        for block in _blocks(module.tree):
            for index, statement in enumerate(block):
                if not _commits(statement):
                    continue
                before = _point(block[index - 1]) if index else ""
                after = _point(block[index + 1]) if index + 1 < len(block) else ""
                name = before.removesuffix(":before")
                named = name and (before, after) == (f"{name}:before", f"{name}:after")
                migrates = module.name == "connect"  # before it, there is no journal that could lose anything
                if not named and not migrates:
                    found.append(f"{module.name}.py:{statement.lineno}: {ast.unparse(statement)}")
        found += [
            f"{module.name}.py:{node.lineno}: commit()"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and node.attr in {"commit", "executescript"}
        ]
    return found


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block


def _commits(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Call(func=ast.Attribute(attr="execute"), args=[ast.Constant(str() as sql), *_])):
            return sql.split()[0].upper() in {"COMMIT", "END"}
    return False


def _point(statement: ast.stmt) -> str:
    """The crash point that a statement is, or that it passes on a condition."""
    match statement:
        case ast.Expr(ast.Call(func=ast.Name("crash_point"), args=[ast.Constant(str() as name)])):
            return name
        case ast.If(body=[only], orelse=[]):
            return _point(only)
    return ""


def test_every_await_of_the_engine_goes_through_a_proxy() -> None:
    assert unnamed_awaits(PAYMENTS) == []


def test_every_commit_stands_between_two_crash_points() -> None:
    assert bare_commits(SQLITE) == []


def test_the_lint_reads_what_it_is_about() -> None:
    awaits = Awaits(read(PAYMENTS), "riel.payments")
    assert len(awaits.proxied) > 20
    assert {"create_payment", "record", "claim", "count_attempt", "send", "status", "ask", "of"} <= awaits.proxied
    commits = [one for module in read(SQLITE) for block in _blocks(module.tree) for one in block if _commits(one)]
    assert len(commits) >= 2


# The lint sees what it must see

SEEDS: dict[str, tuple[str, str, str]] = {
    "a journal of its own": (
        "challenge",
        "await context.journal.mark_delivered(",
        "await SqliteJournal.open(context.url, ROW_MAC).mark_delivered(",
    ),
    "a client of its own": ("clients", "done, _ = await asyncio.wait(", "done, _ = await connect("),
    "a bare await of a task": ("engine", "await asyncio.shield(paying)", "await paying"),
    "a stranger's coroutine handed over": (
        "engine",
        "self._start(record, recover)",
        "self._start(record, self.context.journal.payment)",
    ),
}


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a package to break."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name))

    return copy


def spoil(path: Path, before: str, after: str) -> None:
    text = path.read_text("utf-8")
    assert before in text, "the seed fits the code no longer"
    path.write_text(text.replace(before, after), "utf-8")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lint_sees_an_await_past_the_proxies(copied: Callable[[Path], Path], seed: str) -> None:
    module, before, after = SEEDS[seed]
    folder = copied(PAYMENTS)
    spoil(folder / f"{module}.py", before, after)
    assert len(unnamed_awaits(folder)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('            crash_point("commit:before")\n', "            pass\n"),
        ('            crash_point("commit:after")\n', "            pass\n"),
        ('"commit:after"', '"commit:later"'),
        ('connection.execute("COMMIT")', 'connection.execute("COMMIT")\n        connection.execute("COMMIT")'),
        ('connection.execute("COMMIT")', "connection.commit()"),
    ],
)
def test_the_lint_sees_a_commit_without_its_points(copied: Callable[[Path], Path], before: str, after: str) -> None:
    folder = copied(SQLITE)
    spoil(folder / "writer.py", before, after)
    assert bare_commits(folder)
