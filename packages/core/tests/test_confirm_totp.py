"""An authenticator app: the codes of RFC 6238, each time step once, for the person who enrolled."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riel import secrets
from riel.confirm.factor import ConfirmationRequest, Factor, FactorContext, Proof
from riel.confirm.factors.totp import (
    Enrolment,
    TotpFactor,
    UsedStepFiles,
    read_enrolment,
    step_of,
    store_enrolment,
)
from riel.errors import JournalUnavailable, Misconfigured, NotConfirmed
from riel.rail import Mode

SECRET = base64.b32encode(b"12345678901234567890").decode()
ENROLMENT = Enrolment(id="e1", secret=SECRET, after=0)

RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
"""Appendix B, SHA-1. Six digits are the last six of the eight."""

NOW = datetime.fromtimestamp(1111111109, UTC)
CODE = "081804"
STEP = 1111111109 // 30
ASKED = ConfirmationRequest(
    payment_id="pay_1",
    principal="local",
    mode="live",
    text="Pay MXN 500.00",
    digest=bytes(32),
    nonce=bytes(16),
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends.null import Keyring

    monkeypatch.setattr(keyring, "get_keyring", Keyring)


class NoJournalBefore:
    """Used steps of somebody who has one journal, which alone refuses a step for the second time."""

    def claim(self, enrolment: Enrolment, step: int, payment_id: str) -> bool:
        return True


LIVE: frozenset[Mode] = frozenset({"live"})


def totp_factor(enrolment: Enrolment = ENROLMENT) -> TotpFactor:
    return TotpFactor("local", {True: enrolment}, NoJournalBefore())


@pytest.fixture
def factor() -> TotpFactor:
    return totp_factor()


@pytest.mark.parametrize(("seconds", "eight_digits"), RFC_6238)
def test_the_codes_are_those_of_rfc_6238(seconds: int, eight_digits: str) -> None:
    assert step_of(SECRET, eight_digits[2:], datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_one_time_step_off_and_not_two(factor: TotpFactor, steps: int, taken: bool) -> None:
    proof = factor.check(ASKED, CODE, NOW + steps * timedelta(seconds=30))
    assert proof == (Proof(f"totp:e1:{STEP}") if taken else None)


def test_the_proof_names_the_step_of_the_code_and_not_of_the_clock(factor: TotpFactor) -> None:
    """So the same code, given again 30 seconds later, names the same step, and the store refuses it."""
    later = factor.check(ASKED, CODE, NOW + timedelta(seconds=30))
    assert later == factor.check(replace(ASKED, payment_id="pay_2"), CODE, NOW)


@pytest.mark.parametrize("code", ["０８１８０４", "081804\n", " 081804", "81804", "", "0818044"])  # noqa: RUF001
def test_only_six_ascii_digits_are_a_code(factor: TotpFactor, code: str) -> None:
    assert factor.check(ASKED, code, NOW) is None
    assert not factor.is_replay(ASKED, code, Proof(f"totp:e1:{STEP}"))


def test_the_code_that_enrolled_confirms_nothing() -> None:
    enrolled_just_now = totp_factor(replace(ENROLMENT, after=STEP))
    assert enrolled_just_now.check(ASKED, CODE, NOW) is None
    assert totp_factor(replace(ENROLMENT, after=STEP - 1)).check(ASKED, CODE, NOW) is not None


def test_a_repeated_code_is_known_by_the_step_of_its_proof(factor: TotpFactor) -> None:
    proof = factor.check(ASKED, CODE, NOW)
    assert proof is not None
    assert factor.is_replay(ASKED, CODE, proof)
    assert not factor.is_replay(ASKED, CODE, Proof(f"totp:e1:{STEP + 1}"))
    assert not factor.is_replay(ASKED, "000000", proof)
    assert not factor.is_replay(ASKED, CODE, Proof())


def test_after_a_new_enrolment_old_proofs_are_nobodys(factor: TotpFactor) -> None:
    assert not totp_factor(replace(ENROLMENT, id="e2")).is_replay(ASKED, CODE, Proof(f"totp:e1:{STEP}"))


def test_one_person_cannot_confirm_for_another(factor: TotpFactor) -> None:
    other = replace(ASKED, principal="somebody else")
    assert factor.check(other, CODE, NOW) is None
    assert not factor.is_replay(other, CODE, Proof(f"totp:e1:{STEP}"))
    with pytest.raises(NotConfirmed) as caught:
        asyncio.run(factor.ask(other))
    assert caught.value.error.code == "2FA_NOT_ENROLLED"


def test_asking_sends_nothing_and_says_where_the_code_is(factor: TotpFactor) -> None:
    assert "authenticator app" in asyncio.run(factor.ask(ASKED))


def test_before_1970_there_are_no_codes(factor: TotpFactor) -> None:
    assert step_of(SECRET, "755224", datetime.fromtimestamp(0, UTC)) == 0


def test_it_may_confirm_real_money_and_is_not_bound_to_the_payment() -> None:
    assert (TotpFactor.name, TotpFactor.sandbox_only, TotpFactor.dynamic_linking) == ("totp", False, False)


def test_it_opens_with_what_was_enrolled(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    factor: Factor = TotpFactor.open(FactorContext(key=bytes(32), principal="local", folder=tmp_path, modes=LIVE))
    assert factor.check(ASKED, CODE, NOW) == Proof(f"totp:e1:{STEP}")


def test_who_is_not_enrolled_is_told_to_enroll(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    with pytest.raises(Misconfigured, match="run riel enroll --principal 'ana maria'"):
        TotpFactor.open(FactorContext(key=bytes(32), principal="ana maria", folder=tmp_path, modes=LIVE))


@pytest.mark.parametrize("principal", ["local", "../../etc/passwd", "ana@example.mx", "", "ñ" * 300, "a/b", "a\\b"])
def test_any_principal_can_enroll(tmp_path: Path, principal: str) -> None:
    store_enrolment(principal, tmp_path, ENROLMENT)
    assert read_enrolment(principal, tmp_path) == ENROLMENT
    assert read_enrolment(principal + "x", tmp_path) is None
    assert [path.parent for path in tmp_path.rglob("*")] == [tmp_path]


@pytest.mark.parametrize("value", ["{}", "[1]", "nonsense", '{"id": "e", "secret": "1", "after": 0}', "5"])
def test_a_damaged_enrolment_is_one_sentence_without_the_secret(tmp_path: Path, value: str) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    (path,) = tmp_path.glob("*.secret")
    path.write_text(f"file:{value}")
    with pytest.raises(Misconfigured, match=r"remove .*secret and enroll anew") as caught:
        read_enrolment("local", tmp_path)
    assert caught.value.__cause__ is None


def test_the_secret_is_not_shown(factor: TotpFactor) -> None:
    assert SECRET not in repr(factor)


def test_an_enrolment_is_not_replaced_by_accident(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    with pytest.raises(FileExistsError):
        store_enrolment("local", tmp_path, replace(ENROLMENT, id="e2"))
    assert read_enrolment("local", tmp_path) == ENROLMENT
    assert str(tmp_path) in store_enrolment("local", tmp_path, replace(ENROLMENT, id="e2"), replace=True)
    assert read_enrolment("local", tmp_path) == replace(ENROLMENT, id="e2")
    assert secrets.read_secret("other", tmp_path) is None


def opened(folder: Path, *modes: Mode) -> TotpFactor:
    return TotpFactor.open(FactorContext(key=bytes(32), principal="local", folder=folder, modes=frozenset(modes)))


def test_a_code_that_was_typed_for_a_rehearsal_pays_nothing_live(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT, rehearsal=True)
    with pytest.raises(Misconfigured, match="run riel enroll --principal local"):
        opened(tmp_path, "live")
    store_enrolment("local", tmp_path, replace(ENROLMENT, id="e2", secret=base64.b32encode(b"9" * 20).decode()))
    both = opened(tmp_path, "live", "sandbox", "test")
    assert both.check(replace(ASKED, mode="live"), CODE, NOW) is None
    assert both.check(replace(ASKED, mode="sandbox"), CODE, NOW) == Proof(f"totp:e1:{STEP}")


@pytest.mark.parametrize("mode", ["sandbox", "test"])
def test_a_rehearsal_does_not_take_the_app_of_live_money(tmp_path: Path, mode: Mode) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    with pytest.raises(Misconfigured, match="run riel enroll --rehearsal --principal local"):
        opened(tmp_path, mode)
    beside_live = opened(tmp_path, "live", mode)
    with pytest.raises(NotConfirmed) as refused:
        asyncio.run(beside_live.ask(replace(ASKED, mode=mode)))
    assert refused.value.error.code == "2FA_NOT_ENROLLED"


def test_a_code_pays_once_whatever_the_journal(tmp_path: Path) -> None:
    """Two servers with a journal each share the enrolment: what the one has used the other refuses."""
    store_enrolment("local", tmp_path, ENROLMENT)
    first, second = opened(tmp_path, "live"), opened(tmp_path, "live")
    assert first.check(ASKED, CODE, NOW) == Proof(f"totp:e1:{STEP}")
    for factor in (first, second):
        with pytest.raises(NotConfirmed) as refused:
            factor.check(replace(ASKED, payment_id="pay_2"), CODE, NOW)
        assert refused.value.error.code == "2FA_USED"


def test_a_payment_whose_server_died_after_its_code_may_use_it_again(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    assert opened(tmp_path, "live").check(ASKED, CODE, NOW) == opened(tmp_path, "live").check(ASKED, CODE, NOW)


def test_of_many_payments_at_once_one_gets_the_step(tmp_path: Path) -> None:
    used = UsedStepFiles(tmp_path / "used")
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: used.claim(ENROLMENT, STEP, f"pay_{n}"), range(40)))
    assert sum(got) == 1
    assert [path.name for path in used.folder.iterdir()] == [f"e1-{STEP}"]


def test_used_steps_are_forgotten_once_their_codes_have_long_expired(tmp_path: Path) -> None:
    used = UsedStepFiles(tmp_path / "used")
    for step in (STEP - 2881, STEP - 2880, STEP):
        assert used.claim(ENROLMENT, step, "pay_1")
    assert used.claim(replace(ENROLMENT, id="e2"), STEP - 5000, "pay_1")
    assert sorted(path.name for path in used.folder.iterdir()) == [
        f"e1-{STEP - 2880}",
        f"e1-{STEP}",
        f"e2-{STEP - 5000}",
    ]


def test_where_used_codes_cannot_be_kept_nothing_is_confirmed(tmp_path: Path) -> None:
    store_enrolment("local", tmp_path, ENROLMENT)
    factor = opened(tmp_path, "live")
    (tmp_path / "totp-used").rmdir()
    (tmp_path / "totp-used").touch()
    with pytest.raises(JournalUnavailable, match="the used codes cannot be kept"):
        factor.check(ASKED, CODE, NOW)
    with pytest.raises(Misconfigured, match=r"^RIEL_HOME: .*totp-used, where used codes are kept, cannot be written"):
        opened(tmp_path, "live")
