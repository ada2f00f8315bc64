"""One journal, several engines, and a disk that fails: nothing is sent that is not written, nor by two at once."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from riel.errors import JournalUnavailable
from riel.journal import Challenge, ChallengeState, PaymentRecord, State
from riel.journal.sqlite import SqliteJournal

from .engine_support import SOON, EngineFixture, Gate, answers, working

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# Who is at work on it


async def test_what_another_living_engine_is_sending_is_left_to_it(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        working(tmp_path, sends=gate, answer_within=SOON) as owner,
        working(tmp_path, finds=answers(None)) as other,
    ):
        record = await owner.engine.confirm(owner.request(), await owner.asked(owner.request()))
        other.later(minutes=5)
        await other.round()
        assert (await other.engine.status("toy", record.reference, "ana")).state is State.SENDING
        assert other.client.looked == other.client.sent == []
        gate.open.set()
        await owner.quiet()
        known = await owner.known(record)
        assert (known.state, known.fence) == (State.SETTLED, 1)


class Interrupted:
    """A journal in which a round is made between the birth of a payment and its send."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.world: EngineFixture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def create_payment(self, *what: Any) -> Any:
        born = await self._journal.create_payment(*what)
        await self.world.engine.run_once()
        return born


async def test_a_round_never_takes_a_newborn_payment_for_an_orphan(tmp_path: Path) -> None:
    async with working(tmp_path, journal=Interrupted) as world:
        world.engine.context.journal.world = world  # type: ignore[attr-defined]
        record = await world.paid(world.request())
        assert (record.state, record.fence, world.client.looked) == (State.SETTLED, 1, [])


# When the journal fails


class Flawed:
    """A journal whose one transaction fails: after it was written, or before; and whose reads may fail then as well."""

    def __init__(self, journal: SqliteJournal, *, written: bool, readable: bool) -> None:
        self._journal = journal
        self._written = written
        self._readable = readable
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def create_payment(self, *what: Any) -> Any:
        if self.failed:
            return await self._journal.create_payment(*what)
        self.failed = True
        if self._written:
            await self._journal.create_payment(*what)
        raise JournalUnavailable("The journal could not be written.")

    async def payment(self, payment_id: str) -> PaymentRecord | None:
        if self.failed and not self._readable:
            self._readable = True
            raise JournalUnavailable("The journal cannot be read.")
        return await self._journal.payment(payment_id)


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("written", [True, False])
async def test_nothing_is_sent_where_the_journal_fails_and_the_same_call_may_be_repeated(
    tmp_path: Path, written: bool, readable: bool
) -> None:
    def flawed(journal: SqliteJournal) -> Flawed:
        return Flawed(journal, written=written, readable=readable)

    async with working(tmp_path, finds=answers(None), journal=flawed) as world:
        code = await world.asked(world.request())
        if written and readable:
            assert (await world.engine.confirm(world.request(), code)).state is State.SENDING
        else:
            with pytest.raises(JournalUnavailable) as failure:
                await world.engine.confirm(world.request(), code)
            assert readable or "Do not pay in another way" in failure.value.error.next_action
        assert world.client.sent == []
        record = await world.engine.confirm(world.request(), code)
        await world.round()
        assert await world.state(record) is State.SETTLED
        assert len(world.client.sent) == 1


class Unsealed:
    """A journal that cannot be sealed, and counts how often somebody tries."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def anchor(self, at: datetime) -> bool:
        self.tries += 1
        raise JournalUnavailable("Somebody is at work on the table.")


async def test_a_seal_that_fails_is_not_tried_at_every_round(tmp_path: Path) -> None:
    async with working(tmp_path, journal=Unsealed) as world:
        with pytest.raises(JournalUnavailable):
            await world.round()
        for _ in range(5):
            world.later(seconds=1)
            await world.round()
        assert world.engine.context.journal.tries == 1  # type: ignore[attr-defined]
        world.later(minutes=5)
        with pytest.raises(JournalUnavailable):
            await world.round()


async def test_a_question_that_was_answered_is_never_open_again(tmp_path: Path) -> None:
    async with working(tmp_path) as world:
        challenge, _ = await world.engine.ask(world.request())
        await world.engine.confirm(world.request(), world.person.code(challenge))
        known = await world.journal.challenge(challenge.id)
        assert isinstance(known, Challenge)
        assert known.state is ChallengeState.CONSUMED
        count, broken = await world.journal.verify()
        assert (count, broken) == (3, None)
