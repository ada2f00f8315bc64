"""What the examples of the payments side say of people, and of what is sold to them."""

from rail_fintoc.sandbox.ledger.organisation import Json
from rail_fintoc.sandbox.routes.stubs import (
    Charge,
    Dispute,
    PaymentLink,
    PaymentMethod,
    Product,
    RefreshIntent,
    Stub,
    Subscription,
    SubscriptionIntent,
)

PEOPLE: dict[str, Json] = {
    "CLP": {
        "name": "Felipe Castro",
        "email": "felipe@example.com",
        "phone": "+56912345678",
        "tax_id": {"type": "cl_rut", "value": "111111111"},
        "address": {
            "country": "cl",
            "city": "Santiago",
            "state": "RM",
            "line1": "Calle 1",
            "line2": None,
            "postal_code": "7500000",
        },
    },
    "MXN": {"name": "Ana Torres", "email": "ana@example.com", "tax_id": {"type": "mx_rfc", "value": "LFHU290523OG0"}},
}
STUBS: dict[str, tuple[type[Stub], Json]] = {
    "pm": (PaymentMethod, {"type": "card", "status": "active"}),
    "prod": (Product, {"name": "Plan mensual", "status": "active"}),
    "sub": (Subscription, {"status": "active", "currency": "CLP"}),
    "si": (SubscriptionIntent, {"status": "succeeded"}),
    "plink": (PaymentLink, {"status": "active", "amount": 15_000, "currency": "CLP"}),
    "ch": (Charge, {"status": "succeeded", "amount": 9990, "currency": "CLP"}),
    "dp": (Dispute, {"status": "under_review", "resource_type": "payment_intent"}),
    "ri": (RefreshIntent, {"status": "succeeded"}),
}
"""By the prefix of their ids; those of products, charges and the two intents are not documented."""
