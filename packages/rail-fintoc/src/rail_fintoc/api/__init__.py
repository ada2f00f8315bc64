"""Fintoc's API over HTTP: what is sent, how it is signed, and what an answer means. It knows of no payment.

Each name is imported when it is first used: httpx and cryptography cost a tenth of a second, which whoever only reads
the rail's declaration should not pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rail_fintoc.api.constants import API, VERSION
    from rail_fintoc.api.errors import ErrorDetails, ErrorMeaning, LookupRefused, RequestRefused, Unresolved
    from rail_fintoc.api.fintoc_api import FintocApi
    from rail_fintoc.api.ids import KINDS, FintocId, ResourceKind, kind_of, path_to, validate_id
    from rail_fintoc.api.json_body import JSON, InvalidJson, JsonObject, parse_json
    from rail_fintoc.api.jws import HEADER, JwsKey, fresh_nonce
    from rail_fintoc.api.jws_verification import WINDOW, InvalidJws, verified_jws
    from rail_fintoc.api.pagination import ResourcePage
    from rail_fintoc.api.rate_limit import RateLimiter
    from rail_fintoc.api.request import TIMEOUT, Params
else:
    _NAMES = {
        "request": "TIMEOUT Params",
        "errors": "ErrorDetails ErrorMeaning LookupRefused RequestRefused Unresolved",
        "fintoc_api": "FintocApi",
        "ids": "KINDS FintocId ResourceKind validate_id kind_of path_to",
        "jws": "HEADER JwsKey fresh_nonce",
        "rate_limit": "RateLimiter",
        "json_body": "JSON InvalidJson JsonObject parse_json",
        "pagination": "ResourcePage",
        "constants": "API VERSION",
        "jws_verification": "WINDOW InvalidJws verified_jws",
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
    "ErrorDetails",
    "ErrorMeaning",
    "FintocApi",
    "FintocId",
    "InvalidJson",
    "InvalidJws",
    "JsonObject",
    "JwsKey",
    "LookupRefused",
    "Params",
    "RateLimiter",
    "RequestRefused",
    "ResourceKind",
    "ResourcePage",
    "Unresolved",
    "fresh_nonce",
    "kind_of",
    "parse_json",
    "path_to",
    "validate_id",
    "verified_jws",
]
