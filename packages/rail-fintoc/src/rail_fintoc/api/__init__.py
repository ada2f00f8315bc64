"""Fintoc's API over HTTP: what is sent, how it is signed, and what an answer means. It knows of no payment.

Each name is imported when it is first used: httpx and cryptography cost a tenth of a second, which whoever only reads
the rail's declaration should not pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rail_fintoc.api.asking import TIMEOUT, Params
    from rail_fintoc.api.faults import Fault, Meaning, NotTold, Refused, Unresolved
    from rail_fintoc.api.fintoc import Fintoc
    from rail_fintoc.api.ids import KINDS, FintocId, Kind, checked_id, kind_of, path_to
    from rail_fintoc.api.jws import HEADER, JwsKey, fresh_nonce
    from rail_fintoc.api.pacing import Pace
    from rail_fintoc.api.paging import JSON, Row, Rows
    from rail_fintoc.api.place import API, VERSION
    from rail_fintoc.api.verifying import WINDOW, JwsFault, verified_jws
else:
    _NAMES = {
        "asking": "TIMEOUT Params",
        "faults": "Fault Meaning NotTold Refused Unresolved",
        "fintoc": "Fintoc",
        "ids": "KINDS FintocId Kind checked_id kind_of path_to",
        "jws": "HEADER JwsKey fresh_nonce",
        "pacing": "Pace",
        "paging": "JSON Row Rows",
        "place": "API VERSION",
        "verifying": "WINDOW JwsFault verified_jws",
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
