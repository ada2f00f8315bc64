"""Settings come from the environment and from ``riel.toml``, the environment first; a wrong one is one sentence.

``RIEL_JOURNAL=…`` in the environment is ``journal = …`` in ``riel.toml`` (in the current directory, or the file that
``RIEL_CONFIG`` names). A rail's own are ``RIEL_<RAIL>_<FIELD>``, or ``field = …`` under ``[rail.<rail>]``.
"""

import contextlib
import difflib
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from riel.errors import BrokenRail, Misconfigured
from riel.rail import Mode, Rail, RailSettings
from riel.redaction import Redactor
from riel.text import SingleLine

PREFIX = "RIEL_"
FILE = "riel.toml"
SECRET = re.compile(r"key|secret|token|pass|credential", re.IGNORECASE)
SHORTEST_KEY = 16
MOST_PORT = 65535
ANY_RAIL = re.compile(r"RIEL_([A-Z][A-Z0-9]{0,19})_.+")

Banks = Callable[[Rail], Mapping[str, str]]
"""What the pretend bank of a rail supplies: its address, and whatever keys its client needs."""


def _names(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _database(value: str) -> str:
    """The journal's database as a URL; a plain path means SQLite there."""
    scheme, separator, rest = value.partition("://")
    if not separator:
        return f"sqlite:///{Path(value).expanduser()}"
    if scheme in {"postgresql", "postgres"}:
        return _server(value)
    if scheme != "sqlite" or not rest.startswith("/") or rest in {"/", "/:memory:"} or set("?#") & set(rest):
        raise ValueError("write sqlite:////absolute/path.db, postgresql://user@host/database, or the path of a file")
    return f"sqlite:///{Path(rest[1:]).expanduser()}"


def _server(url: str) -> str:
    """A PostgreSQL database: on a host, or at a socket (``postgresql:///database?host=/folder``)."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it checks it
        where = parts.hostname or parse_qs(parts.query, strict_parsing=bool(parts.query)).get("host")
    except ValueError as failure:
        raise ValueError("it is not a URL") from failure
    if not where or not re.fullmatch(r"/[^/\s]+", parts.path) or parts.fragment or re.search(r"\s", url):
        raise ValueError("write postgresql://user@host/database, or postgresql:///database?host=/folder/of/the/socket")
    return url


def _usual_database() -> str:
    import platformdirs  # 15 ms, for nothing where RIEL_JOURNAL is set

    return f"sqlite:///{platformdirs.user_data_path('riel') / 'journal.db'}"


def _notices_url(value: SecretStr, told: ValidationInfo) -> SecretStr:
    """Where notices go. A secret too: the addresses of many receivers are enough to write to them."""
    url = value.get_secret_value()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it checks it
    except ValueError as failure:
        raise ValueError("it is not a URL") from failure
    if re.search(r"[\s\\@]", parts.netloc) or not parts.hostname or parts.fragment or not url.isascii():
        raise ValueError("write https://host/path, without a user, a password or a fragment")
    if parts.scheme != "https" and not is_loopback(url):
        raise ValueError("it must begin with https://, unless it is on this machine")
    if "notices_key" in told.data and told.data["notices_key"] is None:
        raise ValueError("it needs RIEL_NOTICES_KEY, by which the receiver knows who writes")
    return value


def _limits(table: dict[str, Any]) -> dict[str, Any]:
    """``table``, where it can be read and every rail in it is installed: a misspelt one would go without its limits."""
    if table:
        from importlib.metadata import entry_points

        from riel.guards.limits import read_limits  # zoneinfo, for nothing where there are no limits

        installed = entry_points(group="riel").names
        for name in sorted(set(read_limits(table).rail) - installed):
            raise ValueError(f"[limits.rail.{name}] names no rail that is installed{_perhaps(name, installed)}")
    return table


class Listen(NamedTuple):
    """An address of this machine and a port."""

    host: str
    port: int


def _listen(value: Any) -> Any:
    """``host:port``, the host as an IP address: a name could come to mean another interface."""
    if value is None or isinstance(value, Listen):
        return value
    written = re.fullmatch(r"([0-9.]+|\[[^\[\]]+\]):([0-9]{1,5})", value) if isinstance(value, str) else None
    with contextlib.suppress(ValueError):
        if written is not None and int(written[2]) <= MOST_PORT:
            host = written[1].strip("[]")
            ipaddress.ip_address(host)
            return Listen(host, int(written[2]))
    raise ValueError("write an address and a port, such as 127.0.0.1:8430 or [::1]:8430")


Names = Annotated[tuple[Annotated[SingleLine, Field(min_length=1)], ...], Field(min_length=1)]


class Settings(BaseSettings):
    """The server's own settings. Read them with :func:`read_settings`, which refuses what is misspelt."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    journal: Annotated[str, AfterValidator(_database)] = Field(default_factory=_usual_database, repr=False)
    home: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    factor: Annotated[SingleLine, Field(min_length=1)] | None = None
    factor_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    rails: Annotated[Names | None, NoDecode, BeforeValidator(_names)] = None
    scopes: Annotated[Names | None, NoDecode, BeforeValidator(_names)] = None
    answer_within: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 4.0
    principal: Annotated[SingleLine, Field(min_length=1, max_length=200)] = "local"
    language: Literal["en", "es"] = "en"
    live: bool = False
    notices_key: Annotated[SecretStr, Field(min_length=SHORTEST_KEY)] | None = None
    notices_url: Annotated[SecretStr, AfterValidator(_notices_url)] | None = None
    webhooks: Annotated[Listen | None, NoDecode, BeforeValidator(_listen)] = None
    log: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "warning"
    rail: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """What ``riel.toml`` says under ``[rail.<name>]``, unread: each rail reads its own."""
    limits: Annotated[dict[str, Any], AfterValidator(_limits)] = Field(default_factory=dict, repr=False)
    """What it says under ``[limits]``, for :func:`riel.guards.limits.read_limits`. It comes from that file alone."""

    @property
    def journal_file(self) -> Path | None:
        """The file of the journal, if it is one."""
        return Path(self.journal.removeprefix("sqlite:///")) if self.journal.startswith("sqlite://") else None

    @property
    def folder(self) -> Path:
        """Where the server's key and the secrets of factors are kept: ``RIEL_HOME``, or beside the journal's file."""
        if self.home is not None:
            return self.home.resolve()
        if self.journal_file is not None:
            return self.journal_file.resolve().parent
        import platformdirs

        return platformdirs.user_data_path("riel")

    def in_sandbox(self) -> Self:
        """The same for ``--sandbox``: pretend payments get a journal of their own, unless one was named."""
        if "journal" in self.model_fields_set or self.journal_file is None:
            return self
        return self.model_copy(update={"journal": f"sqlite:///{self.journal_file.with_name('sandbox.db')}"})


VARIABLES = {PREFIX + name.upper(): name for name in Settings.model_fields if name not in {"rail", "limits"}}
"""Every variable of ours but ``RIEL_CONFIG``, and the field it sets."""


def read_settings() -> Settings:
    """The settings of this process.

    :raises Misconfigured: one sentence that names what is wrong; never its value, which may be a secret.
    """
    _refuse_unknown_variables()
    table, file = _file()
    for name in sorted(set(table) - set(Settings.model_fields)):
        raise Misconfigured(f"{file} has an unknown key {name!r}{_perhaps(name, Settings.model_fields)}")
    said = _variables(PREFIX)
    try:
        return Settings(**{name: value for name, value in table.items() if name not in said})
    except ValidationError as failure:
        sentence = what_is_wrong(failure, lambda name: PREFIX + name.upper() if name in said else f"{name} in {file}")
        raise Misconfigured(sentence) from None


def likely_secrets(settings: Settings) -> list[str]:
    """What is named like a secret, for the logs of a start: no rail has said yet which of its settings are secret."""
    told = [*_variables(PREFIX).items(), *(pair for table in settings.rail.values() for pair in table.items())]
    named = [value for name, value in told if isinstance(value, str) and SECRET.search(name)]
    return [*named, *passwords_in(settings.journal)]


def passwords_in(url: str) -> list[str]:
    """The password of a database's URL, as it stands there and as it is meant."""
    parts = urlsplit(url)
    given = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return [form for password in given if password for form in (password, unquote(password))]


def known_settings(rail: Rail, settings: Settings) -> dict[str, str]:
    """What the operator says about a rail, unread, by field: the environment first, then ``riel.toml``."""
    told = {name: _text(value) for name, value in settings.rail.get(rail.name, {}).items()}
    return told | _variables(_prefix(rail))


def rail_settings(rail: Rail, settings: Settings, sandbox_supplies: Mapping[str, str]) -> RailSettings:
    """A rail's settings: the environment first, then ``riel.toml``, then what its pretend bank supplies.

    :raises Misconfigured: one sentence that names every setting that is missing, unknown or wrong.
    """
    prefix, fields, make = _prefix(rail), rail.settings.model_fields, cast("Callable[..., RailSettings]", rail.settings)
    said, table = _variables(prefix), settings.rail.get(rail.name, {})
    variables = [prefix + name.upper() for name in fields]
    for variable in sorted({prefix + name.upper() for name in said} - set(variables)):
        raise Misconfigured(f"{variable} is not a setting of {rail.name!r}{_perhaps(variable, variables)}")
    for name in sorted(set(table) - set(fields)):
        raise Misconfigured(f"[rail.{rail.name}] in {FILE} has an unknown key {name!r}{_perhaps(name, fields)}")
    # pydantic-settings lets arguments win over the environment, so what the environment sets is not passed.
    rest = {name: value for name, value in {**sandbox_supplies, **table}.items() if name not in said}
    try:
        return make(_env_prefix=prefix, _env_file=None, _secrets_dir=None, _cli_parse_args=False, **rest)
    except ValidationError as failure:
        known = Redactor({**sandbox_supplies, **known_settings(rail, settings)}.values())
        sentence = what_is_wrong(failure, lambda name: prefix + (name.upper() or "*"), known)
        raise Misconfigured(sentence) from None
    except SettingsError as failure:
        field = re.search(r'field "(\w+)"', str(failure))
        raise Misconfigured(f"{prefix}{field[1].upper() if field else '*'} is wrong: it must be JSON") from None


def mode_of(rail: Rail, found: RailSettings, settings: Settings, *, sandbox: bool = False) -> Mode:
    """Where this rail's money is. A loopback address is a pretend bank, whatever the rail says.

    :param sandbox: everything must be pretend, as under ``--sandbox``.
    :raises Misconfigured: the mode is not allowed here; the sentence names the setting that would change it.
    :raises BrokenRail: the rail does not know where its money is.
    """
    prefix, said, pretend = _prefix(rail), found.mode, is_loopback(found.base_url)
    if said not in get_args(Mode):
        raise BrokenRail(f"is in no mode that exists: {', '.join(get_args(Mode))}")
    if sandbox and not pretend:
        raise Misconfigured(f"{prefix}BASE_URL is not on this machine, and --sandbox pays nowhere else")
    if sandbox and said == "live" and type(found).mode is not RailSettings.mode:
        raise Misconfigured(f"{rail.name!r} has live credentials, and --sandbox takes none: unset {prefix}*")
    if pretend:
        return "sandbox"
    if said == "sandbox":
        raise BrokenRail(f"says it is a sandbox, but {prefix}BASE_URL is not on this machine")
    if said == "live" and not settings.live:
        raise Misconfigured(f"{rail.name!r} has live credentials and would move real money: RIEL_LIVE=yes lets it")
    return said


def resolving(settings: Settings, banks: Banks | None = None) -> Callable[[Rail], tuple[RailSettings, Mode]]:
    """What ``catalog.offer`` asks for: a function from a rail to its settings and its mode.

    :param banks: the pretend banks that run under ``--sandbox``. Without them a rail whose address is on this machine
        still gets the keys of its pretend bank, which then runs somewhere else (``riel sandbox``).
    """

    def resolve(rail: Rail) -> tuple[RailSettings, Mode]:
        supplies = banks(rail) if banks else pretend_keys(rail, settings)
        found = rail_settings(rail, settings, supplies)
        return found, mode_of(rail, found, settings, sandbox=banks is not None)

    return resolve


def pretend_keys(rail: Rail, settings: Settings) -> Mapping[str, str]:
    """What a rail's pretend bank supplies, where the rail's address leads to one and a setting is missing.

    The bank is made for that, which takes a while, and forgotten.
    """
    known = known_settings(rail, settings)
    missing = [name for name, field in rail.settings.model_fields.items() if field.is_required() and name not in known]
    if rail.sandbox is None or not missing or not is_loopback(known.pop("base_url", "")):
        return {}
    return rail.sandbox(known).settings


def is_loopback(url: str) -> bool:
    """Whether an ``http(s)`` URL can lead nowhere but to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or re.search(r"[\s\\@]", parts.netloc):
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _prefix(rail: Rail) -> str:
    return f"{PREFIX}{rail.name.upper()}_"


def _variables(prefix: str) -> dict[str, str]:
    return {name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.upper().startswith(prefix)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


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
            raise Misconfigured(f"{name} is not a setting{_perhaps(variable, VARIABLES)}")


def _is_a_rails(variable: str) -> bool:
    rails = ANY_RAIL.fullmatch(variable)
    if rails is None or any(ours.startswith(f"{PREFIX}{rails[1]}_") for ours in VARIABLES):
        return False
    if not difflib.get_close_matches(variable, VARIABLES, cutoff=0.9):
        return True
    from importlib.metadata import entry_points

    return rails[1].lower() in entry_points(group="riel").names


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


def _perhaps(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def what_is_wrong(failure: ValidationError, named: Callable[[str], str], known: Redactor | None = None) -> str:
    """All that is wrong, each by its setting's name and without the value, whatever a rail's validator wrote.

    :param named: what a field is called where it was set.
    :param known: what must not be repeated.
    """
    wrong = []
    for error in failure.errors(include_url=False, include_input=False, include_context=False):
        name = named(str(error["loc"][0]) if error["loc"] else "")
        said = error["msg"].removeprefix("Value error, ")
        said = known.text(said) if known else said
        lacks = error["type"] == "missing"
        wrong.append(f"{name} is missing" if lacks else f"{name} is wrong: {said[:1].lower()}{said[1:]}")
    return "; ".join(dict.fromkeys(wrong))
