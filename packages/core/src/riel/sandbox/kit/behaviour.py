"""The settings of a pretend bank: its clock, its times, and where it may send webhooks."""

from collections.abc import Awaitable, Callable, Container, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel

from riel.config import is_loopback

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
"""Both are parameters of a pretend bank, so that a test moves the time itself."""

B = TypeVar("B", bound=BaseModel)


def _loopback(url: str) -> str:
    if url and not is_loopback(url):
        raise ValueError("must be an http address on this machine: a pretend bank sends nothing anywhere else")
    return url


LoopbackUrl = Annotated[str, AfterValidator(_loopback)]
"""An ``http(s)`` URL on this machine, or nothing."""


def behaviour_of(
    model: type[B], settings: Mapping[str, str], *, bank: str = "the pretend bank", client: Container[str] = ()
) -> B:
    """Read a bank's behaviour from the raw settings of its rail.

    :param bank: what the bank is called in an error.
    :param client: the names of the settings that belong to the rail's client, which are left out.
    :raises ValueError: a setting belongs to neither of them, or has a value that the model refuses.
    """
    unknown = sorted(name for name in settings if name not in model.model_fields and name not in client)
    if unknown:
        known = ", ".join(model.model_fields)
        raise ValueError(f"{bank} has no setting {', '.join(map(repr, unknown))}; it has {known}")
    chosen: dict[str, Any] = {name: value for name, value in settings.items() if name in model.model_fields}
    return model.model_validate(chosen)
