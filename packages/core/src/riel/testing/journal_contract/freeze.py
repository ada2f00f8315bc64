"""What a journal promises of a freeze: nothing new is asked, paid or sent again, and everything else goes on."""

from datetime import datetime

import pytest

from riel.journal import ChallengeState, Change, Journal, PaymentRecord
from riel.journal.controls import FREEZE
from riel.journal.epochs import begin_after_restore
from riel.journal.freeze import FROZEN, freeze_document, is_set
from riel.testing.journal_contract.fixtures import (
    MINUTE,
    NOW,
    S,
    Store,
    TwoHandles,
    claim,
    count_attempt,
    create_payment,
    create_refund,
    create_settled,
    event_names,
    move,
    new_challenge,
    new_intent,
    open_challenge,
    try_to_open,
)
from riel.testing.journal_contract.row_edits import QUOTA


def resend(record: PaymentRecord) -> Change:
    """The change with which an order leaves once more."""
    return Change(to=S.SENDING, event="resent", fence=record.fence, resend=True)


FREEZE_EDITS: dict[str, tuple[str, ...]] = {
    "its document says otherwise": (
        """UPDATE controls SET document = '{"by":"ana","frozen":false,"why":"?"}' WHERE name = 'freeze'""",
    ),
    "it was removed": ("DELETE FROM controls WHERE name = 'freeze'",),
    "it has another name": ("UPDATE controls SET name = 'policy' WHERE name = 'freeze'",),
    "its document is nothing": ("UPDATE controls SET document = '' WHERE name = 'freeze'",),
}
"""How an intruder tries to lift a freeze."""


async def set_freeze(journal: Journal, *, frozen: bool, at: datetime = NOW) -> None:
    """Freeze payments, or lift the freeze."""
    current = await journal.control(FREEZE)
    version = current.version if current else 0
    document = freeze_document(frozen=frozen, by="ana", why="a stolen phone")
    written = await journal.change_control(FREEZE, version, document, {"by": "ana", "action": "freeze"}, at)
    assert written is not None
    assert is_set(written) is frozen


