"""A code pays what it was made for, once, while it is fresh; it is not guessed, and it is nobody else's."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .wire_checks import good, refused
from .wire_support import Riel, WireBank, nothing_leaks, nothing_sent, pretend_bank, riel

ACCOUNTS = itertools.count()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireBank]:
    with pretend_bank(tmp_path_factory.mktemp("bank")) as bank:
        yield bank


@pytest.fixture
def account() -> str:
    """An account that no other test uses."""
    return f"56{next(ACCOUNTS):08d}"


@pytest.fixture
def fresh(bank: WireBank, account: str, tmp_path: Path) -> Iterator[Riel]:
    """A server of its own, for codes: wrong ones count against the principal for an hour."""
    with riel(tmp_path, mock_base_url=bank.url, log="debug") as server, nothing_leaks(server, account):
        yield server


def another(code: str) -> str:
    """A code that is not that one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


class TestBadCodes:
    """Whatever is tried, one payment is confirmed at most, and it is the one that the person saw."""

    def test_a_wrong_code_is_refused_and_counted(self, fresh: Riel, bank: WireBank, account: str) -> None:
        code = fresh.code(fresh.send(good(account)).done["paymentId"])
        with nothing_sent(bank):
            for left in (4, 3, 2):
                refusal = refused(fresh.send(good(account, verificationCode=another(code))), "2FA_MISMATCH")
                assert refusal["details"]["attemptsLeft"] == left
        assert fresh.send(good(account, verificationCode=code)).done["status"] == "success"

    def test_the_sixth_try_is_refused_though_it_is_right(self, fresh: Riel, bank: WireBank, account: str) -> None:
        code = fresh.code(fresh.send(good(account)).done["paymentId"])
        with nothing_sent(bank):
            codes = [fresh.send(good(account, verificationCode=another(code))).refusal["code"] for _ in range(5)]
            assert codes == ["2FA_MISMATCH"] * 4 + ["2FA_LOCKED"]
            refusal = refused(fresh.send(good(account, verificationCode=code)), "2FA_LOCKED")
        assert "without verificationCode" in refusal["nextAction"]

    def test_new_codes_do_not_buy_more_guesses(self, fresh: Riel, bank: WireBank, account: str) -> None:
        with nothing_sent(bank):
            for _ in range(2):
                code = fresh.code(fresh.send(good(account)).done["paymentId"])
                for _ in range(5):
                    fresh.send(good(account, verificationCode=another(code)))
            code = fresh.code(fresh.send(good(account)).done["paymentId"])
            answer = fresh.send(good(account, verificationCode=code))
        assert answer.refusal["code"] == "2FA_RATE_LIMITED"

    @pytest.mark.parametrize(
        "change", [{"amount": 501}, {"concept": "Rent."}, {"recipientName": "Ana Dem0"}, {"account": "5200000001"}]
    )
    def test_a_code_confirms_nothing_but_its_own_payment(
        self, fresh: Riel, bank: WireBank, account: str, change: dict[str, Any]
    ) -> None:
        mine = fresh.code(fresh.send(good(account)).done["paymentId"])
        other = good(account, **change)
        with nothing_sent(bank):
            refusal = refused(fresh.send(other | {"verificationCode": mine}), "2FA_MISMATCH")  # nobody was asked that
            assert refusal["details"]["differing"] == [*change]
            fresh.send(other)
            refused(fresh.send(other | {"verificationCode": mine}), "2FA_MISMATCH")  # they were, with another code

    def test_the_code_of_a_payment_confirms_no_refund(self, fresh: Riel, account: str) -> None:
        key = fresh.pay(good(account)).done["trackingKey"]
        back = {"trackingKey": key, "reason": "wrong"}
        fresh.refund(back)
        refused(fresh.refund(back | {"verificationCode": fresh.codes[0]}), "2FA_MISMATCH")
        assert "refundedAmount" not in fresh.check(key).done

    def test_a_code_without_a_question_is_no_guess_and_locks_nobody_out(
        self, fresh: Riel, bank: WireBank, account: str
    ) -> None:
        with nothing_sent(bank):
            for _ in range(12):
                refusal = refused(fresh.send(good(account, verificationCode="000000")), "2FA_NOT_REQUESTED")
            assert "Call without verificationCode" in refusal["nextAction"]
        assert fresh.pay(good(account)).done["status"] in {"success", "pending"}


class TestSomebodyElses:
    """What belongs to somebody else does not exist, and is not told apart from what does not exist."""

    def test_neither_a_reference_nor_an_id_nor_a_code_is_of_use(
        self, fresh: Riel, bank: WireBank, account: str, tmp_path: Path
    ) -> None:
        paid = fresh.pay(good(account)).done
        asked = fresh.send(good(account, concept="More rent")).done
        with riel(tmp_path, mock_base_url=bank.url, principal="mallory", log="debug") as mallory, nothing_sent(bank):
            nothing = mallory.check("MOCK260307QW3E5RT7ZU8IOP0A").refusal
            assert nothing["code"] == "NOT_FOUND"
            for theirs in (paid["trackingKey"], paid["paymentId"], asked["paymentId"]):
                assert mallory.check(theirs).refusal == nothing
                assert mallory.refund({"trackingKey": theirs, "reason": "mine"}).refusal == nothing
            for code in fresh.codes:
                told = good(account, concept="More rent", verificationCode=code)
                refused(mallory.send(told), "2FA_NOT_REQUESTED")
            assert mallory.leaks(account) == []
        assert fresh.check(asked["paymentId"]).done["status"] == "2fa_required"
