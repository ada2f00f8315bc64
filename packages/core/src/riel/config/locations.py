"""Where the configuration and the data of this user are: never in the current directory."""

from collections.abc import Callable
from pathlib import Path

from riel.errors import Misconfigured

FILE = "riel.toml"


def user_config_file() -> Path | None:
    """The configuration file of this user, whether or not it exists; ``None`` where the user has no home folder."""
    import platformdirs

    folder = _absolute(platformdirs.user_config_path)
    return None if folder is None else folder / FILE


def user_data_folder(instead: str) -> Path:
    """The folder for this user's data.

    :param instead: the setting that does without a home folder.
    :raises Misconfigured: the user has no home folder.
    """
    import platformdirs  # 15 ms, for nothing where the journal is set

    folder = _absolute(platformdirs.user_data_path)
    if folder is None:
        raise Misconfigured(f"{instead} is missing, and this user has no home folder to use instead: set {instead}")
    return folder


def _absolute(user_path: Callable[[str], Path]) -> Path | None:
    """Our folder there. Without a home folder some versions of platformdirs raise, and others stay in ``./~``."""
    try:
        folder = user_path("riel")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None


def expand_home(path: Path) -> Path:
    """``path`` with the home folder in place of a leading ``~``.

    :raises ValueError: there is no such folder.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("there is no home folder to put for ~: write the whole path") from None


def in_folder(value: str, folder: Path) -> str:
    """A path that is written in a file of ``folder``, as an absolute one; a URL, and ``~``, stay as they are."""
    scheme, separator, rest = value.partition("://")
    if not separator:
        return value if value.startswith("~") else str(folder / value)
    if scheme != "sqlite" or not rest.startswith("/") or rest in {"/", "/:memory:"} or rest.startswith("/~"):
        return value
    return f"sqlite:///{folder / rest[1:]}"
