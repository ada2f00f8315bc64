"""The JSON schemas of a tool as clients and models read them: short, flat, and each type in plain sight.

Every conversation pays for the list of tools in tokens. Some clients cannot follow ``$ref``, some fail at
``additionalProperties: false``, and many models cannot read ``anyOf``. So a reference is replaced by what it names, and
the arguments are shown, at every level, without null, without a choice of types and without what is forbidden; the
server refuses unknown arguments all the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from riel.money import MAX_MINOR_UNITS

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}

_DEFINITIONS = "#/$defs/"
_CHOICES = ("anyOf", "oneOf", "allOf")
_NOISE = {"$defs", "title", "examples"}
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer"}
_IMPLIED = (("minLength", 1), ("maximum", MAX_MINOR_UNITS))
"""Bounds that tell a model nothing; the server checks them all the same."""

_BOUNDS = {"pattern", "minLength", "maxLength"}
"""What an answer's text keeps to: the server checks it, and a client needs none of it."""

_EXPLAINED = {"amount", "message", "untrusted"}
"""Properties of an answer whose description changes what a model does with it."""


def input_schema(model: type[BaseModel]) -> Schema:
    """The arguments of a tool. An optional one may also be null or ``""``; of a pattern, the latter is shown."""
    return _plain(_root(model.model_json_schema(by_alias=True), null=False))


def answer_schema(model: type[BaseModel], *, null: bool = True) -> Schema:
    """The answer of a tool with all its descriptions.

    :param null: whether an empty field is null; otherwise it is left out.
    """
    return _root(model.model_json_schema(by_alias=True, mode="serialization"), null=null)


def enveloped(answer: Schema) -> Schema:
    """The schema of an envelope whose ``data`` is ``answer``, with descriptions only where they matter.

    Some clients validate errors too, and drop one that does not fit, so ``error`` is any object.
    """
    data, error = {"anyOf": [_undescribed(answer), NULL]}, {"anyOf": [{"type": "object"}, NULL]}
    return {"type": "object", "properties": {"data": data, "error": error}, "required": ["data", "error"]}


def _root(schema: Schema, *, null: bool) -> Schema:
    flat = _flat(schema, schema.get("$defs", {}), null=null)
    flat.pop("description", None)  # the docstring of the model is for programmers
    return flat


def _flat(schema: Schema, definitions: Mapping[str, Schema], within: tuple[str, ...] = (), *, null: bool) -> Schema:
    """``schema`` without references, titles and examples; ``within`` are the references that lead here."""
    flat: Schema = {}
    if isinstance(reference := schema.get("$ref"), str):
        name = reference.removeprefix(_DEFINITIONS)
        if name in within:  # a model within itself
            return {"type": "object"}
        flat, within = _flat(definitions[name], definitions, (*within, name), null=null), (*within, name)
    for key, value in schema.items():
        if key in _NOISE or key == "$ref" or (key == "default" and value is None):
            continue
        if (key, value) in _IMPLIED or (within and (key, value) == ("additionalProperties", False)):
            continue
        if key == "properties":
            flat[key] = {name: _flat(each, definitions, within, null=null) for name, each in value.items()}
        elif key in _CHOICES:
            choices = [_flat(each, definitions, within, null=null) for each in value if null or each != NULL]
            flat |= {key: choices} if len(choices) > 1 else choices[0]
        else:
            flat[key] = _flat(value, definitions, within, null=null) if isinstance(value, dict) else value
    return flat


def _plain(schema: Schema) -> Schema:
    """A schema of arguments in the words that every client knows: each has one type."""
    for choice in _CHOICES:
        if choices := schema.get(choice):
            schema = _one_of(choices) | {key: value for key, value in schema.items() if key != choice}
    plain = {key: value for key, value in schema.items() if key not in {"additionalProperties", "const"}}
    if "const" in schema:
        plain |= {"type": _JSON_TYPES[type(schema["const"])], "enum": [schema["const"]]}
    if isinstance(items := plain.get("items"), dict):
        plain["items"] = _plain(items)
    if "properties" in plain:
        required = plain.get("required", [])
        plain["properties"] = {
            name: each if name in required else _or_empty(each)
            for name, each in ((name, _plain(each)) for name, each in plain["properties"].items())
        }
    return plain


def _one_of(choices: list[Schema]) -> Schema:
    """One type in place of a choice: text where it is among them, since it can be written for any other."""
    texts = [choice for choice in choices if choice.get("type") == "string"]
    if not texts:
        return choices[0]
    return texts[0] if len(texts) == len(choices) == 1 else {"type": "string"}


def _or_empty(schema: Schema) -> Schema:
    """An optional text whose pattern admits the empty one: where a client makes every argument required, a model has no
    other way to leave it out."""
    pattern = schema.get("pattern")
    if pattern is None or re.search(pattern, ""):
        return schema
    body = pattern[1:-1] if pattern.startswith("^") and pattern.endswith("$") else f".*({pattern}).*"
    return {**schema, "pattern": f"^({body})?$"}


def _undescribed(schema: Schema, name: str = "") -> Schema:
    short: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            short[key] = {field: _undescribed(each, field) for field, each in value.items()}
        elif key in _CHOICES:
            short[key] = [_undescribed(each) for each in value]
        elif isinstance(value, dict):
            short[key] = _undescribed(value)
        elif (key != "description" or name in _EXPLAINED) and key not in _BOUNDS and value is not True:
            short[key] = value
    return short
