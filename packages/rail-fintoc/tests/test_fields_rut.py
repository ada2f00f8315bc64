"""A RUT is written alike whatever its dots, hyphen and k; one whose check character does not fit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import PydanticCustomError

from rail_fintoc.fields import Rut, rut

WRITTEN = {
    "11.111.111-1": "111111111",
    "11111111-1": "111111111",
    "111111111": "111111111",
    "41.614.850-3": "416148503",
    "40427672-7": "404276727",
    "41579263-8": "415792638",
    "77.180.653-8": "771806538",
    "12531909-2": "125319092",
    "012.531.909-2": "125319092",
    "1.000.005-K": "1000005K",
    "1000005-k": "1000005K",
    "1000005k": "1000005K",
}


def digit(body: str) -> str:
    """The check character of section 14 of the specification, written down here a second time."""
    total = sum(int(figure) * weight for figure, weight in zip(reversed(body), (2, 3, 4, 5, 6, 7) * 2, strict=False))
    rest = 11 - total % 11
    return {11: "0", 10: "K"}.get(rest, str(rest))


BODIES = st.integers(1_000_000, 99_999_999).map(str)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rut_loses_its_dots_and_hyphen_and_its_k_is_a_capital(text: str) -> None:
    assert rut(text) == TypeAdapter[str](Rut).validate_python(text) == WRITTEN[text]


@given(BODIES, st.booleans(), st.booleans(), st.booleans())
def test_every_rut_is_taken_however_it_is_written(body: str, dots: bool, hyphen: bool, small: bool) -> None:
    shown = f"{int(body):,}".replace(",", ".") if dots else body
    check = digit(body).lower() if small else digit(body)
    assert rut(f"{shown}{'-' if hyphen else ''}{check}") == body + digit(body)


@given(BODIES, st.sampled_from("0123456789K"))
def test_a_check_character_that_does_not_fit_is_refused_and_the_number_is_not_said(body: str, check: str) -> None:
    if check == digit(body):
        return
    with pytest.raises(PydanticCustomError) as refused:
        rut(f"{body}-{check}")
    assert refused.value.type == "invalid_rut"
    assert body not in refused.value.message()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1-9",
        "11111111",
        "11.111.111_1",
        "CL111111111",
        "11111111-1\n",
        " 11111111-1",
        "\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11-1",
        "11111111-¹",
        "K1111111-1",
        "1" * 100_000,
        "00000000-0",
        "11-111-111-1",
    ],
)
def test_what_is_no_rut_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        rut(text)
    assert refused.value.type == "invalid_rut"
