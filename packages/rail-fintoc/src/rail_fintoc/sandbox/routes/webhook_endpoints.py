"""Webhook endpoints: who is told of what. The secret that signs is told once, when one is made."""

from urllib.parse import urlsplit

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json, timestamp
from rail_fintoc.sandbox.routes.events import TYPES, example
from rail_fintoc.sandbox.webhooks.endpoint import WebhookEndpoint
from riel.sandbox.kit import is_loopback

STATUSES = ("enabled", "disabled")


def endpoint_json(endpoint: WebhookEndpoint, *, secret: bool = False) -> Json:
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
        "created_at": timestamp(endpoint.created_at),
    }


def create(request: ApiRequest) -> ApiResponse:
    """``POST /v1/webhook_endpoints``: the only answer with the secret."""
    body, organisation = request.body, request.organisation
    endpoint = WebhookEndpoint(
        id=organisation.id("we"),
        mode=request.mode,
        url=_url(body.required_text("url", longest=2000)),
        secret=organisation.id("whsec"),
        enabled_events=_events(body),
        created_at=request.now,
        description=body.text("description"),
    )
    request.store.table(WebhookEndpoint).add(endpoint)
    return ApiResponse(endpoint_json(endpoint, secret=True), 201)


def change(request: ApiRequest) -> ApiResponse:
    """``PATCH /v1/webhook_endpoints/{id}``: what is not named stays."""
    endpoint, body = _requested(request), request.body
    url = _url(body.required_text("url", longest=2000)) if "url" in body else endpoint.url
    events = _events(body) if "enabled_events" in body else endpoint.enabled_events
    status = body.choice("status", STATUSES) or endpoint.status
    if "disabled" in body:
        if not isinstance(body["disabled"], bool):
            raise ApiError(400, "invalid_boolean", "disabled must be true or false", "disabled")
        status = "disabled" if body["disabled"] else "enabled"
    description = body.text("description") if "description" in body else endpoint.description
    endpoint.url, endpoint.enabled_events, endpoint.status, endpoint.description = url, events, status, description
    return ApiResponse(endpoint_json(endpoint))


def delete(request: ApiRequest) -> ApiResponse:
    """``DELETE /v1/webhook_endpoints/{id}``: it leaves the list, and is told nothing more."""
    request.store.table(WebhookEndpoint).remove(_requested(request).id)
    return ApiResponse(status=204)


def send_test_event(request: ApiRequest) -> ApiResponse:
    """``POST /v1/webhook_endpoints/{id}/test``: an event for this one, whether it asked for its type or not."""
    endpoint = _requested(request)
    type_ = request.body.choice("type", TYPES, required=True)
    event = request.store.emit(type_, example(request.store, type_), only_endpoint=endpoint.id)
    return ApiResponse(event.to_json(), 201)


def _url(url: str) -> str:
    """Where events go: https, or an address of this machine, which is all that the pretend Fintoc really tells."""
    parts = urlsplit(url)
    if not (parts.scheme == "https" and parts.netloc) and not is_loopback(url):
        raise ApiError(400, "invalid_params", "url must begin with https://", "url")
    return url


def _events(body: Body) -> list[str]:
    types = body.get("enabled_events")
    if not types:
        raise ApiError(400, "missing_parameter", "Missing required param: enabled_events", "enabled_events")
    if not isinstance(types, list) or not all(isinstance(word, str) for word in types):
        raise ApiError(400, "invalid_array", "enabled_events must be an array of names", "enabled_events")
    unknown = sorted(set(types) - TYPES)
    if unknown:
        raise ApiError(400, "invalid_webhook_subscription", f"There is no event {unknown[0][:60]}", "enabled_events")
    return types


def _requested(request: ApiRequest) -> WebhookEndpoint:
    return request.store.table(WebhookEndpoint).get(request.path["id"])


def get(request: ApiRequest) -> ApiResponse:
    """``GET /v1/webhook_endpoints/{id}``"""
    return ApiResponse(endpoint_json(_requested(request)))


def list_all(request: ApiRequest) -> ApiResponse:
    """``GET /v1/webhook_endpoints``"""
    return list_response(request, request.store.table(WebhookEndpoint).newest_first(), endpoint_json)


ONE = "/v1/webhook_endpoints/{id}"
ROUTES = (
    ApiRoute(method="GET", path="/v1/webhook_endpoints", handler=list_all),
    ApiRoute(method="POST", path="/v1/webhook_endpoints", handler=create),
    ApiRoute(method="GET", path=ONE, handler=get),
    ApiRoute(method="PATCH", path=ONE, handler=change),
    ApiRoute(method="DELETE", path=ONE, handler=delete),
    ApiRoute(method="POST", path=f"{ONE}/test", handler=send_test_event),
)
