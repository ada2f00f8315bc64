"""Who was asked, and what they agreed to: mistakes in confirm."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from riel.journal import Attempt, Challenge, ChallengeState, PaymentRecord
from riel.journal.row_mac import CHALLENGES, PAYMENTS, RowMac
from riel.journal.sqlite import challenges, creation
from riel.journal.sqlite.store import SqliteJournal
from riel.money import Money
from riel.payments import confirm
from riel.payments import context as context_module
from riel.rail import Payee

from .registry import bug

DIGEST = context_module.digest


def _digest_without(**less: Any) -> AbstractContextManager[Any]:
    return patch.object(context_module, "digest", lambda terms: DIGEST(replace(terms, **less)))


@bug
def a_digest_without_the_payee() -> Iterator[None]:
    def digest(terms: Any) -> bytes:
        return DIGEST(replace(terms, payee=Payee("", ""), arguments={**terms.arguments, "account": ""}))

    with patch.object(context_module, "digest", digest):
        yield


@bug
def a_digest_without_the_amount() -> Iterator[None]:
    def digest(terms: Any) -> bytes:
        return DIGEST(replace(terms, money=Money(1, "MXN"), arguments={**terms.arguments, "amount": 0}))

    with patch.object(context_module, "digest", digest):
        yield


@bug
def a_digest_without_the_payer() -> Iterator[None]:
    with _digest_without(payer=""):
        yield


@bug
def another_principal_may_confirm() -> Iterator[None]:
    async def anybodys(self: SqliteJournal, principal: str, digest: bytes) -> Any:
        return await self._read_directly(lambda db: challenges.newest(db, self._mac, "ana", digest))

    with _digest_without(principal=""), patch.object(SqliteJournal, "challenges", anybodys):
        yield


def _proven() -> Any:
    """The bug is riel's own, so riel would prove what it wrote."""
    return patch.object(RowMac, "proves", lambda self, mac, label, *values: label in {CHALLENGES, PAYMENTS})


@bug
def a_used_code_that_answers_what_is_asked_anew() -> Iterator[None]:
    """The challenge that is open now is not looked at where the code was used for the same payment before."""
    real = confirm._challenges

    async def used_first(context: Any, request: Any) -> Any:
        every = await real(context, request)
        return [each for each in every if each.state is ChallengeState.CONSUMED] or every

    with patch.object(confirm, "_challenges", used_first):
        yield


@bug
def a_code_that_is_not_used_up() -> Iterator[None]:
    real = creation.create

    def intend(db: Any, owner: Any, attempt: Attempt, id_: str, *rest: Any) -> Any:
        born = real(db, owner, attempt, id_, *rest)
        if isinstance(born, PaymentRecord):
            db.execute("UPDATE challenges SET state = 'open' WHERE id = ?", (id_,))
        return born

    with patch.object(creation, "create", intend), _proven():
        yield


@bug
def consumed_in_one_transaction_and_born_in_another() -> Iterator[None]:
    async def apart(self: SqliteJournal, attempt: Attempt, id_: str, *rest: Any) -> Any:
        consume = "UPDATE challenges SET state = 'consumed' WHERE id = ? AND state = 'open'"
        await self._writer.write(lambda db: db.execute(consume, (id_,)).rowcount)

        def unit(db: Any) -> Any:
            db.execute("UPDATE challenges SET state = 'open' WHERE id = ?", (id_,))
            return creation.create(db, self._owner(), attempt, id_, *rest)

        return await self._writer.write(unit)

    with patch.object(SqliteJournal, "create_payment", apart), _proven():
        yield


@bug
def an_expired_question_accepted() -> Iterator[None]:
    real_intend, real_count = creation.create, challenges.count_attempt

    def longer(db: Any, id_: str | None) -> None:
        db.execute("UPDATE challenges SET expires_at = expires_at + 600000 WHERE id = ?", (id_,))

    def intend(db: Any, owner: Any, attempt: Attempt, id_: str, *rest: Any) -> Any:
        longer(db, id_)
        return real_intend(db, owner, attempt, id_, *rest)

    def count(db: Any, mac: RowMac, id_: str | None, *rest: Any) -> Any:
        longer(db, id_)
        return real_count(db, mac, id_, *rest)

    with patch.object(creation, "create", intend), patch.object(challenges, "count_attempt", count), _proven():
        yield


@bug
def a_no_that_is_forgotten() -> Iterator[None]:
    def decline(db: Any, mac: RowMac, id_: str, by: str, at: int) -> Challenge | None:
        known = challenges.get(db, mac, id_)
        if known is None or known.state is not ChallengeState.OPEN:
            return None
        return replace(known, state=ChallengeState.DECLINED)

    with patch.object(challenges, "decline", decline):
        yield


@bug
def a_try_that_is_not_counted() -> Iterator[None]:
    real = challenges.count_attempt

    def count(db: Any, mac: RowMac, id_: str | None, *rest: Any) -> Any:
        attempt = real(db, mac, id_, *rest)
        if isinstance(attempt, Attempt):
            db.execute("DELETE FROM attempts WHERE id = ?", (attempt.id,))
        return attempt

    with patch.object(challenges, "count_attempt", count):
        yield


@bug
def counted_after_it_is_compared() -> Iterator[None]:
    real = confirm._compare

    async def compare(open_attempt: Any, prepared: Any) -> Any:
        open_attempt.context.factor.check(
            context_module.confirmation_request(open_attempt.challenge), open_attempt.code, open_attempt.context.now()
        )
        return await real(open_attempt, prepared)

    with patch.object(confirm, "_compare", compare):
        yield


@bug
def five_wrong_codes_and_still_open() -> Iterator[None]:
    real = challenges.count_attempt

    def count(db: Any, mac: RowMac, id_: str | None, principal: str, at: int, limits: Any) -> Any:
        return real(db, mac, id_, principal, at, replace(limits, per_challenge=50))

    def wrong(db: Any, mac: RowMac, attempt: Attempt, id_: str, at: int, limits: Any) -> ChallengeState:
        db.execute("UPDATE attempts SET outcome = 'wrong' WHERE id = ?", (attempt.id,))
        return ChallengeState.OPEN

    with patch.object(challenges, "count_attempt", count), patch.object(challenges, "record_wrong_code", wrong):
        yield


@bug
def a_time_step_used_twice() -> Iterator[None]:
    real = creation.create

    def intend(db: Any, owner: Any, attempt: Attempt, id_: str, once: str | None, *rest: Any) -> Any:
        return real(db, owner, attempt, id_, None, *rest)

    with patch.object(creation, "create", intend):
        yield
