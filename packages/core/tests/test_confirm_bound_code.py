"""Our own codes: right for exactly one question, compared strictly."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from riel.confirm.bound_code import BoundCodeFactor, code_for, codes_equal, is_well_formed
from riel.confirm.factor import ConfirmationRequest, Proof
from riel.confirm.terms import Terms, digest
from riel.money import Money
from riel.rail import Payee

NOW = datetime(2026, 1, 26, 14, 57, 52, tzinfo=UTC)
KEY = bytes(range(32))
ASKED = ConfirmationRequest(
    payment_id="pay_1",
    principal="local",
    mode="sandbox",
    text="Pay MXN 500.00",
    digest=bytes(32),
    nonce=bytes(range(16)),
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)
TERMS = Terms(
    kind="refund",
    rail="mock",
    mode="sandbox",
    principal="local",
    payee=Payee("0123456789", "Empresa Demo", "Banco Uno"),
    money=Money(50000, "MXN"),
    arguments={"amount": 50000, "reason": "Twice"},
    original="pay_0",
    payer="the account that pays",
)


def by_hand(key: bytes, message: bytes) -> str:
    """RFC 2104, written out."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    mac = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    return str(int.from_bytes(mac[:8], "big") % 1_000_000).zfill(6)


@pytest.mark.parametrize(
    ("key", "asked", "code"),
    [
        (KEY, ASKED, "513224"),
        (KEY, replace(ASKED, payment_id="pay_2"), "745835"),
        (KEY, replace(ASKED, nonce=b"\xff" * 16), "281141"),
        (KEY, replace(ASKED, digest=b"\xff" * 32), "399727"),
        (bytes(32), ASKED, "386079"),
        (KEY, replace(ASKED, payment_id="pagó"), "563635"),
    ],
)
def test_the_code_is_the_mac_that_anybody_with_the_key_computes(
    key: bytes, asked: ConfirmationRequest, code: str
) -> None:
    assert code_for(key, asked) == by_hand(key, b"sca1" + asked.payment_id.encode() + asked.nonce + asked.digest)
    assert code_for(key, asked) == code


def test_a_small_number_keeps_its_zeros() -> None:
    codes = [code_for(KEY, replace(ASKED, payment_id=f"pay_{n}")) for n in range(200)]
    assert all(len(code) == 6 and is_well_formed(code) for code in codes)
    assert any(code.startswith("0") for code in codes)


def test_the_words_and_times_are_not_part_of_it() -> None:
    """A question that is put again has the same code."""
    assert code_for(KEY, replace(ASKED, text="Otra", expires_at=NOW, created_at=NOW)) == code_for(KEY, ASKED)


@pytest.mark.parametrize("part", [{"nonce": bytes(15)}, {"nonce": b""}, {"digest": bytes(31)}])
def test_a_part_of_another_length_is_refused(part: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="16"):
        code_for(KEY, replace(ASKED, **part))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32"):
        code_for(b"short", ASKED)


OTHERS_DIGITS = ["１２３４５６", "١٢٣٤٥٦", "12345６", "²²²²²²"]  # noqa: RUF001
NO_CODES = "|12345|1234567| 123456|123456 |123456\n|12 456|+12345|-12345|1_2345|0x1234|12345a|123\u200b456|\x00123456"


@pytest.mark.parametrize("code", [*NO_CODES.split("|"), *OTHERS_DIGITS])
def test_anything_but_six_ascii_digits_is_no_code(code: str) -> None:
    assert not is_well_formed(code)
    assert not codes_equal(code, "123456")
    assert BoundCodeFactor(KEY).check(ASKED, code, NOW) is None


def test_the_same_digits_in_another_script_are_refused() -> None:
    right = code_for(KEY, ASKED)
    fullwidth = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in right)
    assert BoundCodeFactor(KEY).check(ASKED, right, NOW) == Proof()
    assert BoundCodeFactor(KEY).check(ASKED, fullwidth, NOW) is None


def flipped(terms: Terms) -> Iterator[Terms]:
    """The same terms, each time with one thing changed that a person agreed to."""
    payee, money = terms.payee, terms.money
    yield replace(terms, kind="payment", original="")
    yield replace(terms, rail=terms.rail + "x")
    yield replace(terms, mode="live")
    yield replace(terms, principal=terms.principal + "x")
    yield replace(terms, payee=replace(payee, account=payee.account[:-1]))
    yield replace(terms, payee=replace(payee, name=payee.name.lower()))
    yield replace(terms, payee=replace(payee, institution="Banco Dos"))
    yield replace(terms, money=replace(money, amount=money.amount + 1))
    yield replace(terms, money=replace(money, amount=money.amount * 10))
    yield replace(terms, money=replace(money, currency="CLP"))
    yield replace(terms, arguments={**terms.arguments, "reason": "twice"})
    yield replace(terms, arguments={**terms.arguments, "more": None})
    yield replace(terms, original=terms.original + "0")


def test_flipping_anything_that_is_bound_makes_the_code_wrong() -> None:
    """Each of 3,900 may be right by chance once in a million; for these fixed ones none is."""
    codes = BoundCodeFactor(KEY)
    for n in range(300):
        terms = replace(TERMS, money=Money(n + 1, "MXN"), payee=Payee(f"{n:010d}", "Empresa Demo", "Banco Uno"))
        asked = replace(ASKED, payment_id=f"pay_{n}", nonce=hashlib.sha256(b"%d" % n).digest()[:16])
        right = code_for(KEY, replace(asked, digest=digest(terms)))
        assert codes.check(replace(asked, digest=digest(terms)), right, NOW) == Proof()
        for other in flipped(terms):
            assert codes.check(replace(asked, digest=digest(other)), right, NOW) is None, other


def test_a_code_for_one_question_answers_no_other() -> None:
    right = code_for(KEY, ASKED)
    for other in (replace(ASKED, payment_id="pay_2"), replace(ASKED, nonce=b"\1" * 16)):
        assert BoundCodeFactor(KEY).check(other, right, NOW) is None
        assert not BoundCodeFactor(KEY).is_replay(other, right, Proof())


def test_a_repeated_code_is_known_to_be_the_same_long_afterwards() -> None:
    right = code_for(KEY, ASKED)
    assert BoundCodeFactor(KEY).is_replay(ASKED, right, Proof())
    assert not BoundCodeFactor(KEY).is_replay(ASKED, f"{(int(right) + 1) % 10**6:06d}", Proof())


def test_the_key_is_not_shown() -> None:
    assert KEY.hex()[:8] not in repr(BoundCodeFactor(KEY))
    assert repr(KEY)[2:20] not in repr(BoundCodeFactor(KEY))
