"""Every address of the pretend Fintoc: one line for each resource, which tells its own ways in ``WAYS``."""

from rail_fintoc.sandbox import (
    accounts,
    checkouts,
    customers,
    endpoints,
    events,
    intents,
    invoices,
    links,
    numbers,
    others,
    paying,
    payouts,
    refunds,
    simulate,
    transfers,
    verifications,
)
from rail_fintoc.sandbox.asked import Way

WAYS: tuple[Way, ...] = (
    *accounts.WAYS,
    *numbers.WAYS,
    *transfers.WAYS,
    *verifications.WAYS,
    *simulate.WAYS,
    *customers.WAYS,
    *intents.WAYS,
    *refunds.WAYS,
    *checkouts.WAYS,
    *links.WAYS,
    *payouts.WAYS,
    *invoices.WAYS,
    *others.WAYS,
    *endpoints.WAYS,
    *events.WAYS,
    *paying.WAYS,
)
