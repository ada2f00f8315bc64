"""The RFC (tax office) or CURP (population register) of a person or company, or ``ND``: not available."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from stdnum.exceptions import ValidationError
from stdnum.mx import curp, rfc

NOT_AVAILABLE = "ND"

_MAX_WRITTEN = 40
_RFC = re.compile("[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{3}")
_CURP = re.compile("[A-Z]{4}[0-9]{6}[A-Z]{6}[A-Z0-9][0-9]")


def taxpayer(text: str) -> str:
    """Return the RFC or CURP in capitals, without separators but with Ñ and &; or ``ND``.

    Check digits are not checked: the tax office itself gave out many RFCs whose digit is wrong, and real orders
    carry CURPs like that.

    :raises PydanticCustomError: ``invalid_taxpayer``.
    """
    if len(text) <= _MAX_WRITTEN:
        number = rfc.compact(unicodedata.normalize("NFC", text))
        if number == NOT_AVAILABLE:
            return number
        try:
            if _RFC.fullmatch(number):  # the library also takes an RFC without the part that the tax office gives
                return rfc.validate(number, validate_check_digits=False)
            if _CURP.fullmatch(number):
                return curp.validate(number, validate_check_digits=False)
        except ValidationError:
            pass
    raise PydanticCustomError(
        "invalid_taxpayer", "is neither an RFC (12 or 13 characters) nor a CURP (18 characters), nor ND"
    )


Taxpayer = Annotated[
    str,
    AfterValidator(taxpayer),
    Field(description="RFC or CURP; ND where it is not known."),
]
"""An RFC or CURP in capitals, or ``ND``."""
