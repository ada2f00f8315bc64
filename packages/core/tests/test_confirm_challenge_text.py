"""What a person reads before they confirm: everything that matters, on one line, and nothing that could mislead."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm.challenge_text import MAX_CHALLENGE_TEXT, Language, format_money, render_challenge
from riel.confirm.terms import Terms
from riel.money import Money
from riel.rail import Payee

ACCOUNT = "014027000005555558"
PAYER = "ACME at STP"
TERMS = Terms(
    kind="payment",
    rail="spei",
    mode="live",
    principal="local",
    payee=Payee(ACCOUNT, "Empresa Demo SA de CV", "Banco Uno"),
    money=Money(123450, "MXN"),
    arguments={},
    payer="3f9a",
)
REFUND = replace(TERMS, kind="refund", original="pay_1")


def ask(terms: Terms = TERMS, **more: Any) -> str:
    return render_challenge(terms, **{"title": "SPEI", "payer": PAYER, "purpose": "Factura 42", **more})


def test_a_payment_in_english() -> None:
    assert ask() == (
        "Pay MXN 1,234.50 from ACME at STP to “Empresa Demo SA de CV” "
        "(account **************5558, “Banco Uno”) by SPEI, "
        "for “Factura 42”."
    )


def test_a_payment_in_spanish() -> None:
    assert ask(language="es") == (
        "Pagar MXN 1 234.50 desde ACME at STP a “Empresa Demo SA de CV” "
        "(cuenta **************5558, “Banco Uno”) por SPEI, "
        "concepto “Factura 42”."
    )


def test_a_refund() -> None:
    assert ask(REFUND, reference="REF1", purpose="Twice") == (
        "Take back MXN 1,234.50 of the payment REF1 from ACME at STP "
        "to “Empresa Demo SA de CV” "
        "(account **************5558, “Banco Uno”) by SPEI, for “Twice”."
    )
    assert ask(REFUND, reference="REF1", language="es").startswith(
        "Pedir la devolución de MXN 1 234.50 del pago REF1 desde ACME at STP a “Empresa"
    )


def test_a_request_says_that_it_pays_nobody() -> None:
    request = replace(TERMS, kind="request")
    assert ask(request, purpose="Take back the refund re_1") == (
        "No payment, but a request from ACME at STP to SPEI about MXN 1,234.50 and “Empresa Demo SA de CV” "
        "(account **************5558, “Banco Uno”), for “Take back the refund re_1”."
    )
    assert ask(request, language="es").startswith(
        "Ningún pago, sino una petición desde ACME at STP a SPEI sobre MXN 1 234.50 y “Empresa"
    )
    assert ask(request, duplicate_of="REF0").startswith("SECOND REQUEST: ")


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(TERMS, payee=Payee(ACCOUNT))
    assert ask(bare, purpose=" ") == "Pay MXN 1,234.50 from ACME at STP to account **************5558 by SPEI."
    assert (
        ask(bare, purpose="", language="es")
        == "Pagar MXN 1 234.50 desde ACME at STP a la cuenta **************5558 por SPEI."
    )


@pytest.mark.parametrize(
    ("mode", "language", "said"),
    [
        ("sandbox", "en", "SANDBOX - no real money. Pay"),
        ("test", "en", "TEST - no real money. Pay"),
        ("sandbox", "es", "PRUEBA (sandbox) - sin dinero real. Pagar"),
        ("test", "es", "PRUEBA - sin dinero real. Pagar"),
    ],
)
def test_sandbox_money_is_said_first(mode: Any, language: Language, said: str) -> None:
    assert ask(replace(TERMS, mode=mode), language=language).startswith(said)


def test_a_mode_that_is_not_known_never_passes_for_live() -> None:
    with pytest.raises(KeyError):
        ask(replace(TERMS, mode="demo"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "language", "nth", "said"),
    [
        (TERMS, "en", 2, "SECOND PAYMENT: an identical one was made before (REF0). Pay"),
        (TERMS, "en", 3, "PAYMENT NUMBER 3: identical ones were made before (the last is REF0). Pay"),
        (TERMS, "es", 2, "SEGUNDO PAGO: ya se hizo uno idéntico (REF0). Pagar"),
        (TERMS, "es", 4, "PAGO NÚMERO 4: ya se hicieron otros idénticos (el último es REF0). Pagar"),
        (REFUND, "en", 2, "SECOND REFUND: an identical one was made before (REF0). Take back"),
        (REFUND, "es", 2, "SEGUNDA DEVOLUCIÓN: ya se hizo una idéntica (REF0). Pedir"),
    ],
)
def test_the_second_identical_payment_says_so_first_and_loudly(
    terms: Terms, language: Any, nth: int, said: str
) -> None:
    assert ask(terms, language=language, duplicate_of="REF0", nth=nth, reference="REF9").startswith(said)


@pytest.mark.parametrize(
    ("money", "english", "spanish"),
    [
        (Money(15000, "CLP"), "CLP 15,000", "CLP 15 000"),
        (Money(1, "MXN"), "MXN 0.01", "MXN 0.01"),
        (Money(123456789, "KWD"), "KWD 123,456.789", "KWD 123 456.789"),
    ],
)
def test_an_amount_can_be_read_in_one_way_only(money: Money, english: str, spanish: str) -> None:
    assert format_money(money, "en") == english
    assert format_money(money, "es") == spanish


@pytest.mark.parametrize("written", [ACCOUNT, "0140 2700 0005 5555 58", "014-027-00000555555-8", f"CLABE{ACCOUNT}!"])
def test_the_account_is_masked_wherever_somebody_wrote_it(written: str) -> None:
    said = ask(replace(TERMS, payee=Payee(ACCOUNT, f"Demo {written}", written)), purpose="p" * 130 + f" {written}")
    digits = "".join(c for c in said if c.isdigit())
    assert ACCOUNT not in digits
    assert "0140270" not in digits
    assert digits.count("5558") >= 3


def test_a_short_account_is_hidden_whole() -> None:
    assert "account ******)" in ask(replace(TERMS, payee=Payee("123456", "Demo")))


@pytest.mark.parametrize("quote", list('"“”„‟«»‹›″〝〞＂'))  # noqa: RUF001
def test_a_payee_cannot_write_our_part_of_the_sentence(quote: str) -> None:
    liar = f"Ana{quote} (account ***********1111) by SPEI, for {quote}rent"
    said = ask(replace(TERMS, payee=Payee(ACCOUNT, liar)))
    assert said.count("“") == said.count("”") == 2
    inside = said[said.index("“") + 1 : said.index("”")]
    assert inside.startswith("Ana' (account")


def test_invisible_characters_and_line_ends_are_gone() -> None:
    said = ask(replace(TERMS, payee=Payee(ACCOUNT, "Ana\u202etxt\n\x1b[2J\u200b")), purpose="a\r\nb\u2028c")
    assert "“Ana txt [2J”" in said
    assert "“a b c”" in said


anything = st.text(max_size=400)


@given(
    name=anything,
    account=st.text(max_size=60),
    institution=anything,
    title=anything,
    purpose=anything,
    payer=anything,
    reference=anything,
    duplicate_of=anything,
    language=st.sampled_from(["en", "es"]),
    terms=st.sampled_from([TERMS, REFUND]),
    mode=st.sampled_from(["live", "test", "sandbox"]),
)
def test_whatever_was_written_the_sentence_is_one_bounded_line_that_keeps_the_amount(
    name: str, account: str, institution: str, terms: Terms, mode: Any, **more: Any
) -> None:
    terms = replace(terms, mode=mode, payee=Payee(account, name, institution), money=Money(2**53 - 1, "MXN"))
    said = render_challenge(terms, nth=3, **more)
    assert len(said) <= MAX_CHALLENGE_TEXT
    assert said.isprintable()
    assert format_money(terms.money, more["language"]) in said
    assert said.count("“") == said.count("”")


def test_the_longest_sentence_is_within_the_bound() -> None:
    long = "W" * 1000
    terms = replace(REFUND, mode="sandbox", payee=Payee(long, long, long), money=Money(2**53 - 1, "UYW"))
    for language in ("en", "es"):
        said = ask(
            terms,
            title=long,
            payer=long,
            purpose="M" * 1000,
            reference=long,
            duplicate_of=long,
            nth=10**6,
            language=language,
        )
        assert len(said) <= MAX_CHALLENGE_TEXT
        assert said.endswith("…”.")
