"""The guard that checks a payment against every limit that applies to it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from riel.confirm.terms import Terms
from riel.guards import Reservation
from riel.guards.limits import errors
from riel.guards.limits.accounts import ParseAccount, read_accounts
from riel.guards.limits.quota import EVERYBODY, Quota, Scope, of_principal, of_rail, quotas
from riel.guards.limits.settings import LimitsSettings, LimitsTable
from riel.money import Money


class Limits:
    """Keeps :class:`riel.guards.Guard` and :class:`riel.guards.QuotaGuard`. Refunds bring money back and pass."""

    name = "limits"

    def __init__(self, settings: LimitsSettings, parsers: Mapping[str, ParseAccount] | None = None) -> None:
        """Keep ``settings``; ``parsers`` reads the accounts of the lists, for the rails that declare one."""
        self._settings = settings
        self._allow, self._deny = (
            {
                scope: read_accounts(entries, parsers or {})
                for scope, table in self.tables()
                if (entries := getattr(table, name)) is not None
            }
            for name in ("allow", "deny")
        )

    def check(self, terms: Terms, now: datetime) -> None:
        """Check the limits that do not depend on other payments.

        :raises NotAllowed: the limit that refuses the payment.
        """
        for scope, table in self._tables_of(terms):
            account = terms.payee.account
            if scope in self._deny and self._deny[scope].denies(terms.rail, account):
                raise errors.not_a_payee(scope, terms, denied=True)
            if scope in self._allow and not self._allow[scope].allows(terms.rail, account):
                raise errors.not_a_payee(scope, terms, denied=False)
            zone = self._zone(table)
            if table.hours is not None and zone is not None and not table.hours.contains(now, zone):
                raise errors.closed(scope, table.hours, zone, table.hours.next_opening(now, zone))
            for name, amounts in table.amounts:
                if terms.money.currency not in amounts:
                    raise errors.other_currency(scope, name, sorted(amounts), terms.money.currency)
            if table.per_payment is not None and terms.money.amount > (most := table.per_payment[terms.money.currency]):
                raise errors.too_large(scope, Money(most, terms.money.currency))

    def reservations(self, terms: Terms, now: datetime) -> Sequence[Reservation]:
        """The reservations that the payment needs. Call :meth:`check` first."""
        return [
            one for scope, table in self._tables_of(terms) for one in self._reservations_of(scope, table, terms, now)
        ]

    def quotas(self, now: datetime) -> Iterator[Quota]:
        """Every limit that payments share, to show how much of it is left."""
        for scope, table in self.tables():
            yield from quotas(scope, table, self._zone(table), now)

    def tables(self) -> Iterator[tuple[Scope, LimitsTable]]:
        """Every table with its scope."""
        yield EVERYBODY, self._settings
        yield from ((of_rail(name), table) for name, table in self._settings.rail.items())
        yield from ((of_principal(name), table) for name, table in self._settings.principal.items())

    def _tables_of(self, terms: Terms) -> Iterator[tuple[Scope, LimitsTable]]:
        if terms.kind == "payment":
            scopes = {EVERYBODY, of_rail(terms.rail), of_principal(terms.principal)}
            yield from ((scope, table) for scope, table in self.tables() if scope in scopes)

    def _reservations_of(self, scope: Scope, table: LimitsTable, terms: Terms, now: datetime) -> Iterator[Reservation]:
        money = terms.money
        for quota in quotas(scope, table, self._zone(table), now):
            if quota.currency in {"", money.currency}:
                amount = money.amount if quota.currency else 1
                yield Reservation(
                    scope=quota.journal_scope(terms.mode),
                    bucket=quota.bucket,
                    since=quota.since,
                    amount=amount,
                    limit=quota.limit,
                    error=errors.used_up(quota, amount),
                )
        if table.first_payment is not None:
            limit = Money(table.first_payment[money.currency], money.currency)
            # More people read the journal's totals than its payments, so they hold a hash and not the account.
            payee = hashlib.sha256(f"{terms.rail}|{terms.payee.account}".encode()).hexdigest()
            yield Reservation(
                scope="|".join(("first_payment", terms.mode, scope.name, money.currency, payee)),
                bucket=0,
                since=0,
                amount=money.amount,
                limit=limit.amount,
                error=errors.too_much_for_a_first(scope, limit, terms.payee.account),
                lifted_by=terms.payee.account,
            )

    def _zone(self, table: LimitsTable) -> tzinfo | None:
        return table.time_zone or self._settings.time_zone
