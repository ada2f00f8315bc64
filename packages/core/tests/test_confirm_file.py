"""The factors for sandboxes: one line of JSON in a file, or on stderr."""

import asyncio
import json
import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from riel.confirm.bound_code import code_for
from riel.confirm.factor import ConfirmationRequest, Factor, FactorContext, Proof
from riel.confirm.factors.console import ConsoleFactor
from riel.confirm.factors.file import FileFactor, write_whole
from riel.errors import Misconfigured, NotConfirmed

NOW = datetime(2026, 1, 26, 14, 57, 52, 123456, tzinfo=UTC)
KEY = bytes(range(32))
ASKED = ConfirmationRequest(
    payment_id="pay_1",
    principal="local",
    mode="sandbox",
    text="Pagar MXN 500.00 a “José”\u2028",
    digest=bytes(32),
    nonce=bytes(16),
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)
posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")


def setup(folder: Path, file: Path | None = None) -> FactorContext:
    return FactorContext(key=KEY, principal="local", folder=folder, modes=frozenset({"sandbox"}), file=file)


def test_the_code_is_the_last_line_of_the_file_and_confirms(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    factor: Factor = FileFactor.open(setup(tmp_path, file))
    told = asyncio.run(factor.ask(ASKED))
    asyncio.run(factor.ask(replace(ASKED, payment_id="pay_2")))
    first, second = [json.loads(line) for line in file.read_bytes().removesuffix(b"\n").split(b"\n")]
    assert first == {
        "paymentId": "pay_1",
        "code": code_for(KEY, ASKED),
        "text": ASKED.text,
        "createdAt": "2026-01-26T14:57:52.123Z",
    }
    assert list(first) == ["paymentId", "code", "text", "createdAt"]
    assert second["paymentId"] == "pay_2"
    assert factor.check(ASKED, first["code"], NOW) == Proof()
    assert factor.check(ASKED, second["code"], NOW) is None
    assert first["code"] not in told
    assert str(file) not in told


def test_the_time_is_utc_wherever_it_was_taken(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    mexico = timezone(timedelta(hours=-6))
    asyncio.run(FileFactor.open(setup(tmp_path, file)).ask(replace(ASKED, created_at=NOW.astimezone(mexico))))
    assert json.loads(file.read_bytes())["createdAt"] == "2026-01-26T14:57:52.123Z"


@posix
def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FileFactor.open(setup(tmp_path, tmp_path / "codes"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "codes").stat().st_mode) == 0o600


def test_what_stands_in_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "codes").touch(mode=0o600)
    (tmp_path / "codes").write_text("before\n")
    asyncio.run(FileFactor.open(setup(tmp_path, tmp_path / "codes")).ask(ASKED))
    assert (tmp_path / "codes").read_text("utf-8").startswith("before\n{")


def test_a_missing_file_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="RIEL_FACTOR_FILE"):
        FileFactor.open(setup(tmp_path))


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^RIEL_FACTOR_FILE=.* cannot be written: No such file or directory$"):
        FileFactor.open(setup(tmp_path, tmp_path / "nowhere" / "codes"))


def test_a_code_that_could_not_be_written_means_that_nobody_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    factor = FileFactor.open(setup(tmp_path, file))
    file.unlink()
    file.mkdir()
    with pytest.raises(NotConfirmed) as caught:
        asyncio.run(factor.ask(ASKED))
    assert caught.value.error.code == "2FA_NOT_DELIVERED"
    assert caught.value.error.retryable
    assert code_for(KEY, ASKED) not in repr(caught.value.error)


@posix
def test_a_file_that_blocks_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    """A named pipe opens only once somebody reads it. Here that is done when the loop was seen going on."""
    file = tmp_path / "codes"
    factor = FileFactor.open(setup(tmp_path, file))
    file.unlink()
    os.mkfifo(file)
    going_on = threading.Event()

    def read() -> tuple[bool, bytes]:
        seen = going_on.wait(10)
        return seen, file.read_bytes()

    async def main() -> tuple[bool, bytes]:
        reading = asyncio.get_running_loop().run_in_executor(None, read)
        asking = asyncio.create_task(factor.ask(ASKED))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not asking.done()
        going_on.set()
        await asking
        return await reading

    seen, line = asyncio.run(main())
    assert seen
    assert json.loads(line)["paymentId"] == "pay_1"


def test_lines_of_many_writers_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    factors = [FileFactor.open(setup(tmp_path, file)) for _ in range(4)]

    async def main() -> None:
        asked = [replace(ASKED, payment_id=f"pay_{n}", text="x" * 700) for n in range(60)]
        await asyncio.gather(*(factors[n % 4].ask(each) for n, each in enumerate(asked)))

    asyncio.run(main())
    found = {json.loads(line)["paymentId"] for line in file.read_text().splitlines()}
    assert found == {f"pay_{n}" for n in range(60)}


def test_half_a_character_does_not_break_the_line(tmp_path: Path) -> None:
    asyncio.run(FileFactor.open(setup(tmp_path, tmp_path / "codes")).ask(replace(ASKED, text="\ud83d")))
    assert json.loads((tmp_path / "codes").read_bytes())["text"] == "\ud83d"


def test_the_console_writes_to_stderr_and_never_to_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    factor: Factor = ConsoleFactor.open(setup(tmp_path))
    told = asyncio.run(factor.ask(ASKED))
    out, err = capfd.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "paymentId": "pay_1",
        "code": code_for(KEY, ASKED),
        "text": ASKED.text,
        "createdAt": "2026-01-26T14:57:52.123Z",
    }
    assert err.endswith("}\n")
    assert factor.check(ASKED, json.loads(err)["code"], NOW) == Proof()
    assert json.loads(err)["code"] not in told


def test_a_console_that_is_gone_means_that_nobody_was_asked() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        with pytest.raises(NotConfirmed):
            write_whole(write, b"x\n")
    finally:
        os.close(write)


@posix
def test_a_line_that_was_cut_was_not_delivered() -> None:
    read, write = os.pipe()
    try:
        os.set_blocking(write, False)
        with pytest.raises(NotConfirmed):
            write_whole(write, b"x" * 10_000_000)
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("factor", [FileFactor, ConsoleFactor])
def test_they_are_for_sandboxes_and_bound_to_the_payment(factor: type[Factor]) -> None:
    assert factor.sandbox_only
    assert factor.dynamic_linking
