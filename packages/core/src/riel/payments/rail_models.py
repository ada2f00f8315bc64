"""The code in a rail's models (validators, serializers, ``payee()``, ``purpose()``) runs within its time."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from riel.catalog import ActiveRail
from riel.errors import BadInput, Code, NothingSent
from riel.payments.rail_failure import RailFailure, limited, rail_failure
from riel.payments.rail_results import is_text_by_name
from riel.rail import Payee, Payment
from riel.text import MAX_LINE

M = TypeVar("M", bound=BaseModel)

MAX_ACCOUNT, MAX_NAME = 200, 1000
"""The most characters of an account and of a name; every text about a payment is searched for its account."""


def validated(rail: ActiveRail, model: type[M], arguments: Mapping[str, Any]) -> M:
    """Validate the arguments of a tool; the validators receive the rail's settings as their context.

    :raises ValidationError: an argument was refused.
    :raises NothingSent: a validator failed.
    """
    try:
        with limited(rail, f"the validation of {model.__name__}", ValidationError):
            return model.model_validate(dict(arguments), by_alias=True, by_name=False, context=rail.settings)
    except RailFailure as failure:
        raise _broken(rail, "check the arguments", failure) from failure


def dumped(rail: ActiveRail, model: BaseModel) -> dict[str, Any]:
    """Return ``model`` as it goes over the wire, without what was left out.

    :raises NothingSent: a serializer failed.
    """
    try:
        with limited(rail, f"the serialization of {type(model).__name__}"):
            return model.model_dump(mode="json", by_alias=True, exclude_none=True)
    except RailFailure as failure:
        raise _broken(rail, f"write {type(model).__name__}", failure) from failure


def described(rail: ActiveRail, payment: Payment) -> tuple[Payee, str, Mapping[str, str]]:
    """Return who is paid, what for, and what else decides who gets the money.

    :raises BadInput: a text is longer than any that could be shown or compared.

    :raises NothingSent: the rail failed.
    """
    try:
        with limited(rail, "payee"):
            payee = payment.payee()
        if not (isinstance(payee, Payee) and _are_texts(payee.account, payee.name, payee.institution)):
            raise rail_failure(rail, "payee", "it returned no Payee of strings")
        with limited(rail, "purpose"):
            purpose = payment.purpose()
        if not isinstance(purpose, str):
            raise rail_failure(rail, "purpose", "it returned no string")
        with limited(rail, "details"):
            details = dict(payment.details())
        if not is_text_by_name(details):
            raise rail_failure(rail, "details", "it returned no strings by name")
    except RailFailure as failure:
        raise _broken(rail, "say who is paid", failure) from failure
    for what, text, most in (
        ("an account", payee.account, MAX_ACCOUNT),
        ("a payee", payee.name, MAX_NAME),
        ("an institution", payee.institution, MAX_NAME),
        ("a purpose", purpose, MAX_LINE),
    ):
        if len(text) > most:
            raise BadInput(field="arguments", problem=f"name {what} of more than {most} characters")
    return payee, purpose, details


def receipt_data(rail: ActiveRail, facts: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the rail's receipt as it goes over the wire, with what riel itself has ``known`` in any case; and its
    notice.

    A provider may send a fact of an unknown shape: then it is dropped, and never guessed.
    """
    receipt = rail.declaration.receipt
    for left_out in (_misfits(rail, facts, known), {*facts}):
        values = {**{name: fact for name, fact in facts.items() if name not in left_out}, **known}
        try:
            with limited(rail, f"the receipt {receipt.__name__}", ValidationError):
                model = receipt.model_validate(values)
                return model.model_dump(mode="json", by_alias=True, exclude_none=True), str(model.notice())
        except (ValidationError, RailFailure):
            continue
    return {name: value for name, value in known.items() if value is not None}, ""


def _misfits(rail: ActiveRail, facts: Mapping[str, Any], known: Mapping[str, Any]) -> set[str]:
    """The names of the facts that the rail's receipt refuses."""
    receipt = rail.declaration.receipt
    try:
        with limited(rail, f"the receipt {receipt.__name__}", ValidationError):
            receipt.model_validate({**facts, **known})
    except ValidationError as failure:
        return {str(error["loc"][0]) for error in failure.errors(include_input=False) if error["loc"]}
    except RailFailure:
        return {*facts}
    return set()


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _broken(rail: ActiveRail, task: str, failure: RailFailure) -> NothingSent:
    return NothingSent(Code.RAIL_BROKEN, rail=rail.declaration.name, problem=f"it could not {task} ({failure})")
