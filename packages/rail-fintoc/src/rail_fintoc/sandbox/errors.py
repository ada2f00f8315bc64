"""How the pretend Fintoc says no: its error object, with the type that belongs to the status."""

from dataclasses import dataclass
from typing import Any

TYPES = {401: "authentication_error", 500: "api_error", 503: "institution_error"}
DOCS = "https://fintoc.com/docs#"


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered with an error. ``param`` is the parameter that is wrong, where it is one."""

    status: int
    code: str
    message: str
    param: str | None = None

    def told(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = TYPES.get(self.status, "invalid_request_error")
        told = {"type": kind, "code": self.code, "message": self.message, "param": self.param}
        return {"error": told | {"doc_url": f"{DOCS}{kind.replace('_', '-')}"}}


def missing(kind: str, id_: str) -> Refused:
    """There is no such object in this mode."""
    return Refused(404, "missing_resource", f"No such {kind}: {id_[:60]}")
