"""Where settings come from: the environment and ``riel.toml``, the environment first.

``RIEL_JOURNAL=…`` in the environment is ``journal = …`` in ``riel.toml`` (in the current directory, or the file that
``RIEL_CONFIG`` names). A rail's own are ``RIEL_<RAIL>_<FIELD>``, or ``field = …`` under ``[rail.<rail>]``.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ValidationError

from riel.config.settings import PREFIX, Settings
from riel.errors import Misconfigured
from riel.redaction import Redactor
from riel.text import did_you_mean

FILE = "riel.toml"

SECRET = re.compile(r"key|secret|token|pass|credential", re.IGNORECASE)

ANY_RAIL = re.compile(r"RIEL_([A-Z][A-Z0-9]{0,19})_.+")

VARIABLES = {PREFIX + name.upper(): name for name in Settings.model_fields if name not in {"rail", "limits"}}
"""Every variable of ours but ``RIEL_CONFIG``, and the field it sets."""


def read_settings() -> Settings:
    """The settings of this process.

    :raises Misconfigured: one sentence that names what is wrong; never its value, which may be a secret.
    """
    _refuse_unknown_variables()
    table, file = _file()
    for name in sorted(set(table) - set(Settings.model_fields)):
        raise Misconfigured(f"{file} has an unknown key {name!r}{did_you_mean(name, Settings.model_fields)}")
    in_environment = environment_variables(PREFIX)
    try:
        return Settings(**{name: value for name, value in table.items() if name not in in_environment})
    except ValidationError as failure:

        def setting(name: str) -> str:
            return PREFIX + name.upper() if name in in_environment else f"{name} in {file}"

        raise Misconfigured(describe_errors(failure, setting)) from None


def likely_secrets(settings: Settings) -> list[str]:
    """Values whose names look secret, to redact the log of a start before the rails have declared their secrets."""
    pairs = [
        *environment_variables(PREFIX).items(),
        *(pair for table in settings.rail.values() for pair in table.items()),
    ]
    named = [value for name, value in pairs if isinstance(value, str) and SECRET.search(name)]
    return [*named, *passwords_in(settings.journal)]


def passwords_in(url: str) -> list[str]:
    """The password of a database's URL, as it stands there and as it is meant."""
    parts = urlsplit(url)
    passwords = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return [form for password in passwords if password for form in (password, unquote(password))]


def environment_variables(prefix: str) -> dict[str, str]:
    return {name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.upper().startswith(prefix)}


def _refuse_unknown_variables() -> None:
    """A variable that could be a rail's is left to that rail: it may not be installed here."""
    for name in sorted(os.environ):
        variable = name.upper()
        if variable.startswith(f"{PREFIX}LIMIT"):  # it would look as if it limited something
            raise Misconfigured(f"{name} is not a setting: limits stand under [limits] in {FILE} and nowhere else")
        if variable in VARIABLES or variable == "RIEL_CONFIG":
            if not os.environ[name].strip():
                raise Misconfigured(f"{name} is empty: give it a value, or unset it")
        elif variable.startswith(PREFIX) and not _is_a_rails(variable):
            raise Misconfigured(f"{name} is not a setting{did_you_mean(variable, VARIABLES)}")


def _is_a_rails(variable: str) -> bool:
    rails = ANY_RAIL.fullmatch(variable)
    if rails is None or any(ours.startswith(f"{PREFIX}{rails[1]}_") for ours in VARIABLES):
        return False
    if not difflib.get_close_matches(variable, VARIABLES, cutoff=0.9):
        return True
    from riel.installed import installed_packages

    return rails[1].lower() in installed_packages().names


def _file() -> tuple[dict[str, Any], Path]:
    named = os.environ.get("RIEL_CONFIG")
    path = Path(named or FILE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except FileNotFoundError:
        if named:
            raise Misconfigured(f"RIEL_CONFIG names a file that does not exist: {path}") from None
        return {}, path
    except (OSError, UnicodeDecodeError) as failure:
        raise Misconfigured(f"{path} cannot be read: {type(failure).__name__}") from failure
    except tomllib.TOMLDecodeError as failure:
        raise Misconfigured(f"{path} is not TOML: {failure}") from None


def describe_errors(failure: ValidationError, setting: Callable[[str], str], redactor: Redactor | None = None) -> str:
    """Describe every error by its setting's name and without the value, whatever a rail's validator wrote.

    :param setting: gives the name under which a field was set.
    :param redactor: removes values that must not be repeated.
    """
    sentences = []
    for error in failure.errors(include_url=False, include_input=False, include_context=False):
        name = setting(str(error["loc"][0]) if error["loc"] else "")
        message = error["msg"].removeprefix("Value error, ")
        message = redactor.text(message) if redactor else message
        is_missing = error["type"] == "missing"
        sentences.append(f"{name} is missing" if is_missing else f"{name} is wrong: {message[:1].lower()}{message[1:]}")
    return "; ".join(dict.fromkeys(sentences))
