"""Who pays and who is paid, as payments name them: a tax number, and a bank account."""

from typing import Any

from stdnum.cl import rut
from stdnum.exceptions import ValidationError
from stdnum.mx import rfc

from rail_fintoc.sandbox.errors import ApiError
from rail_fintoc.sandbox.http.body import Body
from rail_fintoc.sandbox.ledger.organisation import Json

ACCOUNT_TYPES = ("checking_account", "sight_account", "savings_account", "clabe")


def read_tax_id(body: Body, name: str = "tax_id") -> Json | None:
    """``{type, value}``; a RUT without dots and hyphen, an RFC in capitals.

    :raises ApiError: 400 ``invalid_holder_id``.
    """
    fields = body.object(name)
    if not fields:
        return None
    kind = fields.choice("type", ("cl_rut", "mx_rfc"), required=True)
    value = fields.required_text("value", longest=40)
    return {"type": kind, "value": _checked(value, f"{name}.value", (kind,))}


def read_tax_number(value: str, param: str) -> str:
    """A RUT or an RFC, as Fintoc writes it.

    :raises ApiError: 400 ``invalid_holder_id``.
    """
    return _checked(value, param, ("cl_rut", "mx_rfc"))


def _checked(value: str, param: str, kinds: tuple[str, ...]) -> str:
    """A tax number of one of these kinds. The check digit of an RFC is not looked at: banks do not, either."""
    for kind in kinds:
        try:
            return rut.validate(value) if kind == "cl_rut" else rfc.validate(value, validate_check_digits=False)
        except ValidationError:
            continue
    raise ApiError(400, "invalid_holder_id", f"{param} is no valid tax number", param)


def read_account(body: Body, name: str, *, named: bool = False) -> dict[str, Any] | None:
    """``{holder_id, institution_id, number, type}``, and ``holder_name`` where it is ``named``; none if there is none.

    :raises ApiError: 400, with the code of what is wrong.
    """
    fields = body.object(name)
    if not fields:
        return None
    values = {
        "holder_id": read_tax_number(fields.required_text("holder_id", longest=40), f"{name}.holder_id"),
        "institution_id": fields.required_text("institution_id", longest=60),
        "number": fields.required_text("number", longest=40),
        "type": fields.choice("type", ACCOUNT_TYPES, required=True, code="invalid_account_type"),
    }
    if not (values["number"].isascii() and values["number"].isdigit()):
        raise ApiError(400, "invalid_account_number", f"{name}.number must have digits only", f"{name}.number")
    return values | ({"holder_name": fields.required_text("holder_name", longest=120)} if named else {})
