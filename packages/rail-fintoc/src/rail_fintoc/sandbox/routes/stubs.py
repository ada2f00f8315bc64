"""What Fintoc has besides: subscriptions, payment links, disputes and the like, to be read only.

Their shapes are not documented where the pretend Fintoc was written from. Each is an object with an id, a mode and a
state, so that whoever looks one up by its id finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rail_fintoc.sandbox.http.request import ApiRequest, ApiResponse, ApiRoute, list_response
from rail_fintoc.sandbox.ledger.organisation import Json, ModeStore, timestamp


@dataclass(slots=True, kw_only=True)
class Stub:
    """One of them; ``more`` is what it has beyond what each has."""

    kind = "other"
    id: str
    created_at: datetime
    more: Json = field(default_factory=dict)

    def to_json(self, store: ModeStore) -> Json:
        """What Fintoc says of it."""
        common = {"id": self.id, "object": self.kind, "mode": store.mode}
        return common | self.more | {"created_at": timestamp(self.created_at)}


class Subscription(Stub):
    """A payer who pays each month."""

    kind = "subscription"


class SubscriptionIntent(Stub):
    """A payer who is about to."""

    kind = "subscription_intent"


class PaymentMethod(Stub):
    """A card or an account that a customer has left."""

    kind = "payment_method"


class PaymentLink(Stub):
    """An address at which anybody can pay."""

    kind = "payment_link"


class Product(Stub):
    """What is sold."""

    kind = "product"


class Charge(Stub):
    """A direct debit."""

    kind = "charge"


class Dispute(Stub):
    """A payment that its payer contests."""

    kind = "dispute"


class RefreshIntent(Stub):
    """A linked bank account that is read again."""

    kind = "refresh_intent"


PATHS: dict[str, type[Stub]] = {
    "/v1/charges": Charge,
    "/v1/disputes": Dispute,
    "/v1/payment_links": PaymentLink,
    "/v1/refresh_intents": RefreshIntent,
    "/v1/subscription_intents": SubscriptionIntent,
    "/v1/subscriptions": Subscription,
    "/v2/payment_methods": PaymentMethod,
    "/v2/products": Product,
    "/v2/subscriptions": Subscription,
}


def _routes(path: str, of: type[Stub]) -> Iterator[ApiRoute]:
    def list_all(request: ApiRequest) -> ApiResponse:
        return list_response(request, request.store.table(of).newest_first(), lambda row: row.to_json(request.store))

    def get(request: ApiRequest) -> ApiResponse:
        return ApiResponse(request.store.table(of).get(request.path["id"]).to_json(request.store))

    yield ApiRoute(method="GET", path=path, handler=list_all)
    yield ApiRoute(method="GET", path=f"{path}/{{id}}", handler=get)


ROUTES = tuple(route for path, of in PATHS.items() for route in _routes(path, of))
