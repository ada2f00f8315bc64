"""What live money asks of the files that decide about it: nobody but this user or root can change them.

A file under the current directory counts as one that others can change. A client starts the server in the folder in
which its agent works, and the agent writes there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from riel.config.settings import PREFIX, Settings
from riel.config.sources import environment_variables
from riel.errors import Misconfigured
from riel.file_permissions import path_problem, private_file_problem
from riel.rail import RailSettings
from riel.redaction import secrets_of


def check_live_files(settings: Settings, rails: Mapping[str, RailSettings]) -> None:
    """Refuse a configuration, home, journal or file of codes that others can change, where money is real.

    A configuration file that holds a secret nobody else may read either.

    :param rails: the settings of each rail.
    :raises Misconfigured: one sentence that names the setting, the file and the way out.
    """
    here = _current_directory()
    for setting, path in _files_of(settings):
        if (problem := path_problem(path)) is not None:
            raise Misconfigured(f"{setting}, which live money depends on: {problem}")
        if here is not None and (path.resolve().is_relative_to(here) or path.absolute().is_relative_to(here)):
            raise Misconfigured(
                f"{setting}, which live money depends on: {path} is under the current directory, where an agent may "
                "write: move it, or start riel in another directory"
            )
    if settings.file is not None and _holds_secret(settings, rails):
        problem = private_file_problem(settings.file.stat())
        if problem is not None:
            raise Misconfigured(f"RIEL_CONFIG, which holds a secret: {settings.file} {problem}")


def _holds_secret(settings: Settings, rails: Mapping[str, RailSettings]) -> bool:
    """Whether the configuration file, and not the environment, sets something secret."""
    if settings.notifications_key is not None and "notifications_key" not in environment_variables(PREFIX):
        return True
    return any(
        name in settings.rail.get(rail, {}) and any(secrets_of(value))
        for rail, rail_settings in rails.items()
        for name, value in rail_settings
    )


def _files_of(settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.file is not None:
        yield "RIEL_CONFIG", settings.file
    yield "RIEL_HOME", settings.folder
    yield "RIEL_HOME", settings.folder / "server.key"
    if settings.journal_file is not None:
        yield "RIEL_JOURNAL", settings.journal_file
    if settings.factor_file is not None:
        yield "RIEL_FACTOR_FILE", settings.factor_file


def _current_directory() -> Path | None:
    """The current directory; ``None`` where it is the root of all files, in which nobody works, or is gone."""
    try:
        here = Path.cwd().resolve()
    except OSError:
        return None
    return None if here == Path(here.anchor) else here
