"""The digest binds everything that a person agrees to, and no two agreements have the same one."""

import hashlib
from dataclasses import fields, replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riel.confirm.terms import VERSION, Terms, canonical, digest, preimage
from riel.money import Money
from riel.rail import Payee
from riel.text import fold_text

TERMS = Terms(
    kind="payment",
    rail="mock",
    mode="sandbox",
    principal="local",
    payee=Payee("0123456789", "Empresa Demo", "Banco Uno"),
    money=Money(50000, "MXN"),
    arguments={"account": "0123456789", "amount": 50000, "concept": "Invoice 42"},
    payer="the account 646180110400000007 at the bank",
    tool="pay_bill",
    tool_arguments={"bill": "rent"},
)

Kind = Literal["payment", "refund"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(fold_text)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def all_terms(draw: st.DrawFn) -> Terms:
    kind: Kind = draw(st.sampled_from(["payment", "refund"]))
    return Terms(
        kind=kind,
        rail=draw(texts),
        mode=draw(st.sampled_from(["live", "test", "sandbox"])),
        principal=draw(texts),
        payee=Payee(draw(texts), draw(texts), draw(texts)),
        money=Money(draw(st.integers()), draw(st.sampled_from(["MXN", "CLP", "USD"]))),
        arguments=draw(st.dictionaries(texts, values, max_size=3)),
        original=draw(texts.filter(bool)) if kind == "refund" else "",
        payer=draw(texts),
        tool=draw(texts),
        tool_arguments=draw(st.dictionaries(texts, values, max_size=3)),
    )


def read_back(written: bytes) -> list[bytes]:
    """The fields of a preimage, by somebody who knows only that each stands behind its length."""
    found = []
    while written:
        length = int.from_bytes(written[:8], "big")
        found.append(written[8 : 8 + length])
        assert len(found[-1]) == length
        written = written[8 + length :]
    return found


def same(one: object, other: object) -> bool:
    """Equality that tells ``True`` from ``1``, as JSON does."""
    return canonical({"": one}) == canonical({"": other})


@given(all_terms())
def test_every_field_can_be_read_back_so_no_two_terms_are_written_alike(terms: Terms) -> None:
    assert read_back(preimage(terms)) == [
        VERSION,
        terms.kind.encode(),
        terms.rail.encode(),
        terms.mode.encode(),
        terms.principal.encode(),
        terms.payee.account.encode(),
        fold_text(terms.payee.name).encode(),
        fold_text(terms.payee.institution).encode(),
        str(terms.money.amount).encode(),
        terms.money.currency.encode(),
        canonical(terms.arguments),
        terms.original.encode(),
        terms.payer.encode(),
        terms.tool.encode(),
        canonical(terms.tool_arguments),
    ]
    assert digest(terms) == hashlib.sha256(preimage(terms)).digest()


def test_the_preimage_names_the_payer_the_tool_and_everything_else() -> None:
    """Written out, so that no field can leave the preimage and this test together."""
    assert read_back(preimage(TERMS)) == [
        b"riel-terms-2",
        b"payment",
        b"mock",
        b"sandbox",
        b"local",
        b"0123456789",
        b"Empresa Demo",
        b"Banco Uno",
        b"50000",
        b"MXN",
        b'{"account":"0123456789","amount":50000,"concept":"Invoice 42"}',
        b"",
        b"the account 646180110400000007 at the bank",
        b"pay_bill",
        b'{"bill":"rent"}',
    ]
    assert digest(replace(TERMS, payer="another account")) != digest(TERMS)


@given(all_terms(), all_terms())
def test_changing_any_one_field_changes_the_digest(terms: Terms, other: Terms) -> None:
    for name in [field.name for field in fields(Terms) if field.name != "kind"]:
        theirs = getattr(other, name)
        if getattr(terms, name) != theirs and (name != "original" or terms.kind == other.kind):
            assert digest(replace(terms, **{name: theirs})) != digest(terms)
    for name in ("account", "name", "institution"):
        theirs = getattr(other.payee, name)
        if fold_text(getattr(terms.payee, name)) != fold_text(theirs):
            assert digest(replace(terms, payee=replace(terms.payee, **{name: theirs}))) != digest(terms)
    if terms.kind != other.kind:
        assert digest(replace(terms, kind=other.kind, original=other.original)) != digest(terms)


def moved(one: str, other: str, count: int) -> tuple[str, str]:
    together, cut = one + other, len(one) + count
    return together[:cut], together[cut:]


@given(all_terms(), st.integers(-3, 3).filter(bool))
def test_moving_characters_between_neighbouring_fields_changes_the_digest(terms: Terms, count: int) -> None:
    payee = terms.payee
    for field, next_field in (("account", "name"), ("name", "institution")):
        one, other = moved(getattr(payee, field), getattr(payee, next_field), count)
        folded = fold_text if field == "name" else str
        if (folded(one), fold_text(other)) != (getattr(payee, field), getattr(payee, next_field)):
            assert digest(replace(terms, payee=replace(payee, **{field: one, next_field: other}))) != digest(terms)
    principal, account = moved(terms.principal, payee.account, count)
    if principal != terms.principal:
        changed = replace(terms, principal=principal, payee=replace(payee, account=account))
        assert digest(changed) != digest(terms)


@given(st.dictionaries(texts, values, max_size=3), st.dictionaries(texts, values, max_size=3))
def test_two_sets_of_arguments_are_written_alike_only_when_they_are_the_same(one: Any, other: Any) -> None:
    import json

    assert same(json.loads(canonical(one)), one)
    assert (canonical(one) == canonical(other)) == same(one, other)


def test_the_order_of_arguments_does_not_matter() -> None:
    arguments = dict(reversed(list(TERMS.arguments.items())))
    assert list(arguments) != list(TERMS.arguments)
    assert digest(replace(TERMS, arguments=arguments)) == digest(TERMS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": None}, {"a": "null"}),
        ({"a": ["b", "c"]}, {"a": ["b,c"]}),
        ({"a": 'x","b":"y'}, {"a": "x", "b": "y"}),
    ],
)
def test_arguments_that_look_alike_have_different_digests(one: Any, other: Any) -> None:
    assert digest(replace(TERMS, arguments=one)) != digest(replace(TERMS, arguments=other))


