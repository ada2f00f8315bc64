"""The exported record: all that is sealed, failed tries and refusals with it, and nothing that nobody may read."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from riel.confirm.bound_code import code_for
from riel.journal import Journal, State
from riel.journal.audit.export import export_lines
from riel.journal.audit.verify_export import verify_lines
from riel.journal.columns import to_millis
from riel.payments.context import confirmation_request
from riel.testing.journal_contract import (
    ACCOUNT,
    LIMITS,
    MINUTE,
    NOW,
    SECOND,
    claim,
    create_audited,
    create_payment,
    create_refund,
    create_settled,
    enter_wrong_code,
    move,
    new_challenge,
    open_challenge,
)

from .sqlite_support import SqliteFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "journal.db")


@pytest.fixture
async def journal(store: SqliteFile) -> AsyncIterator[Journal]:
    journal = await store.open()
    yield journal
    await journal.close()


async def lines_of(journal: Journal, *, page: int = 1000) -> list[bytes]:
    """What is exported now."""
    return [line async for line in export_lines(journal, "0.1.0", to_millis(NOW), page=page)]


async def a_whole_life(journal: Journal) -> None:
    """Everything that can become of a question and of a payment."""
    paid = await create_settled(journal, "paid")
    await create_refund(journal, "back", paid, 100)
    await move(journal, await move(journal, await create_payment(journal, "late"), State.REJECTED), State.SETTLED)
    await move(journal, await create_settled(journal, "returned"), State.RETURNED)
    doubt = await move(journal, await create_payment(journal, "odd"), State.UNKNOWN, next_at=NOW)
    review = await move(journal, await claim(journal, doubt), State.REVIEW)
    await journal.resolve_manually(review.id, State.REJECTED, "op", "the statement of March", NOW)
    locked = (await open_challenge(journal, new_challenge("locked"))).challenge
    for _ in range(5):
        await enter_wrong_code(journal, locked)
    no = (await open_challenge(journal, new_challenge("no"))).challenge
    await journal.append_event(no.id, "attempt.refused", {"code": "GUARD_CLOSED", "reason": "closed at night"}, NOW)
    await journal.decline(no.id, "ana", NOW)
    late = (await open_challenge(journal, new_challenge("expired"))).challenge
    await journal.count_attempt(late.id, late.principal, late.expires_at + SECOND, LIMITS)
    await journal.record_refusal(new_challenge("refused"), "LIMIT_PER_DAY", "more than MXN 100.00 a day")


async def test_failed_tries_refusals_and_every_end_of_a_question_are_read_back(journal: Journal) -> None:
    await a_whole_life(journal)
    await journal.anchor(NOW)
    lines = await lines_of(journal)
    found = verify_lines(lines)
    assert found.broken is None, found.broken
    events = [json.loads(line) for line in lines if b'"line":"event"' in line]
    named = Counter(event["event"] for event in events)
    assert named["attempt.failed"] == 5
    assert (named["challenge.refused"], named["attempt.refused"]) == (1, 1)
    assert {
        "challenge.locked",
        "challenge.declined",
        "challenge.expired",
        "payment.resolved",
        "payment.created",
        "challenge.opened",
    } <= set(named)
    bodies = {(event["paymentId"], event["event"]): json.loads(event["body"]) for event in events}
    assert bodies["pay_refused", "challenge.refused"]["code"] == "LIMIT_PER_DAY"
    assert bodies["pay_no", "attempt.refused"] == {"code": "GUARD_CLOSED", "reason": "closed at night"}
    assert bodies["pay_no", "challenge.declined"] == {"to": "declined", "by": "ana"}
    assert bodies["pay_odd", "payment.resolved"]["evidence"] == "the statement of March"
    assert found.payments == len({event["paymentId"] for event in events})


async def test_no_account_code_or_key_is_in_the_file(journal: Journal) -> None:
    key = b"a key of thirty-two bytes, whole"
    asked = (await open_challenge(journal, new_challenge("canary"))).challenge
    code = code_for(key, confirmation_request(asked))
    await a_whole_life(journal)
    await journal.anchor(NOW)
    text = b"".join(await lines_of(journal))
    for secret in (ACCOUNT.encode(), code.encode(), key, key.hex().encode(), asked.nonce.hex().encode()):
        assert secret not in text
    assert ACCOUNT[-4:].encode() in text


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
async def test_the_file_is_the_same_however_it_is_paged(journal: Journal, page: int) -> None:
    await create_audited(journal)
    lines = await lines_of(journal, page=page)
    assert lines == await lines_of(journal)
    assert verify_lines(lines).broken is None
    kinds = [json.loads(line)["line"] for line in lines]
    assert kinds == ["header", *["event"] * 5, "anchor", "event", "anchor", "closing"]


async def test_a_journal_with_nothing_in_it_is_a_file_too(journal: Journal) -> None:
    lines = await lines_of(journal)
    assert len(lines) == 2
    assert verify_lines(lines).broken is None


async def test_what_is_written_and_sealed_meanwhile_is_left_to_the_next_file(
    journal: Journal, store: SqliteFile
) -> None:
    await create_audited(journal)
    other = await store.open()
    lines = list[bytes]()
    async for line in export_lines(journal, "0.1.0", to_millis(NOW), page=2):
        lines.append(line)
        await create_settled(other, f"meanwhile{len(lines)}")
        await other.anchor(NOW + len(lines) * MINUTE)
    await other.close()
    assert verify_lines(lines).broken is None
    assert not any(b"meanwhile" in line for line in lines)
    assert len(await lines_of(journal)) > len(lines)


async def test_a_record_that_was_tampered_with_is_exported_as_it_is_and_does_not_hold(
    journal: Journal, store: SqliteFile
) -> None:
    await create_audited(journal)
    store.tamper("UPDATE events SET body = replace(body, '50000', '5') WHERE payment_id = 'pay_a' AND n = 3")
    found = verify_lines(await lines_of(journal))
    assert found.broken is not None
    assert (found.broken.payment_id, found.broken.n) == ("pay_a", 3)
    store.tamper("DELETE FROM anchors WHERE n = 1")
    found = verify_lines(await lines_of(journal))
    assert found.broken is not None


async def test_every_line_can_be_read_with_any_json_and_its_body_with_it(journal: Journal) -> None:
    await create_settled(journal, "a")
    await journal.append_event("pay_a", "seen", {"said": 'niño 👶 "\\ \u2028', "n": 2**60}, NOW)
    await journal.anchor(NOW)
    lines = await lines_of(journal)
    assert verify_lines(lines).broken is None
    seen = next(json.loads(line) for line in lines if b'"seen"' in line)
    assert json.loads(seen["body"]) == {"said": 'niño 👶 "\\ \u2028', "n": 2**60}
