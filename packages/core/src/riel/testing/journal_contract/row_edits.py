"""What a journal promises about an intruder who writes to its database: such a row decides nothing, and verify sees it.

The intruder has no key, and puts everything else right that they touch.
"""

import pytest

from riel.errors import NotAllowed
from riel.guards import Reservation
from riel.journal import Change, Journal
from riel.testing.journal_contract.fixtures import (
    ACCOUNT,
    NOW,
    S,
    Store,
    TwoHandles,
    count_attempt,
    create_payment,
    create_refund,
    create_settled,
    enter_wrong_code,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
)

OTHER_ACCOUNT = "1" + ACCOUNT[1:]
"""An account that reads the same once it is masked."""

EDITS: dict[str, str] = {
    "the text of a challenge": "UPDATE challenges SET text = 'Pay 1?' WHERE id = 'pay_q'",
    "the amount of a challenge": "UPDATE challenges SET amount = 1 WHERE id = 'pay_q'",
    "the payee of a challenge": "UPDATE challenges SET payee = 'X' WHERE id = 'pay_q'",
    "the digest of a challenge": "UPDATE challenges SET digest = nonce WHERE id = 'pay_q'",
    "the factor of a challenge": "UPDATE challenges SET factor = 'totp' WHERE id = 'pay_q'",
    "the request of a challenge": "UPDATE challenges SET request = '{}' WHERE id = 'pay_q'",
    "the requirement of a challenge": "UPDATE challenges SET requirement = '{}' WHERE id = 'pay_q'",
    "the requirement of a consumed challenge": "UPDATE challenges SET requirement = '{}' WHERE id = 'pay_a'",
    "the text of a consumed challenge": "UPDATE challenges SET text = 'Pay 1?' WHERE id = 'pay_a'",
    "the amount of a consumed challenge": "UPDATE challenges SET amount = 1 WHERE id = 'pay_a'",
    "the mode of a payment": "UPDATE payments SET mode = 'live' WHERE id = 'pay_a'",
    "the rail of a payment": "UPDATE payments SET rail = 'zap' WHERE id = 'pay_a'",
    "the payer of a payment": "UPDATE payments SET payer = 'somebody' WHERE id = 'pay_a'",
    "the principal of a payment": "UPDATE payments SET principal = 'eve' WHERE id = 'pay_a'",
    "the facts of a payment": "UPDATE payments SET facts = '{}' WHERE id = 'pay_a'",
    "the arguments of a payment": "UPDATE payments SET arguments = '{}' WHERE id = 'pay_a'",
    "when a payment settled": "UPDATE payments SET settled_at = 1 WHERE id = 'pay_a'",
    "the kind of a payment": "UPDATE payments SET kind = 'request' WHERE id = 'pay_a'",
    "hidden digits of an account": f"UPDATE payments SET account = '{OTHER_ACCOUNT}' WHERE id = 'pay_a'",
    "a total of a limit": "UPDATE limit_usage SET amount = 0",
    "a total of a limit that was removed": "DELETE FROM limit_usage",
    "the outcome of an attempt": "UPDATE attempts SET outcome = 'right' WHERE challenge_id = 'pay_q'",
    "an attempt that was removed": "DELETE FROM attempts WHERE challenge_id = 'pay_q'",
    "a message of the outbox": "UPDATE outbox SET body = '{}'",
    "a message of the outbox that was removed": "DELETE FROM outbox",
}
"""What an intruder edits, in a record that :func:`create_record` made."""

PAYMENT_EDITS = (
    "body = x'00'",
    "amount = 1",
    f"account = '{OTHER_ACCOUNT}'",
    "payer = 'eve'",
    "sent_at = 1",
    "sends = 9",
)


def refuse(left: int) -> NotAllowed:
    """The refusal of the limit."""
    return NotAllowed(reason=f"{left} left")


QUOTA = Reservation(scope="day", bucket=0, since=0, amount=50_000, limit=1_000_000, error=refuse)


async def create_record(journal: Journal) -> None:
    """A payment that settled, and an open challenge that reserves of a limit and had a wrong code."""
    await create_settled(journal, "a")
    asked = (await open_challenge(journal, new_challenge("q"), holds=[QUOTA])).challenge
    await enter_wrong_code(journal, asked)
    await journal.anchor(NOW)


