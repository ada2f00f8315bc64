"""Fintoc's API over HTTP: what is sent, how it is signed, and what an answer means. It knows of no payment.

Each name is imported when it is first used: httpx and cryptography cost a tenth of a second, which whoever only reads
the rail's declaration should not pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rail_fintoc.api.constants import API, VERSION
    from rail_fintoc.api.errors import Fault, Meaning, NotTold, Refused, Unresolved
    from rail_fintoc.api.fintoc_api import Fintoc
    from rail_fintoc.api.ids import KINDS, FintocId, Kind, checked_id, kind_of, path_to
    from rail_fintoc.api.jws import HEADER, JwsKey, fresh_nonce
    from rail_fintoc.api.jws_verification import WINDOW, JwsFault, verified_jws
    from rail_fintoc.api.pagination import JSON, Row, Rows
    from rail_fintoc.api.rate_limit import Pace
    from rail_fintoc.api.request import TIMEOUT, Params
else:
    _NAMES = {
        "request": "TIMEOUT Params",
        "errors": "Fault Meaning NotTold Refused Unresolved",
        "fintoc_api": "Fintoc",
        "ids": "KINDS FintocId Kind checked_id kind_of path_to",
        "jws": "HEADER JwsKey fresh_nonce",
        "rate_limit": "Pace",
        "pagination": "JSON Row Rows",
        "constants": "API VERSION",
        "jws_verification": "WINDOW JwsFault verified_jws",
    }
    _WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}

    def __getattr__(name: str) -> Any:
        """A name of ``__all__``, from the module that has it."""
        if name in _WHERE:
            return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "API",
    "HEADER",
    "JSON",
    "KINDS",
    "TIMEOUT",
    "VERSION",
    "WINDOW",
    "Fault",
    "Fintoc",
    "FintocId",
    "JwsFault",
    "JwsKey",
    "Kind",
    "Meaning",
    "NotTold",
    "Pace",
    "Params",
    "Refused",
    "Row",
    "Rows",
    "Unresolved",
    "checked_id",
    "fresh_nonce",
    "kind_of",
    "path_to",
    "verified_jws",
]
