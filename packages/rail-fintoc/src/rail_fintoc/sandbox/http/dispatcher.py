"""The path of a request: through the middleware, to its route, and out again with what happens to the answer."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import LONGEST_BODY, parse_body
from rail_fintoc.sandbox.http.middleware import RequestChecks, request_digest
from rail_fintoc.sandbox.http.query import Query
from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute
from rail_fintoc.sandbox.ledger.organisation import ModeStore, Organisation
from rail_fintoc.sandbox.webhooks.sender import EventSender
from riel.sandbox.kit import CutResponse, Sleep, gateway_page

MARKER_HEADER = ("X-Pretend", "Fintoc")
"""A header of every answer, so that nobody takes it for one of the real Fintoc."""

GARBAGE = b'{"object": "transfer", "id": \x00\xff'


class Dispatcher:
    """Runs each request through the checks and its route, and sends the answer."""

    def __init__(self, organisation: Organisation, checks: RequestChecks, sleep: Sleep, sender: EventSender) -> None:
        self._organisation = organisation
        self._checks = checks
        self._sleep = sleep
        self._sender = sender

    def endpoint(self, route: ApiRoute) -> Callable[[Request], Awaitable[Response]]:
        """The ASGI endpoint of one route."""

        async def respond(request: Request) -> Response:
            response = self._response(route, request, await _body_of(request))
            if response.webhooks_first:
                await self._sender.send_and_wait()
            self._sender.send_pending()
            if response.delivery == "slow":
                await self._sleep(self._organisation.behaviour.slow_seconds)
            return self.to_http(response)

        return respond

    def _response(self, route: ApiRoute, request: Request, body: bytes) -> ApiResponse:
        """The response to a request. Nothing here awaits, so no other request runs meanwhile."""
        self._organisation.run_due()
        checks, headers = self._checks, request.headers
        try:
            store = checks.authenticate(headers)
            checks.limit_rate(route)
            version = checks.api_version(headers)
            checks.verify_signature(route, store, headers, body)
            key = checks.idempotency_key(route, headers)
        except ApiError as error:
            return error_response(error)

        def handle() -> ApiResponse:
            api_request = ApiRequest(
                organisation=self._organisation,
                store=store,
                version=version,
                url=str(request.url.replace(query="")),
                path=request.path_params,
                query=Query(request.query_params.multi_items()),
                body=parse_body(body, headers.get("content-type", "")),
                key=key,
            )
            return route.handler(api_request)

        digest = request_digest(route.method, request.url.query, body)
        return self._first(store, request.url.path, key, digest, handle)

    def _first(
        self, store: ModeStore, path: str, key: str, digest: str, handle: Callable[[], ApiResponse]
    ) -> ApiResponse:
        """The first response to the same idempotency key, if there was one; else that of the route, which is stored."""
        try:
            if (stored := self._checks.stored_response(store, path, key, digest)) is not None:
                return stored
        except ApiError as error:
            return error_response(error)
        try:
            response = handle()
        except ApiError as error:
            response = error_response(error)
        if response.arrives_later:

            def arrive() -> None:
                self._first(store, path, key, digest, handle)

            self._organisation.schedule(self._organisation.behaviour.slow_seconds, arrive)
        if not response.not_stored:
            self._checks.store_response(store, path, key, digest, response)
        return response

    def to_http(self, response: ApiResponse) -> Response:
        """The response as it is sent, or as much of it as is left."""
        headers = {**response.headers, MARKER_HEADER[0]: MARKER_HEADER[1], "X-Request-Id": self._organisation.id("req")}
        match response.delivery:
            case "garbage":
                return Response(GARBAGE, 200, headers, "application/json")
            case "html":
                page = gateway_page(502)
                page.headers.update(headers)
                return page
            case "cut":
                return CutResponse()
        content = b"" if response.body is None else json.dumps(response.body).encode()
        return Response(content, response.status, headers, "application/json")


def error_response(error: ApiError) -> ApiResponse:
    return ApiResponse(error.to_json(), error.status)


async def _body_of(request: Request) -> bytes:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LONGEST_BODY:
            raise ApiError(400, "invalid_request", "The body is too long")
    return raw
