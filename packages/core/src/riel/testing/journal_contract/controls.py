"""What a journal promises of its controls: the documents of state that give rights, and the proofs that were used."""

import asyncio

import pytest

from riel.journal import Control, Journal
from riel.journal.audit.chain import JOURNAL_CHAIN
from riel.journal.controls import FREEZE, PEOPLE, POLICY, REHEARSAL_PEOPLE, digest_of
from riel.secrets import ServerKey, ServerKeys
from riel.testing.journal_contract.fixtures import MINUTE, NOW, Store, TwoHandles, create_payment
from riel.testing.keys import SERVER_KEYS

BY = {"by": "ana", "action": "add", "subject": "luis"}
NAMES = (PEOPLE, REHEARSAL_PEOPLE, POLICY, FREEZE)

ROW_EDITS: dict[str, tuple[str, ...]] = {
    "altered": ("UPDATE controls SET document = '{\"eve\": 1}' WHERE name = 'people'",),
    "of another time": ("UPDATE controls SET at = at + 1 WHERE name = 'people'",),
    "raised": ("UPDATE controls SET version = 9 WHERE name = 'people'",),
    "removed": ("DELETE FROM controls WHERE name = 'people'",),
    "that of another control": (
        "DELETE FROM controls WHERE name = 'people'",
        "UPDATE controls SET name = 'people' WHERE name = 'people.rehearsal'",
    ),
}
"""How an intruder edits the row of a control that has two versions."""

KEEP_FIRST = ("DROP TABLE IF EXISTS older", "CREATE TABLE older AS SELECT * FROM controls")
PUT_BACK = (
    "DELETE FROM controls WHERE name = 'people'",
    "INSERT INTO controls SELECT * FROM older WHERE name = 'people'",
    "DROP TABLE older",
)
REMOVE_NEWEST_EVENT = (
    "DELETE FROM events WHERE event = 'people.changed' AND n = (SELECT max(e.n) FROM events e WHERE "
    "e.event = 'people.changed')"
)


async def write_control(journal: Journal, name: str = PEOPLE, version: int = 0, document: str = "{}") -> Control:
    """The next version of a control, which must be possible."""
    control = await journal.change_control(name, version, document, BY, NOW)
    assert control is not None
    assert not control.tampered
    return control


async def write_two_versions(journal: Journal, store: Store) -> None:
    """The people in two versions, the first of which the table ``older`` keeps; and others that nobody edits."""
    await write_control(journal, POLICY)
    await write_control(journal, REHEARSAL_PEOPLE, 0, '{"bea":1}')
    await write_control(journal, PEOPLE, 0, '{"ana":1}')
    store.tamper(*KEEP_FIRST)
    await write_control(journal, PEOPLE, 1, '{"luis":1}')


