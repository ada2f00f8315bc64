"""Every place where a process can be killed between two facts has a name: nothing waits or commits unnamed."""

import ast
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import riel.journal.sqlite
import riel.payments
from riel.crash import at_crash_points, crash_point, step

PAYMENTS = Path(riel.payments.__file__).parent
SQLITE = Path(riel.journal.sqlite.__file__).parent

RECEIVERS = {"clients": "Clients", "turn": "PrincipalAttempts"}
"""What the engine's own objects are called where their methods are awaited. Nobody else's methods are."""


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


async def forty_two() -> int:
    return 42


async def fail() -> None:
    raise LookupError


@pytest.mark.anyio
async def test_a_step_tells_before_and_after_and_changes_nothing(passed: list[str]) -> None:
    assert await step("count", forty_two()) == 42
    crash_point("between")
    with pytest.raises(LookupError):
        await step("fail", fail())
    assert passed == ["count:before", "count:after", "between", "fail:before"]


@pytest.mark.anyio
async def test_nobody_is_told_in_production() -> None:
    at_crash_points(None)
    crash_point("nobody hears")
    assert await step("count", forty_two()) == 42


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
    """Walks a package of the engine's kind and collects what is awaited without a name."""

    def __init__(self, modules: list[Module], package: str) -> None:
        self.modules = modules
        self.package = package
        self.violations: list[str] = []
        self.names: Counter[str] = Counter()
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
        match call:
            case ast.Call(func=ast.Name("step"), args=[ast.Constant(str() as name), _]):
                self.names[name] += 1
                return
            case ast.Call(func=ast.Name(name)) if self._ours(module, name) or self._handed(name, functions):
                return
            case ast.Call(func=ast.Attribute(receiver, method)) if method in self._methods(module, receiver, classes):
                return
        self._say(module, node, f"await {ast.unparse(call)}")

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
        owner = RECEIVERS.get(_called(receiver))
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


def repeated_names(folder: Path) -> list[str]:
    return sorted(name for name, times in Awaits(read(folder), "riel.payments").names.items() if times > 1)


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


def test_every_await_of_the_engine_has_a_name() -> None:
    assert unnamed_awaits(PAYMENTS) == []


def test_every_name_stands_in_one_place() -> None:
    assert repeated_names(PAYMENTS) == [], "a test that kills there would not know where"


def test_every_commit_stands_between_two_crash_points() -> None:
    assert bare_commits(SQLITE) == []


def test_the_lint_reads_what_it_is_about() -> None:
    awaits = Awaits(read(PAYMENTS), "riel.payments")
    assert len(awaits.names) > 20
    assert {"intend", "send", "record", "claim", "count_try"} <= set(awaits.names)
    commits = [one for module in read(SQLITE) for block in _blocks(module.tree) for one in block if _commits(one)]
    assert len(commits) >= 2


# The lint sees what it must see

SEEDS: dict[str, tuple[str, str, str]] = {
    "a bare await of the journal": (
        "challenge",
        'await step("asked", context.journal.mark_delivered(challenge.id, now))',
        "await context.journal.mark_delivered(challenge.id, now)",
    ),
    "a bare await of the rail": (
        "recovery",
        'await step("status", client.status(record.order(original)))',
        "await client.status(record.order(original))",
    ),
    "a bare await of the factor": (
        "challenge",
        'await step("ask", context.factor.ask(confirmation_request(challenge)))',
        "await context.factor.ask(confirmation_request(challenge))",
    ),
    "a bare await of a journal that closes": (
        "engine",
        'await step("journal_close", self.context.journal.close())',
        "await self.context.journal.close()",
    ),
    "a bare await of a task": ("engine", 'await step("confirm", asyncio.shield(paying))', "await paying"),
    "a name that is computed": (
        "dispatch",
        'await step("send", deliver(order))',
        'await step(f"send_{record.kind}", deliver(order))',
    ),
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
def test_the_lint_sees_an_await_without_a_name(copied: Callable[[Path], Path], seed: str) -> None:
    module, before, after = SEEDS[seed]
    folder = copied(PAYMENTS)
    spoil(folder / f"{module}.py", before, after)
    assert len(unnamed_awaits(folder)) == 1


def test_the_lint_sees_a_name_that_stands_twice(copied: Callable[[Path], Path]) -> None:
    folder = copied(PAYMENTS)
    spoil(folder / "dispatch.py", 'step("send"', 'step("ask"')
    assert "ask" in repeated_names(folder)


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
