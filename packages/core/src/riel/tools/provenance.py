"""Whose words an answer holds: text that the rail does not declare as trusted stands under ``untrusted``.

The field decides and not the text: a stranger writes one word as easily as a sentence.
"""

import types
from collections.abc import Mapping
from enum import Enum
from numbers import Number
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from riel.rail import Receipt, Trusted
from riel.text import clean_text
from riel.tools.schema import Schema

MAX_TEXT = 2000
"""Characters of one text of a provider: an address with its query is longer than a sentence."""

_CORE_FIELDS = frozenset(Receipt.model_fields)


def trusted_names(model: type[BaseModel], *known: str) -> frozenset[str]:
    """The wire names of the fields of ``model`` whose text nobody outside can choose, and the ``known`` ones.

    A field is trusted if it can hold no free text (numbers, listed values), or if the rail declares it ``Trusted``.
    """
    core = _CORE_FIELDS if issubclass(model, Receipt) else frozenset()
    names = {
        field.serialization_alias or field.alias or name
        for name, field in model.model_fields.items()
        if name in core or Trusted in field.metadata or not _may_hold_text(field.annotation)
    }
    return frozenset({*names, *known})


def separate(data: Mapping[str, Any], trusted: frozenset[str], *, most: int = MAX_TEXT) -> dict[str, Any]:
    """``data`` with whatever is not ``trusted`` under ``untrusted``, each text clean and bounded.

    :param most: characters of an untrusted text.
    """
    plain = {name: _clean(value, MAX_TEXT) for name, value in data.items() if name in trusted}
    untrusted = {clean_text(name): _clean(value, most) for name, value in data.items() if name not in trusted}
    return plain | ({"untrusted": untrusted} if untrusted else {})


def separate_schema(answer: Schema, trusted: frozenset[str], untrusted: Schema) -> Schema:
    """The schema of what :func:`separate` makes; ``untrusted`` describes the object that holds the words of others."""
    properties = answer.get("properties", {})
    theirs = {name: schema for name, schema in properties.items() if name not in trusted}
    ours = {name: schema for name, schema in properties.items() if name in trusted}
    shown = {**answer, "properties": ours | ({"untrusted": {**untrusted, "properties": theirs}} if theirs else {})}
    if "required" in answer:
        shown["required"] = [name for name in answer["required"] if name in trusted]
    return shown


def _may_hold_text(annotation: object) -> bool:
    if get_origin(annotation) is Annotated:
        kind, *metadata = get_args(annotation)
        return Trusted not in metadata and _may_hold_text(kind)
    if get_origin(annotation) in {Union, types.UnionType}:
        return any(map(_may_hold_text, get_args(annotation)))
    if get_origin(annotation) is Literal:
        return False
    harmless = (Number, Enum, type(None))
    return not (isinstance(annotation, type) and issubclass(annotation, harmless))


def _clean(value: Any, most: int) -> Any:
    match value:
        case str():
            return clean_text(value, most)
        case list():
            return [_clean(each, most) for each in value]
        case dict():
            return {clean_text(name): _clean(each, most) for name, each in value.items()}
    return value
