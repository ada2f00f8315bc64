"""Who confirms, and how: the terms and their digest, the words the person reads, and the factors by name.

Everything here is pure but a factor's ``ask``; the life of a challenge (tries, locking, expiry) is the journal's.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from riel.confirm.bound_code import NONCE, code_for, well_formed
from riel.confirm.challenge_text import Language, render_challenge
from riel.confirm.factor import ConfirmationRequest, Factor, FactorContext, Proof
from riel.confirm.terms import Terms, digest
from riel.errors import Misconfigured

__all__ = [
    "FACTORS",
    "NONCE",
    "ConfirmationRequest",
    "Factor",
    "FactorContext",
    "Language",
    "Proof",
    "Terms",
    "choose_factor",
    "code_for",
    "digest",
    "render_challenge",
    "well_formed",
]

FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "console": "riel.confirm.factors.console:Console",
        "file": "riel.confirm.factors.file:File",
        "totp": "riel.confirm.factors.totp:Totp",
    }
)
"""The built-in factors and where they are: none is imported until it is chosen."""


def choose_factor(name: str, installed: Iterable[type[Factor]] = ()) -> type[Factor]:
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