@pytest.mark.anyio
class ControlPromises(TwoHandles):
    """A control is what riel wrote last, or it decides nothing."""

    async def test_a_control_is_kept_with_its_version_by_name(self, journal: Journal, other: Journal) -> None:
        assert [await journal.control(name) for name in NAMES] == [None] * 4
        for number, name in enumerate(NAMES):
            first = await journal.change_control(name, 0, f"first {number}", BY, NOW)
            assert first == Control(name, 1, f"first {number}", NOW)
        second = await other.change_control(PEOPLE, 1, "Peñón 👶", BY, NOW + MINUTE)
        assert second == Control(PEOPLE, 2, "Peñón 👶", NOW + MINUTE)
        assert await journal.control(PEOPLE) == second
        assert await other.control(POLICY) == Control(POLICY, 1, "first 2", NOW)
        assert (await journal.verify())[1] is None

    async def test_each_change_of_a_control_is_an_event_that_says_by_whom(self, journal: Journal) -> None:
        await write_control(journal, POLICY)
        await journal.change_control(PEOPLE, 0, '{"a":1}', BY, NOW, used="nonce")
        policy, people = await journal.events(JOURNAL_CHAIN)
        assert (policy.event, policy.body["version"]) == ("policy.changed", 1)
        assert people.event == "people.changed"
        assert people.body == {**BY, "version": 1, "sha256": digest_of('{"a":1}'), "proof": digest_of("nonce")}
        assert await journal.anchor(NOW)
        assert [row.event for row in await journal.anchored_events(0, most=5)] == ["policy.changed", "people.changed"]

    @pytest.mark.parametrize("before", [0, 3])
    async def test_of_parallel_changes_of_a_control_one_is_first_and_the_others_write_nothing(
        self, journal: Journal, other: Journal, before: int
    ) -> None:
        for version in range(before):
            await write_control(journal, PEOPLE, version)
        changes = [
            (journal, other)[n % 2].change_control(PEOPLE, before, f"{n}", BY, NOW, used=f"{n}") for n in range(10)
        ]
        written = [control for control in await asyncio.gather(*changes) if control is not None]
        assert [control.version for control in written] == [before + 1]
        assert await other.control(PEOPLE) == written[0]
        assert len(await journal.events(JOURNAL_CHAIN)) == before + 1
        unused = [n for n in range(10) if f"{n}" != written[0].document]
        assert all([await journal.use_once(f"{n}", NOW) for n in unused]), "nothing of a change that lost was used"

    async def test_changes_of_several_controls_at_once_are_all_kept(self, journal: Journal, other: Journal) -> None:
        changes = [(journal, other)[n % 2].change_control(f"c{n}", 0, "{}", BY, NOW) for n in range(8)]
        assert all(await asyncio.gather(*changes))
        assert (await journal.verify())[1] is None

    async def test_a_change_that_does_not_know_the_newest_version_writes_nothing(self, journal: Journal) -> None:
        await write_control(journal, PEOPLE, 0, "one")
        assert await journal.change_control(PEOPLE, 0, "two", BY, NOW) is None
        assert await journal.change_control(PEOPLE, 2, "two", BY, NOW) is None
        assert await journal.control(PEOPLE) == Control(PEOPLE, 1, "one", NOW)

    async def test_a_proof_is_used_once_whatever_for(self, journal: Journal, other: Journal) -> None:
        uses = [(journal, other)[n % 2].use_once("nonce", NOW) for n in range(10)]
        assert sorted(await asyncio.gather(*uses)) == [False] * 9 + [True]
        assert await journal.change_control(PEOPLE, 0, "{}", BY, NOW, used="nonce") is None
        assert await journal.control(PEOPLE) is None
        assert await journal.events(JOURNAL_CHAIN) == []
        assert await journal.change_control(PEOPLE, 0, "{}", BY, NOW, used="another")
        assert not await other.use_once("another", NOW)

    @pytest.mark.parametrize("edit", ROW_EDITS)
    async def test_an_edited_control_is_tampered_and_takes_no_change(
        self, store: Store, journal: Journal, edit: str
    ) -> None:
        await write_two_versions(journal, store)
        store.tamper(*ROW_EDITS[edit])
        fresh = await store.open()  # which has seen no version
        found = await fresh.control(PEOPLE)
        assert found is not None
        assert found.tampered
        refused = await fresh.change_control(PEOPLE, found.version, "{}", BY, NOW)
        assert refused == found
        _, broken = await fresh.verify()
        assert broken is not None
        assert PEOPLE in broken.sentence
        others = await fresh.control(POLICY)
        assert others == Control(POLICY, 1, "{}", NOW)
        await fresh.close()

    async def test_a_control_that_was_put_in_is_tampered(self, store: Store, journal: Journal) -> None:
        store.tamper("INSERT INTO controls (name, version, document, at) VALUES ('people', 1, '{}', 1)")
        found = await journal.control(PEOPLE)
        assert found is not None
        assert found.tampered
        assert await journal.change_control(PEOPLE, 0, "{}", BY, NOW) == found
        _, broken = await journal.verify()
        assert broken is not None
        assert "added" in broken.sentence

    async def test_a_control_that_was_put_back_to_an_earlier_version_is_tampered(
        self, store: Store, journal: Journal
    ) -> None:
        await write_two_versions(journal, store)
        store.tamper(*PUT_BACK)
        fresh = await store.open()
        for handle in (journal, fresh):
            found = await handle.control(PEOPLE)
            assert found is not None
            assert (found.tampered, found.version) == (True, 2)
        assert (await fresh.verify())[1] is not None
        await fresh.close()

    @pytest.mark.parametrize("how", ["it read", "it wrote"])
    async def test_a_process_believes_no_version_below_the_newest_that(
        self, store: Store, journal: Journal, other: Journal, how: str
    ) -> None:
        await create_payment(journal)
        await journal.anchor(NOW)
        await write_two_versions(journal, store)
        reader = journal if how == "it wrote" else other
        if how == "it read":
            assert await other.control(PEOPLE)
        store.tamper(*PUT_BACK, REMOVE_NEWEST_EVENT)
        found = await reader.control(PEOPLE)
        assert found is not None
        assert (found.tampered, found.version) == (True, 2)
        store.tamper("DELETE FROM controls", "DELETE FROM events WHERE event = 'people.changed'")
        found = await reader.control(PEOPLE)
        assert found is not None
        assert (found.tampered, found.version) == (True, 2)

    async def test_a_tampered_control_is_written_over_only_on_purpose(
        self, store: Store, journal: Journal, other: Journal
    ) -> None:
        await write_two_versions(journal, store)
        store.tamper("DROP TABLE older", "UPDATE controls SET document = 'forged', version = 7 WHERE name = 'people'")
        found = await other.control(PEOPLE)
        assert found is not None
        assert (found.tampered, found.version) == (True, 7)
        written = await other.change_control(PEOPLE, 7, "right", BY, NOW, over_tampered=True)
        assert written == Control(PEOPLE, 8, "right", NOW)
        assert await journal.control(PEOPLE) == written
        assert (await journal.verify())[1] is None

    async def test_a_control_that_only_a_lost_key_proves_gives_no_right(self, journal: Journal) -> None:
        await write_control(journal, PEOPLE)
        journal.use_keys(ServerKeys(ServerKey(bytes(32))), {SERVER_KEYS.current.id})
        found = await journal.control(PEOPLE)
        assert found is not None
        assert found.tampered

    @pytest.mark.parametrize(
        "edit",
        [
            "UPDATE used_proofs SET at = at + 1",
            "UPDATE used_proofs SET replay_key = 'x'",
            "DELETE FROM used_proofs",
            "INSERT INTO used_proofs (replay_key, at, mac) VALUES ('x', 1, '')",
        ],
        ids=["time", "name", "removed", "added"],
    )
    async def test_an_edited_proof_is_seen_by_verify(self, store: Store, journal: Journal, edit: str) -> None:
        await journal.change_control(PEOPLE, 0, "{}", BY, NOW, used="nonce")
        assert (await journal.verify())[1] is None
        store.tamper(edit)
        _, broken = await journal.verify()
        assert broken is not None
        assert "proof" in broken.sentence
