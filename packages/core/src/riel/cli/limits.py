"""``riel limits``: each limit of ``riel.toml``, and of those that payments share, what is used and what is left."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

from riel.cli.json_output import AsJson, print_json
from riel.cli.records import with_journal
from riel.clock import utc_now
from riel.config import read_settings
from riel.guards.limits import Limits, LimitsTable, Quota, read_limits
from riel.journal import Journal
from riel.money import Money, mask_account
from riel.rail import Mode

LimitRow = dict[str, Any]
ALWAYS: Mode = "live"
"""The mode whose count is shown even where nothing is used; that of others, where something is."""


def limits(as_json: AsJson = False) -> None:
    """Show each limit, what is used of it now and what is left.

    Limits are changed in the table "limits" of riel.toml, and count from when a server starts with them.
    """
    settings = read_settings()
    if not settings.limits:
        nothing = "Nothing is limited: [limits] in riel.toml would do that."
        sys.stdout.write("[]\n" if as_json else f"{nothing} The settings come from {settings.source}.\n")
        return
    guard = Limits(read_limits(settings.limits))
    now = utc_now()
    quotas = list(guard.quotas(now))
    rows = [one for scope, table in guard.tables() for one in _unshared_limits(scope.name, table)]
    if quotas:

        async def work(journal: Journal) -> Sequence[LimitRow]:
            return [one for quota in quotas for one in await _shared_limits(journal, quota, now)]

        rows += with_journal(work)
    rows.sort(key=lambda one: one["scope"])
    if as_json:
        print_json(rows)
    else:
        _show(rows, settings.source)


def _unshared_limits(scope: str, table: LimitsTable) -> Iterator[LimitRow]:
    """What is looked at for each payment by itself."""
    for name, amounts in table.amounts:
        if name in {"per_payment", "first_payment"}:
            for currency, most in sorted(amounts.items()):
                yield {"scope": scope, "limit": name, "most": str(Money(most, currency))}
    for name, accounts in (("allow", table.allow), ("deny", table.deny)):
        if accounts is not None:
            yield {
                "scope": scope,
                "limit": name,
                "most": ", ".join(mask_account(account) for account in sorted(accounts)),
            }
    if table.hours is not None:
        yield {"scope": scope, "limit": "hours", "most": str(table.hours)}


async def _shared_limits(journal: Journal, quota: Quota, now: datetime) -> Sequence[LimitRow]:
    """What payments share, in each mode that has used some of it."""

    def plain(amount: int) -> str:
        return str(Money(amount, quota.currency)) if quota.currency else str(amount)

    rows = []
    for mode in get_args(Mode):
        used = await journal.reserved_total(quota.journal_scope(mode), quota.since, now)
        if used or mode == ALWAYS:
            left = max(0, quota.limit - used)
            counted = {"mode": mode, "used": plain(used), "left": plain(left)}
            rows.append({"scope": quota.scope.name, "limit": quota.name, "most": plain(quota.limit), **counted})
    return rows


def _show(rows: Sequence[LimitRow], source: str) -> None:
    from riel.cli.tables import bare_table, print_parts
    from riel.text import clean_text

    table = bare_table()
    for heading in ("for", "limit", "most", "mode", "used", "left"):
        table.add_column(heading, justify="right" if heading in {"used", "left"} else "left")
    for one in rows:
        table.add_row(*(clean_text(one.get(name, "")) for name in ("scope", "limit", "most", "mode", "used", "left")))
    print_parts(table, f"The settings come from {source}.")
