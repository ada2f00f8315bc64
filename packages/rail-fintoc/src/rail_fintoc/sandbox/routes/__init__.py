"""Every address of the pretend Fintoc: one module for each resource, which lists its own in ``WAYS``."""

from rail_fintoc.sandbox.http.request import ApiRoute
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

ROUTES: tuple[ApiRoute, ...] = (
    *accounts.ROUTES,
    *account_numbers.ROUTES,
    *transfers.ROUTES,
    *account_verifications.ROUTES,
    *simulated_transfers.ROUTES,
    *customers.ROUTES,
    *payment_intents.ROUTES,
    *refunds.ROUTES,
    *checkout_sessions.ROUTES,
    *links.ROUTES,
    *payouts.ROUTES,
    *invoices.ROUTES,
    *stubs.ROUTES,
    *webhook_endpoints.ROUTES,
    *events.ROUTES,
    *control.ROUTES,
)
