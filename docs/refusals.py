"""Every code that riel answers with, read from where it is raised: the sentence, and what the agent is told to do."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import riel
from riel import errors
from riel.errors import NothingSent

ROOMS = ("guards", "confirm", "journal", "engine", "tools", "server")
SOMETHING = "…"
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, NothingSent) or name == "Problem"
}


@dataclass(slots=True)
class Refusal:
    """One code, with every sentence and every advice that goes with it."""

    code: str
    retryable: bool = False
    messages: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def refusals() -> dict[str, Refusal]:
    """All of them, by code."""
    found: dict[str, Refusal] = {}
    for file in sorted(path for room in ROOMS for path in Path(riel.__file__).parent.joinpath(room).rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for code, message, advice, retryable in _raised(tree):
            refusal = found.setdefault(code, Refusal(code))
            refusal.retryable |= retryable
            for text, texts in ((message, refusal.messages), (advice, refusal.advice)):
                if text.strip(SOMETHING) and text not in texts:
                    texts.append(text)
    for kind in CLASSES.values():
        if issubclass(kind, NothingSent) and kind is not NothingSent and kind.code not in found:
            promise = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
            found[kind.code] = Refusal(kind.code, kind.retryable, [promise], [kind.next_action])
    return dict(sorted(found.items()))


def _raised(tree: ast.Module) -> Iterator[tuple[str, str, str, bool]]:
    names = _assigned(tree)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        local = {**names, **_assigned(function)}
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            kind = CLASSES.get(call.func.id) if isinstance(call.func, ast.Name) else None
            if kind is None:
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            code = _text(given["code"], local) if "code" in given else getattr(kind, "code", "")
            if not code or SOMETHING in code:
                continue
            message = _text(given.get("message") or call.args[0], local)
            advice = _text(given["next_action"], local) if "next_action" in given else getattr(kind, "next_action", "")
            retryable = "retryable" in given and ast.unparse(given["retryable"]) != "False"
            yield code, message, advice, retryable or bool(getattr(kind, "retryable", False) is True)
    for code, advice in _tables(tree):
        yield code, "", _text(advice, names), False


def _assigned(scope: ast.AST) -> dict[str, ast.expr]:
    """What is assigned once to a name of this scope."""
    return {
        node.targets[0].id: node.value
        for node in _inside(scope)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    } | {
        node.target.id: node.value
        for node in _inside(scope)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    return ast.iter_child_nodes(scope) if isinstance(scope, ast.Module) else ast.walk(scope)


def _tables(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Module-level tables from a code to its advice."""
    for value in _assigned(tree).values():
        if isinstance(value, ast.Dict):
            for key, advice in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and str(key.value).isupper():
                    yield str(key.value), advice


def _text(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """The words of an expression; what is only known when it runs is an ellipsis."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, names) for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text(left, names) + _text(right, names)
        case ast.Name(id=name) if name in names:
            return _text(names[name], {other: value for other, value in names.items() if other != name})
        case ast.Attribute(value=ast.Name(id=kind), attr=attribute) if kind in CLASSES:
            return str(getattr(CLASSES[kind], attribute))
    return SOMETHING
