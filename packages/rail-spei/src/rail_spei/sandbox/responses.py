"""The HTTP answers of the pretend STP to orders: 200 for acceptance and refusal, and the faults of an answer."""

from typing import Any

from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import NO_SUCH_PAYMENT, OrderResult
from rail_spei.sandbox.refusals import UNSIGNED, StpRefusal
from riel.sandbox.kit import CutResponse, gateway_page, truncated_json


def order_response(result: OrderResult, *, of_a_return: bool = False) -> Response:
    """Build the answer to an order, with its fault, after its delay."""
    match result.answer:
        case "forbidden":
            return gateway_page(403)
        case "bad gateway":
            return gateway_page(502)
        case "late":
            return gateway_page(504)
        case "slow" if result.accepted is None:
            return gateway_page(504)
        case "cut":
            return CutResponse()
        case "garbage":
            return truncated_json('{"resultado":{"id":90')
    if result.refusal is not None:
        return refusal_response(result.refusal, of_a_return=of_a_return)
    number: Any = result.accepted.id if result.accepted else None
    return JSONResponse({"resultado": {"id": str(number) if result.answer == "strings" else number}})


def refusal_response(refusal: StpRefusal, *, of_a_return: bool = False) -> Response:
    """Build a refusal, which has HTTP 200. Two refusals of a return have another form."""
    if of_a_return and refusal in {NO_SUCH_PAYMENT, UNSIGNED}:
        return JSONResponse({"estado": refusal.id, "mensaje": refusal.text})
    content: dict[str, Any] = {"id": refusal.id}
    if refusal.text is not None:
        content = {"descripcionError": refusal.text, "id": refusal.id}
    return JSONResponse({"resultado": content})