@pytest.mark.parametrize("value", [1.0, float("nan"), b"x", {1}, object(), {1: "x"}, [0.5], {"deep": {"er": 1e3}}])
def test_an_argument_that_could_be_written_in_two_ways_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be confirmed"):
        digest(replace(TERMS, arguments={"value": value}))


@pytest.mark.parametrize("changed", [{"principal": "\ud83d"}, {"arguments": {"text": "\ud83d\ude00"}}])
def test_half_a_character_is_refused(changed: Any) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        digest(replace(TERMS, **changed))


def test_a_refund_names_its_payment_and_a_payment_names_none() -> None:
    with pytest.raises(ValueError, match="refund"):
        replace(TERMS, kind="refund")
    with pytest.raises(ValueError, match="refund"):
        replace(TERMS, original="p1")
    assert digest(replace(TERMS, kind="refund", original="p1")) != digest(replace(TERMS, kind="refund", original="p2"))


def test_the_digest_of_the_same_terms_never_changes() -> None:
    """A challenge that was opened before an upgrade is still found after it."""
    assert digest(TERMS).hex() == "ac0fd79ff3971a991075c1d2387a12390067e2633ef3de895a48af9cfb6ba1cb"


ALIKE = [
    ("Pen\u0303a", "Pe\u00f1a"),
    ("O\u2019Brien", "O'Brien"),
    ("\u201cRenta\u201d", '"Renta"'),
    ("\u00abRenta\u00bb", '"Renta"'),
    ("Renta\u00a0de  marzo", "Renta de marzo"),
    ("marzo \u2014 abril", "marzo - abril"),
    ("2026\u20133", "2026-3"),
]
UNLIKE = [("Pena", "Pe\u00f1a"), ("Renta", "renta"), ("O'Brien", "OBrien"), ("Renta 1", "Renta1"), ("a-b", "a_b")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_a_person_reads_as_the_same_is_the_same(one: str, other: str) -> None:
    def terms(text: str) -> Terms:
        nested = {"concept": text, "more": [{"note": text}]}
        payee = Payee("0123456789", text, text)
        return replace(TERMS, payee=payee, arguments=nested, tool_arguments=nested)

    assert digest(terms(one)) == digest(terms(other))


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_what_a_person_reads_as_another_text_is_another_payment(one: str, other: str) -> None:
    for change in ("arguments", "tool_arguments"):
        assert digest(replace(TERMS, **{change: {"concept": one}})) != digest(
            replace(TERMS, **{change: {"concept": other}})
        )
    assert digest(replace(TERMS, payee=Payee("1", one))) != digest(replace(TERMS, payee=Payee("1", other)))
