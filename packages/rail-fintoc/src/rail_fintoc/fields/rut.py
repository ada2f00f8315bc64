"""The RUT, who a person or company is to Chile's tax office: digits and a check character, 0-9 or K."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from stdnum.cl import rut as stdnum_rut
from stdnum.exceptions import ValidationError

_WRITTEN = re.compile(r"0*[0-9][0-9. ]{0,14}-?[0-9Kk]")


def rut(text: str) -> str:
    """The RUT as Fintoc keeps it: without dots, hyphen and leading zeros, and with a capital K (``111111111``).

    :raises PydanticCustomError: ``invalid_rut``, which neither repeats the number nor says which character would fit.
    """
    if _WRITTEN.fullmatch(text) is not None:
        try:
            return stdnum_rut.validate(stdnum_rut.compact(text).lstrip("0"))
        except ValidationError:
            pass
    raise PydanticCustomError(
        "invalid_rut",
        "is not a RUT: 7 or 8 digits and a check character that fits, such as 11.111.111-1; ask whoever gave it",
    )


Rut = Annotated[
    str,
    AfterValidator(rut),
    Field(description="A RUT, with or without dots and hyphen, such as 11.111.111-1."),
]
"""A RUT without dots and hyphen, so that one holder is always written alike."""