@pytest.mark.anyio
class FreezePromises(TwoHandles):
    """A freeze is in force on every handle as soon as it is written."""

    @pytest.mark.parametrize("how", ["plain", "alone", "limited", "open before"])
    async def test_while_frozen_nobody_is_asked(self, journal: Journal, other: Journal, how: str) -> None:
        await open_challenge(journal, new_challenge("before"))
        if how == "open before":
            await open_challenge(journal, new_challenge("a"))
        await set_freeze(other, frozen=True)
        holds = [QUOTA] if how == "limited" else []
        assert await try_to_open(journal, new_challenge("a"), alone=how == "alone", holds=holds) == FROZEN
        assert (await journal.challenge("pay_a") is None) is (how != "open before")
        before = await journal.challenge("pay_before")
        assert before is not None
        assert before.state is ChallengeState.OPEN, "what was open stays so"
        assert await journal.reserved_total("day", 0, NOW) == 0
        await set_freeze(other, frozen=False)
        await try_to_open(journal, new_challenge("a"), alone=how == "alone", holds=holds)
        assert await journal.challenge("pay_a")

    @pytest.mark.parametrize("how", ["plain", "limited", "refund"])
    async def test_while_frozen_a_right_code_creates_no_payment_and_does_so_afterwards(
        self, journal: Journal, other: Journal, how: str
    ) -> None:
        paid = await create_settled(journal, "paid")
        kind, original = ("refund", paid.id) if how == "refund" else ("payment", None)
        holds = [QUOTA] if how == "limited" else []
        asked = (await open_challenge(journal, new_challenge(kind=kind), holds=holds)).challenge
        intent = new_intent(refund_of=original, reservations=holds)
        await set_freeze(other, frozen=True)
        counted = await count_attempt(journal, asked)
        assert await journal.create_payment(counted, asked.id, "step", intent, NOW) == FROZEN
        assert await journal.payment(asked.id) is None
        assert await event_names(journal, asked.id) == ["challenge.opened"]
        await set_freeze(other, frozen=False)
        assert isinstance(await journal.create_payment(counted, asked.id, "step", intent, NOW), PaymentRecord)
        assert (await journal.verify())[1] is None

    async def test_while_frozen_nothing_is_sent_again_and_everything_else_is_written(
        self, journal: Journal, other: Journal
    ) -> None:
        unknown = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        sending = await create_payment(journal, "b")
        await open_challenge(journal, new_challenge("open"))
        await set_freeze(other, frozen=True)
        unknown = await claim(journal, unknown)
        for record in (unknown, sending):
            known, done = await journal.record(record.id, resend(record), NOW)
            assert (done, known.sends, known.state) == (False, 1, record.state)
        await move(journal, unknown, S.SETTLED, fence=None)
        await move(journal, sending, S.PENDING, fence=None)
        assert await journal.decline("pay_open", "ana", NOW)

    async def test_a_lifted_freeze_lets_an_order_be_sent_again(self, journal: Journal, other: Journal) -> None:
        unknown = await move(journal, await create_payment(journal), S.UNKNOWN, next_at=NOW)
        await set_freeze(other, frozen=True)
        leased = await claim(journal, unknown)
        assert not (await journal.record(leased.id, resend(leased), NOW))[1]
        await set_freeze(other, frozen=False)
        again, done = await journal.record(leased.id, resend(leased), NOW)
        assert (done, again.sends) == (True, 2)

    async def test_a_frozen_journal_can_be_restored(self, journal: Journal, store: Store) -> None:
        before = await store.open()
        await create_payment(before)
        await set_freeze(before, frozen=True)
        await before.close()
        assert (await begin_after_restore(journal, "ana", NOW + MINUTE)).living == 1

    @pytest.mark.parametrize("edit", FREEZE_EDITS)
    async def test_a_freeze_cannot_be_lifted_in_the_database(self, store: Store, journal: Journal, edit: str) -> None:
        await set_freeze(journal, frozen=True)
        store.tamper(*FREEZE_EDITS[edit])
        fresh = await store.open()
        for handle in (journal, fresh):
            assert await try_to_open(handle, new_challenge()) == FROZEN
        assert (await fresh.verify())[1] is not None
        await fresh.close()

    async def test_a_freeze_that_was_put_in_freezes(self, store: Store, journal: Journal) -> None:
        document = freeze_document(frozen=False, by="eve", why="")
        store.tamper(f"INSERT INTO controls (name, version, document, at) VALUES ('freeze', 1, '{document}', 1)")
        assert await try_to_open(journal, new_challenge()) == FROZEN

    async def test_a_freeze_that_was_lifted_stays_so_only_as_its_newest_event_says(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        await set_freeze(journal, frozen=True)
        await set_freeze(journal, frozen=False)
        assert (await open_challenge(other, new_challenge("a"))).fresh
        store.tamper("CREATE TABLE older AS SELECT * FROM controls")
        await set_freeze(journal, frozen=True)
        store.tamper("DELETE FROM controls", "INSERT INTO controls SELECT * FROM older", "DROP TABLE older")
        for handle in (journal, other):
            assert await try_to_open(handle, new_challenge("b")) == FROZEN

    async def test_a_process_that_was_refused_does_not_forget_the_freeze_with_its_row_and_event(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        await set_freeze(other, frozen=True)
        assert await try_to_open(journal, new_challenge()) == FROZEN
        store.tamper("DELETE FROM controls", "DELETE FROM events WHERE event = 'freeze.changed'")
        assert await try_to_open(journal, new_challenge()) == FROZEN

    async def test_a_freeze_pays_no_heed_to_other_controls(self, journal: Journal, other: Journal) -> None:
        for name in ("people", "policy"):
            await journal.change_control(name, 0, "{}", {"by": "ana"}, NOW)
        assert (await open_challenge(other, new_challenge())).fresh
        original = await create_settled(other, "paid")
        assert isinstance(await create_refund(other, "r", original, 1), PaymentRecord)
