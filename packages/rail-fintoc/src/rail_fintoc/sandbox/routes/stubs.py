"""What Fintoc has besides: subscriptions, payment links, disputes and the like, to be read only.

Their shapes are not documented where the pretend Fintoc was written from. Each is an object with an id, a mode and a
state, so that whoever looks one up by its id finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rail_fintoc.sandbox.http.request import Asked, Reply, Way, listed
from rail_fintoc.sandbox.ledger.organisation import Books, Json, stamp


@dataclass(slots=True, kw_only=True)
class Other:
    """One of them; ``more`` is what it has beyond what each has."""

    kind = "other"
    id: str
    created_at: datetime
    more: Json = field(default_factory=dict)

    def told(self, books: Books) -> Json:
        """What Fintoc says of it."""
        common = {"id": self.id, "object": self.kind, "mode": books.mode}
        return common | self.more | {"created_at": stamp(self.created_at)}


class Subscription(Other):
    """A payer who pays each month."""

    kind = "subscription"


class SubscriptionIntent(Other):
    """A payer who is about to."""

    kind = "subscription_intent"


class PaymentMethod(Other):
    """A card or an account that a customer has left."""

    kind = "payment_method"


class PaymentLink(Other):
    """An address at which anybody can pay."""

    kind = "payment_link"


class Product(Other):
    """What is sold."""

    kind = "product"


class Charge(Other):
    """A direct debit."""

    kind = "charge"


class Dispute(Other):
    """A payment that its payer contests."""

    kind = "dispute"


class RefreshIntent(Other):
    """A linked bank account that is read again."""

    kind = "refresh_intent"


PATHS: dict[str, type[Other]] = {
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


def _ways(path: str, of: type[Other]) -> Iterator[Way]:
    def every(asked: Asked) -> Reply:
        return listed(asked, asked.books.shelf(of).newest(), lambda row: row.told(asked.books))

    def get(asked: Asked) -> Reply:
        return Reply(asked.books.shelf(of).find(asked.path["id"]).told(asked.books))

    yield Way(method="GET", path=path, answer=every)
    yield Way(method="GET", path=f"{path}/{{id}}", answer=get)


WAYS = tuple(way for path, of in PATHS.items() for way in _ways(path, of))
