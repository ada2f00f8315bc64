"""Check a rail's declaration before it is used, and tell its author every fault."""

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from riel.errors import ErrorCode
from riel.money import EXPONENTS
from riel.rail import Lookup, Payment, Rail, RailSettings, Receipt, Refund, Tool, WireModel
from riel.rail.guarantees import Capabilities, Capability, Guarantees
from riel.text import hidden

TOOL = re.compile(r"[a-z][a-z0-9_]{0,39}")
TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""The whole name of a tool: with any other name in the list, some clients end the session."""

MAX_TITLE, MAX_DESCRIPTION = 80, 2000
"""The most characters of a title and of any other text that an agent or a person reads."""

CODE = "verificationCode"
"""The argument that riel adds to every tool that moves money; the code is no business of a rail."""

MODELS: Mapping[str, type] = {
    "payment": Payment,
    "lookup": Lookup,
    "refund": Refund,
    "receipt": Receipt,
    "settings": RailSettings,
}
VALUES: Mapping[str, type] = {
    "title": str,
    "errors": Mapping,
    "capabilities": Capabilities,
    "tools": tuple,
    "docs": str,
    "tables": Mapping,
}


def validate(rail: Rail) -> list[str]:
    """Every fault for which the core could not serve this rail, as the end of a sentence about it."""
    return list(_type_faults(rail)) or [
        *_text_faults(rail),
        *_contradictions(rail),
        *_money_faults(rail),
        *_payer_faults(rail),
        *_reference_faults(rail),
        *_tools_faults(rail),
        *_model_faults(rail),
        *_docs_faults(rail),
    ]


def _type_faults(rail: Rail) -> Iterator[str]:
    for name, kind in MODELS.items():
        value = getattr(rail, name)
        if not (isinstance(value, type) and issubclass(value, kind)):
            yield f"declares a {name} that is not a subclass of riel.{kind.__name__}"
    if not isinstance(rail.currency, str | tuple):
        yield "declares a currency that is neither a string nor a tuple"
    for name, kind in VALUES.items():
        if not isinstance(getattr(rail, name), kind):
            yield f"declares {name} of another type than {kind.__name__}"
    if isinstance(rail.capabilities, Capabilities):
        for declared in dataclasses.fields(Capabilities):
            if not isinstance(getattr(rail.capabilities, declared.name), Capability):
                yield f"declares a capability {declared.name!r} that is none of yes, never(...) and not_yet(...)"
    for name in ("connect", "guarantees", "sandbox", "manual_refund", "parse_account", "parse_webhook", "docs_server"):
        value = getattr(rail, name)
        may_be_missing = name not in {"connect", "guarantees"}
        is_usable = callable(value) or (name == "guarantees" and isinstance(value, Guarantees))
        if not (is_usable or (may_be_missing and value is None)):
            yield f"declares a {name} that cannot be called"
    if (
        isinstance(rail.capabilities, Capabilities)
        and rail.capabilities.refund.available
        and callable(rail.manual_refund)
    ):
        yield "declares manual_refund, though it can refund: nobody would be told"
    for name, table in rail.tables.items() if isinstance(rail.tables, Mapping) else ():
        if not (isinstance(name, str) and TOOL.fullmatch(name) and callable(table)):
            yield f"declares a table {name!r}: name it in lower case, and give a function that makes it"


def text_fault(text: object, most: int) -> str:
    """What is wrong with a text that people and agents read: more than a line, too long, or not all of it visible."""
    if not isinstance(text, str):
        return "is no text"
    if len(text) > most:
        return f"has more than {most} characters"
    if any(map(hidden, text)):
        return "has a line break, or a character that cannot be seen"
    return "begins or ends with a space" if text != text.strip() else ""


def _text_faults(rail: Rail) -> Iterator[str]:
    texts: list[tuple[str, object, int]] = [("title", rail.title, MAX_TITLE)]
    for tool in (tool for tool in rail.tools if isinstance(tool, Tool)):
        texts.append((f"title of the tool {tool.name!r}", tool.title, MAX_TITLE))
        texts.append((f"description of the tool {tool.name!r}", tool.description, MAX_DESCRIPTION))
        texts.append((f"scope of the tool {tool.name!r}", tool.scope, MAX_TITLE))
    for declared in dataclasses.fields(Capabilities):
        reason = getattr(rail.capabilities, declared.name).reason
        texts.append((f"reason of the capability {declared.name!r}", reason, MAX_DESCRIPTION))
    for code in (code for code in rail.errors.values() if isinstance(code, ErrorCode)):
        texts.append((f"message of {code.code}", code.message, MAX_DESCRIPTION))
        texts.append((f"remedy of {code.code}", code.remedy, MAX_DESCRIPTION))
    if not rail.title:
        yield "declares an empty title"
    for what, text, most in texts:
        if fault := text_fault(text, most):
            yield f"declares a {what} that {fault}"


def _takes_settings_and_http(connect: object) -> bool:
    try:
        inspect.signature(connect).bind(None, None)  # type: ignore[arg-type]
    except TypeError:
        return False
    except ValueError:  # it has no signature, as functions in C
        return True
    return True


def _contradictions(rail: Rail) -> Iterator[str]:
    """What a declaration says of itself that cannot all be so. Each would fail after a person has given a code."""
    if inspect.isasyncgenfunction(rail.connect) or inspect.iscoroutinefunction(rail.connect):
        yield "declares a connect that is no context manager: mark it with @asynccontextmanager"
    elif not _takes_settings_and_http(rail.connect):
        yield "declares a connect that does not take two arguments: the settings, and the HTTP client that riel makes"
    for name in ("guarantees", "sandbox", "manual_refund", "parse_webhook", "docs_server"):
        if inspect.iscoroutinefunction(getattr(rail, name)):
            yield f"declares a {name} that is async: riel does not wait for it"
    for name in ("payee", "purpose", "details"):
        if inspect.iscoroutinefunction(getattr(rail.payment, name)):
            yield f"declares a payment whose {name} is async: riel does not wait for it"
    yield from _client_faults(rail)
    if isinstance(rail.guarantees, Guarantees):
        yield from guarantee_faults(rail, rail.guarantees)
    prefix = f"{rail.name.upper()}_"
    for error in (error for error in rail.errors.values() if isinstance(error, ErrorCode)):
        if not error.code.startswith(prefix):
            yield f"declares the error code {error.code!r}: begin it with {prefix}"


def guarantee_faults(rail: Rail, guarantees: object) -> Iterator[str]:
    """Guarantees that the rest of the declaration contradicts."""
    if not isinstance(guarantees, Guarantees):
        yield "declares no guarantees"
        return
    if rail.capabilities.refund.available and guarantees.refunds == "no":
        yield "declares that it can refund, and guarantees that refunds are made not at all"
    if missing := sorted(map(repr, guarantees.refusals - set(rail.errors))):
        yield f"declares refusals without an error that explains them: {', '.join(missing)}"


def _client_faults(rail: Rail) -> Iterator[str]:
    """Methods that the client lacks, where ``connect`` says by its return type which class opens."""
    client = _client_class(rail.connect)
    if client is None:
        return
    needed = ["prepare", "send", "status", "refund"]
    needed += ["statement"] * rail.capabilities.statement.available
    needed += ["build_return"] * rail.capabilities.returns.available
    for name in needed:
        if not callable(getattr(client, name, None)):
            yield f"declares a client, {client.__name__}, without a method {name!r}"
    if inspect.iscoroutinefunction(getattr(client, "prepare", None)):
        yield f"declares a client, {client.__name__}, whose prepare is async: it makes the bytes, and sends nothing"


def _client_class(connect: object) -> type | None:
    try:
        hints = typing.get_type_hints(inspect.unwrap(connect))  # type: ignore[arg-type]
    except Exception:  # an author may use names that exist for a type checker only
        return None
    opened = next(iter(typing.get_args(hints.get("return"))), None)
    return opened if inspect.isclass(opened) and not getattr(opened, "_is_protocol", False) else None


def _money_faults(rail: Rail) -> Iterator[str]:
    for currency in rail.currencies or ("",):
        if currency not in EXPONENTS:
            yield f"declares the currency {currency!r}, which is not in ISO 4217"
    if len(rail.currencies) > 1 and "currency" not in rail.payment.model_fields:
        yield "declares several currencies, but a payment without a field 'currency'"
    amount = rail.payment.model_fields["amount"]
    strict = {constraint.strict for constraint in amount.metadata if hasattr(constraint, "strict")}
    least = [constraint.ge for constraint in amount.metadata if hasattr(constraint, "ge")]
    if amount.annotation is not int or strict != {True} or not least or min(least) < 1:
        yield "declares a payment whose amount is not riel.MinorUnits"
    if rail.payment.payee is Payment.payee:
        yield "declares a payment that does not say who is paid: define payee()"


def _payer_faults(rail: Rail) -> Iterator[str]:
    if getattr(rail.settings, "payer", None) is RailSettings.payer:
        yield (
            f"declares settings that do not say whose money leaves: define the property payer in "
            f"{rail.settings.__name__}, a name of the account that pays, which stays when a key is rotated"
        )


def _reference_faults(rail: Rail) -> Iterator[str]:
    if len(rail.lookup.model_fields) != 1:
        yield f"declares a lookup of {len(rail.lookup.model_fields)} fields: it must have one, the payment's reference"
        return
    name = rail.reference_field
    wire_name = rail.lookup.model_fields[name].alias
    for kind, fields in (("refund", rail.refund.model_fields), ("receipt", rail.receipt.model_fields)):
        if name not in fields or fields[name].alias != wire_name:
            yield f"declares a {kind} without the field {name!r} of its lookup"


def _tools_faults(rail: Rail) -> Iterator[str]:
    names = [tool.name for tool in rail.tools if isinstance(tool, Tool)]
    if len(names) < len(rail.tools):
        yield "declares tools that are not riel.Tool"
    for tool in (tool for tool in rail.tools if isinstance(tool, Tool)):
        yield from (f"declares a tool {tool.name!r} {wrong}" for wrong in _tool_faults(tool))
    for name in names:
        taken = name in (*Rail.tool_suffixes, Rail.search_tool)
        if not TOOL.fullmatch(name) or taken or name.startswith(f"{rail.name}_") or names.count(name) > 1:
            yield f"declares a tool named {name!r}: write it in lower case, without the rail's name, and each name once"
    if not all(isinstance(code, ErrorCode) for code in rail.errors.values()):
        yield "declares errors that are not riel.ErrorCode"
    elif any(set("{}") & set(code.message + code.remedy) for code in rail.errors.values()):
        yield "declares an error whose message has a placeholder: only a message of the core takes parameters"


def _tool_faults(tool: Tool) -> Iterator[str]:
    does = [one for one in (tool.run, tool.build_payment, tool.build_notification) if one is not None]
    if len(does) != 1:
        yield "that does not do exactly one of run, build_payment and build_notification"
    if not all(callable(one) for one in (*does, *[tool.scope_of] * (tool.scope_of is not None))):
        yield "whose run, build_payment, build_notification or scope_of cannot be called"
    if (tool.run is None) != (tool.output is None):
        yield "whose output is missing, or is not needed: it belongs to run"
    for name, model, kind in (("input", tool.input, WireModel), ("output", tool.output, BaseModel)):
        if model is not None and not (isinstance(model, type) and issubclass(model, kind)):
            yield f"whose {name} is not a subclass of {kind.__module__.partition('.')[0]}.{kind.__name__}"


def _model_faults(rail: Rail) -> Iterator[str]:
    tools = [tool for tool in rail.tools if isinstance(tool, Tool) and not any(_tool_faults(tool))]
    inputs: dict[str, type[BaseModel]] = {
        "payment that": rail.payment,
        "lookup that": rail.lookup,
        "refund that": rail.refund,
        **{f"tool {tool.name!r} whose input": tool.input for tool in tools},
    }
    outputs: dict[str, type[BaseModel]] = {
        "receipt that": rail.receipt,
        **{f"tool {tool.name!r} whose output": tool.output for tool in tools if tool.output is not None},
    }
    for what, model in inputs.items():
        changed = [key for key, value in WireModel.model_config.items() if model.model_config.get(key) != value]
        if changed:
            yield f"declares a {what} changes {', '.join(changed)} of riel.WireModel"
        if any(CODE in (name, field.alias) for name, field in model.model_fields.items()):
            yield f"declares a {what} has an argument {CODE}: a rail never receives a code"
    for what, model in (inputs | outputs).items():
        try:
            schema = model.model_json_schema()
        except Exception as failure:
            yield f"declares a {what} has no JSON schema ({type(failure).__name__})"
        else:
            if schema.get("type") != "object":
                yield f"declares a {what} is no object"
            if any(map(_is_unreadable, _texts_in(schema))):
                yield f"declares a {what} has a description that is too long, or not all of it visible"
    if any(field.alias or field.validation_alias for field in rail.settings.model_fields.values()):
        yield "declares settings with an alias, which would be read without the rail's prefix"


def _is_unreadable(text: str) -> bool:
    return len(text) > MAX_DESCRIPTION or any(hidden(c) and c != "\n" for c in text)


def _texts_in(schema: object) -> Iterator[str]:
    if isinstance(schema, str):
        yield schema
    elif isinstance(schema, Mapping):
        for name, value in schema.items():
            yield str(name)
            yield from _texts_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _texts_in(value)


def _docs_faults(rail: Rail) -> Iterator[str]:
    if rail.docs:
        folder = Path(rail.docs)
        if not folder.is_absolute() or next(folder.rglob("*.md"), None) is None:
            yield "declares docs that are no folder of markdown: give its absolute path, and put it into the package"
    elif rail.docs_server is not None:
        yield "declares a docs_server, but no docs to answer from where it cannot be asked"
