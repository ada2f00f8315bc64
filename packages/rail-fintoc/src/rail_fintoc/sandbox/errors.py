"""Fintoc's error object, with the type that belongs to its status."""

from dataclasses import dataclass
from typing import Any

TYPES = {401: "authentication_error", 500: "api_error", 503: "institution_error"}
DOCS = "https://fintoc.com/docs#"


@dataclass(eq=False)
class ApiError(Exception):
    """An error that a request is answered with. ``param`` names the wrong parameter, where there is one."""

    status: int
    code: str
    message: str
    param: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = TYPES.get(self.status, "invalid_request_error")
        data = {"type": kind, "code": self.code, "message": self.message, "param": self.param}
        return {"error": data | {"doc_url": f"{DOCS}{kind.replace('_', '-')}"}}


def missing_resource(kind: str, id_: str) -> ApiError:
    """The error for an id that no object of this mode has."""
    return ApiError(404, "missing_resource", f"No such {kind}: {id_[:60]}")
