"""Every address of the pretend Fintoc: one module for each resource, which lists its own in ``WAYS``."""

from rail_fintoc.sandbox.http.request import Way
from rail_fintoc.sandbox.routes import (
    account_numbers,
    account_verifications,
    accounts,
    checkout_sessions,
    control,
    customers,
    events,
    invoices,
    links,
    payment_intents,
    payouts,
    refunds,
    simulated_transfers,
    stubs,
    transfers,
    webhook_endpoints,
)

WAYS: tuple[Way, ...] = (
    *accounts.WAYS,
    *account_numbers.WAYS,
    *transfers.WAYS,
    *account_verifications.WAYS,
    *simulated_transfers.WAYS,
    *customers.WAYS,
    *payment_intents.WAYS,
    *refunds.WAYS,
    *checkout_sessions.WAYS,
    *links.WAYS,
    *payouts.WAYS,
    *invoices.WAYS,
    *stubs.WAYS,
    *webhook_endpoints.WAYS,
    *events.WAYS,
    *control.WAYS,
)
