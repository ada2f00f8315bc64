"""Confirmation: the terms and their digest, the text of a challenge, and the factors by name.

Everything here is pure except a factor's ``ask``. The journal keeps the state of a challenge: attempts, lock, expiry.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from riel.confirm.bound_code import NONCE, code_for, is_well_formed
from riel.confirm.challenge_text import Language, PriorPayment, Wording, approver_text, render_challenge, summarize
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
    "PriorPayment",
    "Proof",
    "Terms",
    "Wording",
    "approver_text",
    "choose_factor",
    "code_for",
    "digest",
    "is_well_formed",
    "render_challenge",
    "summarize",
]

FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "console": "riel.confirm.factors.console:ConsoleFactor",
        "file": "riel.confirm.factors.file:FileFactor",
        "totp": "riel.confirm.factors.totp:TotpFactor",
    }
)
"""The built-in factors by name, each as ``module:class``. A factor is imported when it is chosen."""


def choose_factor(name: str, installed: Iterable[type[Factor]] = ()) -> type[Factor]:
    """The factor called ``name``, built in or ``installed`` by another package.

    :raises Misconfigured: no factor has that name, or several have it.
    """
    others = list(installed)
    matches = [factor for factor in others if factor.name == name]
    modules = sorted([factor.__module__ for factor in matches] + ["riel itself"] * (name in FACTORS))
    if len(modules) > 1:
        raise Misconfigured(f"RIEL_FACTOR={name} is offered by {' and '.join(modules)}: uninstall all but one")
    if matches:
        return matches[0]
    if name not in FACTORS:
        known = sorted({*FACTORS, *(factor.name for factor in others)})
        raise Misconfigured(f"RIEL_FACTOR={name} is not a factor: choose one of {', '.join(known)}")
    module, _, attribute = FACTORS[name].partition(":")
    return cast("type[Factor]", getattr(import_module(module), attribute))
