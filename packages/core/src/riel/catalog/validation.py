"""Which declarations of a rail the core could not serve: found before the rail is offered, and said to its author."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from riel.money import EXPONENTS
from riel.rail import ErrorCode, Lookup, Payment, Rail, RailSettings, Receipt, Refund, Tool, WireModel
from riel.rail.guarantees import Capabilities, Capability, Guarantees

TOOL = re.compile(r"[a-z][a-z0-9_]{0,39}")

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
    """Each reason for which the core could not serve this rail, as what the rail does; none, if it can."""
    return list(_wrong_types(rail)) or [
        *_wrong_money(rail),
        *_wrong_reference(rail),
        *_wrong_tools(rail),
        *_wrong_models(rail),
        *_wrong_docs(rail),
    ]


def _wrong_types(rail: Rail) -> Iterator[str]:
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
    for name in ("connect", "guarantees", "sandbox", "manual_refund", "parse_webhook", "docs_server"):
        value = getattr(rail, name)
        may_be_missing = name not in {"connect", "guarantees"}
        given = callable(value) or (name == "guarantees" and isinstance(value, Guarantees))
        if not (given or (may_be_missing and value is None)):
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


def _wrong_money(rail: Rail) -> Iterator[str]:
    for currency in rail.currencies or ("",):
        if currency not in EXPONENTS:
            yield f"declares the currency {currency!r}, which is not in ISO 4217"
    if len(rail.currencies) > 1 and "currency" not in rail.payment.model_fields:
        yield "declares several currencies, but a payment without a field 'currency'"
    amount = rail.payment.model_fields["amount"]
    strict = {said.strict for said in amount.metadata if hasattr(said, "strict")}
    least = [said.ge for said in amount.metadata if hasattr(said, "ge")]
    if amount.annotation is not int or strict != {True} or not least or min(least) < 1:
        yield "declares a payment whose amount is not riel.MinorUnits"
    if rail.payment.payee is Payment.payee:
        yield "declares a payment that does not say who is paid: define payee()"


def _wrong_reference(rail: Rail) -> Iterator[str]:
    if len(rail.lookup.model_fields) != 1:
        yield f"declares a lookup of {len(rail.lookup.model_fields)} fields: it must have one, the payment's reference"
        return
    name = rail.reference_field
    wire_name = rail.lookup.model_fields[name].alias
    for kind, fields in (("refund", rail.refund.model_fields), ("receipt", rail.receipt.model_fields)):
        if name not in fields or fields[name].alias != wire_name:
            yield f"declares a {kind} without the field {name!r} of its lookup"


def _wrong_tools(rail: Rail) -> Iterator[str]:
    names = [tool.name for tool in rail.tools if isinstance(tool, Tool)]
    if len(names) < len(rail.tools):
        yield "declares tools that are not riel.Tool"
    for tool in (tool for tool in rail.tools if isinstance(tool, Tool)):
        yield from (f"declares a tool {tool.name!r} {wrong}" for wrong in _wrong_tool(tool))
    for name in names:
        taken = name in (*Rail.tool_suffixes, Rail.search_tool)
        if not TOOL.fullmatch(name) or taken or name.startswith(f"{rail.name}_") or names.count(name) > 1:
            yield f"declares a tool named {name!r}: write it in lower case, without the rail's name, and each name once"
    if not all(isinstance(code, ErrorCode) for code in rail.errors.values()):
        yield "declares errors that are not riel.ErrorCode"


def _wrong_tool(tool: Tool) -> Iterator[str]:
    does = [one for one in (tool.run, tool.build_payment, tool.build_notice) if one is not None]
    if len(does) != 1:
        yield "that does not do exactly one of run, build_payment and build_notice"
    if not all(callable(one) for one in (*does, *[tool.scope_of] * (tool.scope_of is not None))):
        yield "whose run, pays, tells or scope_of cannot be called"
    if (tool.run is None) != (tool.output is None):
        yield "whose output is missing, or is not needed: it belongs to run"
    for name, model, kind in (("input", tool.input, WireModel), ("output", tool.output, BaseModel)):
        if model is not None and not (isinstance(model, type) and issubclass(model, kind)):
            yield f"whose {name} is not a subclass of {kind.__module__.partition('.')[0]}.{kind.__name__}"
    if tool.build_payment is not None and "verification_code" in getattr(tool.input, "model_fields", ()):
        yield "whose input has a verification_code: every tool that pays gets one"


def _wrong_models(rail: Rail) -> Iterator[str]:
    tools = [tool for tool in rail.tools if isinstance(tool, Tool) and not any(_wrong_tool(tool))]
    asked: dict[str, type[BaseModel]] = {
        "payment that": rail.payment,
        "lookup that": rail.lookup,
        "refund that": rail.refund,
        **{f"tool {tool.name!r} whose input": tool.input for tool in tools},
    }
    answered: dict[str, type[BaseModel]] = {
        "receipt that": rail.receipt,
        **{f"tool {tool.name!r} whose output": tool.output for tool in tools if tool.output is not None},
    }
    for what, model in asked.items():
        changed = [key for key, value in WireModel.model_config.items() if model.model_config.get(key) != value]
        if changed:
            yield f"declares a {what} changes {', '.join(changed)} of riel.WireModel"
    for what, model in (asked | answered).items():
        try:
            schema = model.model_json_schema()
        except Exception as failure:
            yield f"declares a {what} has no JSON schema ({type(failure).__name__})"
        else:
            if schema.get("type") != "object":
                yield f"declares a {what} is no object"
    if any(field.alias or field.validation_alias for field in rail.settings.model_fields.values()):
        yield "declares settings with an alias, which would be read without the rail's prefix"


def _wrong_docs(rail: Rail) -> Iterator[str]:
    if rail.docs:
        folder = Path(rail.docs)
        if not folder.is_absolute() or next(folder.rglob("*.md"), None) is None:
            yield "declares docs that are no folder of markdown: give its absolute path, and put it into the package"
    elif rail.docs_server is not None:
        yield "declares a docs_server, but no docs to answer from where it cannot be asked"
