"""A name that a bank cut, shortened or turned round is the same; a stranger's is not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rail_spei.name_match import names_match

WORDS = ["ana", "soto", "juan", "perez", "lopez", "sanchez", "rosa", "luz"]


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ("Ricardo Sánchez", "RICARDO SANCHEZ"),
        ("Ricardo Sanchez", "SANCHEZ RICARDO"),
        ("Ricardo Sanchez", "RICARDO SANCHEZ CASTILLO DE LA MANCHA"),
        ("José Ángel Núñez Peña", "JOSE ANGEL NUNEZ PENA"),
        ("María Guadalupe Hernández", "MA GPE HDEZ"),
        ("Comercializadora del Norte S.A. de C.V.", "COMERCIALIZADORA DEL NORTE SA DE CV"),
        ("Comercializadora del Norte SA de CV", "COMERCIALIZADORA NORTE"),
        ("Distribuidora Internacional de Refacciones Automotrices", "DISTRIBUIDORA INTERNACIONAL DE REFACCION"),
        ("Juan Carlos Pérez Gutiérrez", "JUAN CARLOS PEREZ GUTI"),
        ("Ana García-López", "GARCIA LOPEZ ANA"),
        ("Cinemex", "CINEMEX SA DE CV"),
    ],
)
def test_the_same_name_in_a_banks_hand_is_the_same(sent: str, reported: str) -> None:
    assert names_match(sent, reported) == "same"


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ("Juan Perez", "JUAN LOPEZ"),
        ("Felipe Lopez Hernandez", "FELIPE GARCIA HERNANDEZ"),
        ("Juan", "JUAN PEREZ GOMEZ"),
        ("Juan Perez Perez", "JUAN PEREZ LOPEZ"),
        ("Luz Elena Soto", "LU ELENA SOTO"),
    ],
)
def test_a_name_that_is_shared_in_part_is_not_the_same(sent: str, reported: str) -> None:
    assert names_match(sent, reported) == "partly"


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ("Ricardo Sanchez", "COMERCIALIZADORA DEL NORTE SA DE CV"),
        ("Tienda Grande SA de CV", "TALLER MECANICO SA DE CV"),
        ("Ana Soto", "ANTONIO SOSA"),
    ],
)
def test_strangers_share_nothing_but_particles_and_legal_forms(sent: str, reported: str) -> None:
    assert names_match(sent, reported) == "different"


@pytest.mark.parametrize("nothing", ["", "NA", "ND", "SA DE CV", "...", "\u4f60\u597d"])
def test_a_name_that_says_nothing_matches_nothing(nothing: str) -> None:
    assert names_match("Ricardo Sanchez", nothing) == "unknown"
    assert names_match(nothing, "Ricardo Sanchez") == "unknown"


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_two_names_are_compared_alike_from_either_side(one: str, other: str) -> None:
    assert names_match(one, other) == names_match(other, one)


@given(
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=5),
    st.randoms(),
)
def test_the_order_of_the_words_does_not_matter(words: list[str], random: Random) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)
    assert names_match(" ".join(words), " ".join(shuffled).upper()) == "same"
