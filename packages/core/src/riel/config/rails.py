"""A rail's settings, out of the environment, ``riel.toml`` and what its pretend bank supplies."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError
from pydantic_settings import SettingsError

from riel.config.locations import FILE, in_folder
from riel.config.settings import PREFIX, Settings
from riel.config.sources import describe_errors, environment_variables
from riel.errors import Misconfigured
from riel.rail import Rail, RailSettings
from riel.redaction import Redactor
from riel.text import did_you_mean


def configured_settings(rail: Rail, settings: Settings) -> dict[str, str]:
    """The settings of a rail as the operator wrote them, by field: the environment first, then ``riel.toml``."""
    in_file = {name: _text(value) for name, value in _table(rail, settings).items()}
    return in_file | environment_variables(variable_prefix(rail))


def read_rail_settings(rail: Rail, settings: Settings, sandbox_supplies: Mapping[str, str]) -> RailSettings:
    """A rail's settings: the environment first, then ``riel.toml``, then what its pretend bank supplies.

    :raises Misconfigured: one sentence that names every setting that is missing, unknown or wrong.
    """
    prefix, make = variable_prefix(rail), cast("Callable[..., RailSettings]", rail.settings)
    refuse_unknown_settings(rail, settings)
    in_environment, table = environment_variables(prefix), _table(rail, settings)
    # pydantic-settings lets arguments win over the environment, so what the environment sets is not passed.
    rest = {name: value for name, value in {**sandbox_supplies, **table}.items() if name not in in_environment}
    try:
        return make(_env_prefix=prefix, _env_file=None, _secrets_dir=None, _cli_parse_args=False, **rest)
    except ValidationError as failure:
        known = Redactor({**sandbox_supplies, **configured_settings(rail, settings)}.values())
        sentence = describe_errors(failure, lambda name: prefix + (name.upper() or "*"), known)
        raise Misconfigured(sentence) from None
    except SettingsError as failure:
        field = re.search(r'field "(\w+)"', str(failure))
        raise Misconfigured(f"{prefix}{field[1].upper() if field else '*'} is wrong: it must be JSON") from None


def refuse_unknown_settings(rail: Rail, settings: Settings) -> None:
    """Refuse a setting that the rail does not have, before anything else is made of the others.

    :raises Misconfigured: one sentence that names it, and the nearest that there is.
    """
    prefix, fields = variable_prefix(rail), rail.settings.model_fields
    variables = [prefix + name.upper() for name in fields]
    for variable in sorted({prefix + name.upper() for name in environment_variables(prefix)} - set(variables)):
        raise Misconfigured(f"{variable} is not a setting of {rail.name!r}{did_you_mean(variable, variables)}")
    for name in sorted(set(settings.rail.get(rail.name, {})) - set(fields)):
        raise Misconfigured(f"[rail.{rail.name}] in {FILE} has an unknown key {name!r}{did_you_mean(name, fields)}")


def _table(rail: Rail, settings: Settings) -> dict[str, Any]:
    """What the file says under the rail's name. A relative path there counts from the file's folder."""
    table, fields = settings.rail.get(rail.name, {}), rail.settings.model_fields
    if settings.file is None:
        return table
    folder = settings.file.parent
    return {
        name: in_folder(value, folder)
        if isinstance(value, str) and name in fields and _is_path(fields[name].annotation)
        else value
        for name, value in table.items()
    }


def _is_path(annotation: object) -> bool:
    """Whether a setting of this type is a path, or may be one."""
    return annotation is Path or any(map(_is_path, get_args(annotation)))


def variable_prefix(rail: Rail) -> str:
    return f"{PREFIX}{rail.name.upper()}_"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
