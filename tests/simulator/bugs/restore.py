"""Bugs in what a restored journal, and one with payments of two accounts, must hold against."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from riel.journal import Challenge
from riel.journal.sqlite.store import SqliteJournal
from riel.payments import Context
from riel.rail import ReferenceSource

from .registry import bug, seen_in


@seen_in("restored")
@bug
def references_that_change_with_each_attempt() -> Iterator[None]:
    def references(self: Context, challenge: Challenge) -> ReferenceSource:
        return ReferenceSource(self.now(), challenge.created_at, self.random_bytes(32))

    with patch.object(Context, "references", references):
        yield


@seen_in("restored")
@bug
def references_made_of_the_time() -> Iterator[None]:
    """The number of an order is that of the second in which its code was given."""

    def references(self: Context, challenge: Challenge) -> ReferenceSource:
        now = self.now().replace(microsecond=0)
        return ReferenceSource(self.now(), now, now.isoformat().encode().ljust(32) + challenge.id.encode())

    with patch.object(Context, "references", references):
        yield


@seen_in("restored")
@bug
def challenges_left_open_after_a_restore() -> Iterator[None]:
    async def none(self: SqliteJournal, *of_them: Any) -> int:
        return 0

    with patch.object(SqliteJournal, "end_open_challenges", none):
        yield


@seen_in("accounts")
@bug
def payments_of_another_account_taken_up() -> Iterator[None]:
    real = SqliteJournal.claim

    async def claim(self: SqliteJournal, *what: Any, **how: Any) -> Any:
        return await real(self, *what, **{**how, "rails": None})

    with patch.object(SqliteJournal, "claim", claim), patch.object(Context, "can_ask", lambda self, record: True):
        yield


@seen_in("accounts")
@bug
def a_look_of_another_account_believed() -> Iterator[None]:
    """Whoever claims, only the check before each call of a rail is missing."""
    real = SqliteJournal.claim

    async def claim(self: SqliteJournal, *what: Any, **how: Any) -> Any:
        return await real(self, *what, **{**how, "rails": None})

    with patch.object(SqliteJournal, "claim", claim), patch.object(Context, "check_payer", lambda self, record: None):
        yield
