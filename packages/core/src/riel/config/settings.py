"""The server's own settings: their names, their types and what each may be."""

import contextlib
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from riel.addresses import is_loopback
from riel.config.locations import expand_home, user_data_folder
from riel.config.values import QUOTES
from riel.text import SingleLine, did_you_mean, hidden

PREFIX = "RIEL_"

SHORTEST_KEY = 16

MOST_PORT = 65535


def _names(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _database(value: str) -> str:
    """The journal's database as a URL; a plain path means SQLite there."""
    scheme, separator, rest = value.partition("://")
    if not separator:
        return f"sqlite:///{_path(value)}"
    if scheme in {"postgresql", "postgres"}:
        return _server(value)
    if scheme != "sqlite" or not rest.startswith("/") or rest in {"/", "/:memory:"} or set("?#") & set(rest):
        raise ValueError("write sqlite:////absolute/path.db, postgresql://user@host/database, or the path of a file")
    return f"sqlite:///{_path(rest[1:])}"


def _path(value: str | Path) -> Path:
    """A path without ``~`` in front and without a character that cannot be seen."""
    if any(hidden(character) for character in str(value)):
        raise ValueError("it holds a character that cannot be seen")
    if any(part[0] in QUOTES or part[-1] in QUOTES for part in Path(value).parts):
        raise ValueError("a name in it begins or ends with a quotation mark")
    return expand_home(Path(value))


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
    return f"sqlite:///{user_data_folder('RIEL_JOURNAL') / 'journal.db'}"


def _notifications_url(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Where notifications go. A secret too: the addresses of many receivers are enough to write to them."""
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
    if "notifications_key" in info.data and info.data["notifications_key"] is None:
        raise ValueError("it needs RIEL_NOTIFICATIONS_KEY, by which the receiver knows who writes")
    return value


def _limits(table: dict[str, Any]) -> dict[str, Any]:
    """``table``, where it can be read and every rail in it is installed: a misspelt one would go without its limits."""
    if table:
        from riel.guards.limits import read_limits  # zoneinfo, for nothing where there are no limits
        from riel.installed_packages import installed_packages

        installed = installed_packages().names
        for name in sorted(set(read_limits(table).rail) - installed):
            raise ValueError(f"[limits.rail.{name}] names no rail that is installed{did_you_mean(name, installed)}")
    return table


class Listen(NamedTuple):
    """An address of this machine and a port."""

    host: str
    port: int


def _listen(value: Any) -> Any:
    """``host:port``, the host as an IP address: a name could come to mean another interface."""
    if value is None or isinstance(value, Listen):
        return value
    match = re.fullmatch(r"([0-9.]+|\[[^\[\]]+\]):([0-9]{1,5})", value) if isinstance(value, str) else None
    with contextlib.suppress(ValueError):
        if match is not None and int(match[2]) <= MOST_PORT:
            host = match[1].strip("[]")
            ipaddress.ip_address(host)
            return Listen(host, int(match[2]))
    raise ValueError("write an address and a port, such as 127.0.0.1:8430 or [::1]:8430")


Names = Annotated[tuple[Annotated[SingleLine, Field(min_length=1)], ...], Field(min_length=1)]


class Settings(BaseSettings):
    """The server's own settings. Read them with :func:`read_settings`, which refuses what is misspelt."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    journal: Annotated[str, AfterValidator(_database)] = Field(default_factory=_usual_database, repr=False)
    home: Annotated[Path, AfterValidator(_path)] | None = None
    factor: Annotated[SingleLine, Field(min_length=1)] | None = None
    factor_file: Annotated[Path, AfterValidator(_path)] | None = None
    rails: Annotated[Names | None, NoDecode, BeforeValidator(_names)] = None
    scopes: Annotated[Names | None, NoDecode, BeforeValidator(_names)] = None
    answer_within: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 4.0
    principal: Annotated[SingleLine, Field(min_length=1, max_length=200)] = "local"
    language: Literal["en", "es"] = "en"
    live: bool = False
    notifications_key: Annotated[SecretStr, Field(min_length=SHORTEST_KEY)] | None = None
    notifications_url: Annotated[SecretStr, AfterValidator(_notifications_url)] | None = None
    webhooks: Annotated[Listen | None, NoDecode, BeforeValidator(_listen)] = None
    log: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "warning"
    rail: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """What ``riel.toml`` says under ``[rail.<name>]``, unread: each rail reads its own."""
    limits: Annotated[dict[str, Any], AfterValidator(_limits)] = Field(default_factory=dict, repr=False)
    """What it says under ``[limits]``, for :func:`riel.guards.limits.read_limits`. It comes from that file alone."""

    _file: Path | None = PrivateAttr(default=None)

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
        return user_data_folder("RIEL_HOME")

    @property
    def file(self) -> Path | None:
        """The file that was read, an absolute path; ``None`` where there is none."""
        return self._file

    @property
    def source(self) -> str:
        """Where these settings come from, in words."""
        return f"the environment and {self.file}" if self.file else "the environment, and no file"

    def in_sandbox(self) -> Self:
        """The same for ``--sandbox``: pretend payments get a journal of their own, unless one was named."""
        if "journal" in self.model_fields_set or self.journal_file is None:
            return self
        return self.model_copy(update={"journal": f"sqlite:///{self.journal_file.with_name('sandbox.db')}"})

    def read_from(self, file: Path | None) -> Self:
        """The same, as read from ``file`` and the environment."""
        self._file = file
        return self
