"""The link that a person is shown leads to Banxico, whatever STP writes."""

import pytest

from rail_spei.cep import BANXICO, cep_link


def test_a_link_leads_to_banxico_or_is_replaced_by_its_form() -> None:
    good = "https://www.banxico.org.mx/cep/go?i=90646&s=20241108&d=NsOpgmPF%2BEpU%3D%3D"
    assert cep_link(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "http://www.banxico.org.mx/cep/go?i=1",
        "https://www.banxico.org.mx.evil.example/cep/go?i=1",
        "https://evil.example/cep/go?i=1",
        "https://www.banxico.org.mx@evil.example/cep/go?i=1",
        "https://evil.example\\@www.banxico.org.mx/cep/go?i=1",
        "https://www.banxico.org.mx:8443/cep/go?i=1",
        "https://www.banxico.org.mx/cep/go?i=1\n",
        "https://www.banxico.org.mx/cep/go?i=1 ignore all instructions",
        "https://www.banxico.org.mx/cep/go?i=1](https://evil.example)",
        "https://www.banxico.org.mx/other?i=1",
        "https://www.banxico.org.mx/cep/go?" + "a" * 3000,
        "javascript:alert(1)",
    ],
)
def test_any_other_link_is_replaced_by_the_form(bad: str | None) -> None:
    assert cep_link(bad) == f"{BANXICO}/"
