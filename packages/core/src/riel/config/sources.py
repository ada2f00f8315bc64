"""Where settings come from: the environment and ``riel.toml``, the environment first.

``RIEL_JOURNAL=…`` in the environment is ``journal = …`` in ``riel.toml``, which is the file that ``RIEL_CONFIG`` names,
or the one in the user's configuration folder. The current directory is never looked at: an agent may write there. A
rail's own are ``RIEL_<RAIL>_<FIELD>``, or ``field = …`` under ``[rail.<rail>]``. A relative path in the file counts
from the file's folder.
"""

import codecs
import difflib
import os
import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ValidationError

from riel.config.locations import FILE, expand_home, in_folder, user_config_file
from riel.config.settings import PREFIX, Settings
from riel.config.values import string_problem, strings_of
from riel.errors import Misconfigured
from riel.redaction import Redactor
from riel.text import did_you_mean

SECRET = re.compile(r"key|secret|token|pass|credential", re.IGNORECASE)

ANY_RAIL = re.compile(r"RIEL_([A-Z][A-Z0-9]{0,19})_.+")

PATHS = {"journal", "home", "factor_file"}
"""Settings of ours that are paths, or may be one."""

VARIABLES = {PREFIX + name.upper(): name for name in Settings.model_fields if name not in {"rail", "limits"}}
"""Every variable of ours but ``RIEL_CONFIG``, and the field it sets."""


def read_settings() -> Settings:
    """The settings of this process.

    :raises Misconfigured: one sentence that names what is wrong; never its value, which may be a secret.
    """
    _refuse_unknown_variables()
    file, table = _configuration()
    for name in sorted(set(table) - set(Settings.model_fields)):
        raise Misconfigured(f"{file} has an unknown key {name!r}{did_you_mean(name, Settings.model_fields)}")
    in_environment = environment_variables(PREFIX)
    try:
        settings = Settings(**{name: value for name, value in table.items() if name not in in_environment})
    except ValidationError as failure:

        def setting(name: str) -> str:
            return PREFIX + name.upper() if name in in_environment else f"{name} in {file}"

        raise Misconfigured(describe_errors(failure, setting)) from None
    return settings.read_from(file)


def unread_file(settings: Settings) -> Path | None:
    """A file of our name in the current directory, which is not the one that was read: somebody may think it is."""
    with suppress(OSError):
        file = Path.cwd() / FILE
        if file.is_file() and (settings.file is None or not file.samefile(settings.file)):
            return file
    return None


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
    """A variable that could be a rail's is left to that rail: it may not be installed here. Its value is looked at."""
    for name in sorted(os.environ):
        variable, value = name.upper(), os.environ[name]
        if variable.startswith(f"{PREFIX}LIMIT"):  # it would look as if it limited something
            raise Misconfigured(f"{name} is not a setting: limits stand under [limits] in {FILE} and nowhere else")
        if variable in VARIABLES or variable == "RIEL_CONFIG":
            if not value.strip():
                raise Misconfigured(f"{name} is empty: give it a value, or unset it")
        elif variable.startswith(PREFIX) and not _is_a_rails(variable):
            raise Misconfigured(f"{name} is not a setting{did_you_mean(variable, VARIABLES)}")
        if variable.startswith(PREFIX) and (problem := string_problem(value)) is not None:
            raise Misconfigured(f"{name} {problem}")


def _is_a_rails(variable: str) -> bool:
    rails = ANY_RAIL.fullmatch(variable)
    if rails is None or any(ours.startswith(f"{PREFIX}{rails[1]}_") for ours in VARIABLES):
        return False
    if not difflib.get_close_matches(variable, VARIABLES, cutoff=0.9):
        return True
    from riel.installed_packages import installed_packages

    return rails[1].lower() in installed_packages().names


def _configuration() -> tuple[Path | None, dict[str, Any]]:
    """The file that ``RIEL_CONFIG`` names, or the one in the user's configuration folder, and the settings in it.

    :raises Misconfigured: the file that is named does not exist, or a file cannot be understood.
    """
    named = os.environ.get("RIEL_CONFIG")
    try:
        file = user_config_file() if named is None else expand_home(Path(named)).absolute()
    except ValueError as failure:
        raise Misconfigured(f"RIEL_CONFIG is wrong: {failure}") from None
    if file is None:
        return None, {}
    try:
        return file, _table(file)
    except FileNotFoundError:
        if named is not None:
            raise Misconfigured(f"RIEL_CONFIG names a file that does not exist: {file}") from None
        return None, {}
    except OSError as failure:
        raise Misconfigured(f"{file} cannot be read: {failure.strerror}") from failure


def _table(file: Path) -> dict[str, Any]:
    """The settings in ``file``, its relative paths made absolute.

    :raises Misconfigured: it is no TOML, or one of its values cannot be meant as it is written.
    """
    try:
        table = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as failure:
        raise Misconfigured(f"{file} is not TOML: {failure}") from None
    for names, value in strings_of(table):
        if (problem := string_problem(value)) is not None:
            raise Misconfigured(f"{'.'.join(names)} in {file} {problem}")
    for name in sorted(set(table) & set(VARIABLES.values())):
        if table[name] == "":
            raise Misconfigured(f"{name} in {file} is empty: give it a value, or take it out")
        if name in PATHS and isinstance(table[name], str):
            table[name] = in_folder(table[name], file.parent)
    return table


def _text(file: Path) -> str:
    """What ``file`` holds. It is UTF-8; Windows may have put its mark in front.

    :raises Misconfigured: it is in another encoding.
    """
    data = file.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Misconfigured(f"{file} is in UTF-16: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        raise Misconfigured(f"{file} is not in UTF-8 (line {line}): save it as UTF-8") from None


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
