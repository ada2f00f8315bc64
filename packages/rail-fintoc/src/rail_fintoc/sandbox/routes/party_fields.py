"""Who pays and who is paid, as payments name them: a tax number, and a bank account."""

from typing import Any

from stdnum.cl import rut
from stdnum.exceptions import ValidationError
from stdnum.mx import rfc

from rail_fintoc.sandbox.errors import Refused
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.ledger.organisation import Json

ACCOUNT_TYPES = ("checking_account", "sight_account", "savings_account", "clabe")


def tax_id(body: Body, name: str = "tax_id") -> Json | None:
    """``{type, value}``; a RUT without dots and hyphen, an RFC in capitals.

    :raises Refused: 400 ``invalid_holder_id``.
    """
    said = body.within(name)
    if not said:
        return None
    kind = said.one_of("type", ("cl_rut", "mx_rfc"), required=True)
    value = said.needed("value", longest=40)
    return {"type": kind, "value": _checked(value, f"{name}.value", (kind,))}


def tax_number(value: str, param: str) -> str:
    """A RUT or an RFC, as Fintoc writes it.

    :raises Refused: 400 ``invalid_holder_id``.
    """
    return _checked(value, param, ("cl_rut", "mx_rfc"))


def _checked(value: str, param: str, kinds: tuple[str, ...]) -> str:
    """A tax number of one of these kinds. The check digit of an RFC is not looked at: banks do not, either."""
    for kind in kinds:
        try:
            return rut.validate(value) if kind == "cl_rut" else rfc.validate(value, validate_check_digits=False)
        except ValidationError:
            continue
    raise Refused(400, "invalid_holder_id", f"{param} is no valid tax number", param)


def account(body: Body, name: str, *, named: bool = False) -> dict[str, Any] | None:
    """``{holder_id, institution_id, number, type}``, and ``holder_name`` where it is ``named``; none if there is none.

    :raises Refused: 400, with the code of what is wrong.
    """
    said = body.within(name)
    if not said:
        return None
    told = {
        "holder_id": tax_number(said.needed("holder_id", longest=40), f"{name}.holder_id"),
        "institution_id": said.needed("institution_id", longest=60),
        "number": said.needed("number", longest=40),
        "type": said.one_of("type", ACCOUNT_TYPES, required=True, code="invalid_account_type"),
    }
    if not (told["number"].isascii() and told["number"].isdigit()):
        raise Refused(400, "invalid_account_number", f"{name}.number must have digits only", f"{name}.number")
    return told | ({"holder_name": said.needed("holder_name", longest=120)} if named else {})
