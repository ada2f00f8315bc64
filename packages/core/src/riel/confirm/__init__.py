"""Who confirms, and how: the terms and their digest, the words the person reads, and the factors by name.

Everything here is pure but a factor's ``ask``; the life of a challenge (tries, locking, expiry) is the journal's.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from riel.confirm.digest import Terms, digest
from riel.confirm.factor import Asked, Factor, Proof, Setup
from riel.confirm.mac import NONCE, code_for, well_formed
from riel.confirm.wording import Language, question
from riel.errors import Misconfigured

__all__ = [
    "FACTORS",
    "NONCE",
    "Asked",
    "Factor",
    "Language",
    "Proof",
    "Setup",
    "Terms",
    "chosen",
    "code_for",
    "digest",
    "question",
    "well_formed",
]

FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "console": "riel.confirm.console:Console",
        "file": "riel.confirm.file:File",
        "totp": "riel.confirm.totp:Totp",
    }
)
"""The built-in factors and where they are: none is imported until it is chosen."""


def chosen(name: str, installed: Iterable[type[Factor]] = ()) -> type[Factor]:
    """The factor called ``name``, built in or ``installed`` by another package.

    :raises Misconfigured: there is none of that name, or several: then none of them is taken.
    """
    others = list(installed)
    found = [factor for factor in others if factor.name == name]
    modules = sorted([factor.__module__ for factor in found] + ["riel itself"] * (name in FACTORS))
    if len(modules) > 1:
        raise Misconfigured(f"RIEL_FACTOR={name} is offered by {' and '.join(modules)}: uninstall all but one")
    if found:
        return found[0]
    if name not in FACTORS:
        known = sorted({*FACTORS, *(factor.name for factor in others)})
        raise Misconfigured(f"RIEL_FACTOR={name} is not a factor: choose one of {', '.join(known)}")
    module, _, attribute = FACTORS[name].partition(":")
    return cast("type[Factor]", getattr(import_module(module), attribute))
