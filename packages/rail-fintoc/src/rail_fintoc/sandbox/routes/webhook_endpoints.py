"""Webhook endpoints: who is told of what. The secret that signs is told once, when one is made."""

from urllib.parse import urlsplit

from rail_fintoc.sandbox.behaviour import is_here
from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Json, stamp
from rail_fintoc.sandbox.routes.events import TYPES, example
from rail_fintoc.sandbox.webhooks.endpoint import Endpoint

STATUSES = ("enabled", "disabled")


def told(endpoint: Endpoint, *, secret: bool = False) -> Json:
    """What Fintoc says of an endpoint."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "mode": endpoint.mode,
        "status": endpoint.status,
        "url": endpoint.url,
        "description": endpoint.description,
        "enabled_events": list(endpoint.enabled_events),
        "secret": endpoint.secret if secret else None,
        "created_at": stamp(endpoint.created_at),
    }


def create(asked: Asked) -> Reply:
    """``POST /v1/webhook_endpoints``: the only answer with the secret."""
    body, world = asked.body, asked.world
    endpoint = Endpoint(
        id=world.id("we"),
        mode=asked.mode,
        url=_url(body.needed("url", longest=2000)),
        secret=world.id("whsec"),
        enabled_events=_events(body),
        created_at=asked.now,
        description=body.text("description"),
    )
    asked.books.shelf(Endpoint).put(endpoint)
    return Reply(told(endpoint, secret=True), 201)


def change(asked: Asked) -> Reply:
    """``PATCH /v1/webhook_endpoints/{id}``: what is not named stays."""
    endpoint, body = _found(asked), asked.body
    url = _url(body.needed("url", longest=2000)) if "url" in body else endpoint.url
    events = _events(body) if "enabled_events" in body else endpoint.enabled_events
    status = body.one_of("status", STATUSES) or endpoint.status
    if "disabled" in body:
        if not isinstance(body["disabled"], bool):
            raise Refused(400, "invalid_boolean", "disabled must be true or false", "disabled")
        status = "disabled" if body["disabled"] else "enabled"
    description = body.text("description") if "description" in body else endpoint.description
    endpoint.url, endpoint.enabled_events, endpoint.status, endpoint.description = url, events, status, description
    return Reply(told(endpoint))


def delete(asked: Asked) -> Reply:
    """``DELETE /v1/webhook_endpoints/{id}``: it leaves the list, and is told nothing more."""
    asked.books.shelf(Endpoint).drop(_found(asked).id)
    return Reply(status=204)


def try_out(asked: Asked) -> Reply:
    """``POST /v1/webhook_endpoints/{id}/test``: an event for this one, whether it asked for its type or not."""
    endpoint = _found(asked)
    type_ = asked.body.one_of("type", TYPES, required=True)
    event = asked.books.tell(type_, example(asked.books, type_), only=endpoint.id)
    return Reply(event.told(), 201)


def _url(said: str) -> str:
    """Where events go: https, or an address of this machine, which is all that the pretend Fintoc really tells."""
    parts = urlsplit(said)
    if not (parts.scheme == "https" and parts.netloc) and not is_here(said):
        raise Refused(400, "invalid_params", "url must begin with https://", "url")
    return said


def _events(body: Body) -> list[str]:
    said = body.get("enabled_events")
    if not said:
        raise Refused(400, "missing_parameter", "Missing required param: enabled_events", "enabled_events")
    if not isinstance(said, list) or not all(isinstance(word, str) for word in said):
        raise Refused(400, "invalid_array", "enabled_events must be an array of names", "enabled_events")
    unknown = sorted(set(said) - TYPES)
    if unknown:
        raise Refused(400, "invalid_webhook_subscription", f"There is no event {unknown[0][:60]}", "enabled_events")
    return said


def _found(asked: Asked) -> Endpoint:
    return asked.books.shelf(Endpoint).find(asked.path["id"])


def get(asked: Asked) -> Reply:
    """``GET /v1/webhook_endpoints/{id}``"""
    return Reply(told(_found(asked)))


def every(asked: Asked) -> Reply:
    """``GET /v1/webhook_endpoints``"""
    return listed(asked, asked.books.shelf(Endpoint).newest(), told)


ONE = "/v1/webhook_endpoints/{id}"
WAYS = (
    Way(method="GET", path="/v1/webhook_endpoints", answer=every),
    Way(method="POST", path="/v1/webhook_endpoints", answer=create),
    Way(method="GET", path=ONE, answer=get),
    Way(method="PATCH", path=ONE, answer=change),
    Way(method="DELETE", path=ONE, answer=delete),
    Way(method="POST", path=f"{ONE}/test", answer=try_out),
)