@pytest.mark.anyio
class TamperingPromises(TwoHandles):
    """Who writes to the database without the key neither pays nor stays unseen."""

    @pytest.mark.parametrize("edit", EDITS)
    async def test_an_edit_of_a_row_is_seen_by_verify(self, store: Store, journal: Journal, edit: str) -> None:
        await create_record(journal)
        assert (await journal.verify())[1] is None
        store.tamper(EDITS[edit])
        assert (await journal.verify())[1] is not None

    @pytest.mark.parametrize("edit", PAYMENT_EDITS)
    async def test_an_edited_payment_is_not_sent_again_and_disturbs_no_other(
        self, store: Store, journal: Journal, other: Journal, edit: str
    ) -> None:
        for name in "ab":
            await move(journal, await create_payment(journal, name), S.UNKNOWN, next_at=NOW)
        store.tamper(f"UPDATE payments SET {edit} WHERE id = 'pay_a'")
        assert [record.id for record in await other.claim(NOW, (), most=10)] == ["pay_b"]
        found = await journal.payment("pay_a")
        assert found is not None
        assert (found.state, found.tampered, found.next_at) == (S.REVIEW, True, None)
        assert (await event_names(journal, "pay_a"))[-1] == "payment.tampered"
        assert await other.claim_one("pay_a", NOW, ()) is None

    async def test_a_payment_that_was_put_in_is_not_sent(self, store: Store, journal: Journal, other: Journal) -> None:
        await move(journal, await create_payment(journal, "a"), S.UNKNOWN, next_at=NOW)
        await open_challenge(journal, new_challenge("q"))
        store.tamper(
            "UPDATE challenges SET state = 'consumed' WHERE id = 'pay_q'",
            "CREATE TABLE forged AS SELECT * FROM payments WHERE id = 'pay_a'",
            "UPDATE forged SET id = 'pay_q', reference = 'FORGED'",
            "INSERT INTO payments SELECT * FROM forged",
            "DROP TABLE forged",
        )
        assert [record.id for record in await other.claim(NOW, (), most=10)] == ["pay_a"]
        found = await other.payment("pay_q")
        assert found is not None
        assert (found.state, found.tampered) == (S.REVIEW, True)

    async def test_an_older_version_of_a_row_decides_nothing(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        record = await create_payment(journal, "a")
        store.tamper("CREATE TABLE older AS SELECT * FROM payments")
        await move(journal, record, S.SETTLED)
        store.tamper("DELETE FROM payments", "INSERT INTO payments SELECT * FROM older", "DROP TABLE older")
        assert list(await other.claim(NOW, (), most=10)) == []
        found = await other.payment("pay_a")
        assert found is not None
        assert (found.state, found.tampered) == (S.REVIEW, True)

    @pytest.mark.parametrize("edit", ["amount = 1", f"account = '{OTHER_ACCOUNT}'", "expires_at = expires_at + 1"])
    async def test_an_edited_challenge_is_not_consumed(
        self, store: Store, journal: Journal, other: Journal, edit: str
    ) -> None:
        asked = (await open_challenge(journal, new_challenge())).challenge
        store.tamper(f"UPDATE challenges SET {edit}")
        (found,) = await other.challenges(asked.principal, asked.digest)
        assert found.tampered
        counted = await count_attempt(other, asked)
        assert await other.create_payment(counted, asked.id, None, new_intent(), NOW) == "tampered"
        assert await other.payment(asked.id) is None
        fresh = await open_challenge(other, new_challenge("b", digest=asked.digest))
        assert fresh.fresh

    async def test_evidence_about_an_edited_payment_is_kept_and_it_stays_distrusted(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        record = await create_payment(journal)
        store.tamper("UPDATE payments SET amount = 1")
        settled, done = await other.record(record.id, Change(to=S.SETTLED, event="settled"), NOW)
        assert (done, settled.state, settled.tampered) == (True, S.SETTLED, True)
        assert await event_names(journal, "pay_a") == [
            "challenge.opened",
            "payment.created",
            "payment.tampered",
            "payment.settled",
        ]
        assert await create_refund(journal, "r", record, 1) == "tampered"

    async def test_an_operator_decides_about_an_edited_payment(self, store: Store, journal: Journal) -> None:
        record = await create_payment(journal)
        store.tamper("UPDATE payments SET amount = 1")
        decided = await journal.resolve_manually(record.id, S.REJECTED, "op", "the statement", NOW)
        assert decided is not None
        assert (decided.state, decided.tampered) == (S.REJECTED, True)
        assert (await journal.verify())[1] is not None
