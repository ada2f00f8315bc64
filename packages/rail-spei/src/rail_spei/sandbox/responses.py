"""How the pretend STP answers an order: HTTP 200 for yes and for no, and what may befall an answer on its way."""

from typing import Any

from starlette.responses import JSONResponse, Response

from rail_spei.sandbox.bank import NO_SUCH_PAYMENT, OrderResult
from rail_spei.sandbox.refusals import UNSIGNED, StpRefusal
from riel.sandbox.kit import CutResponse, gateway_page, truncated_json


def order_response(result: OrderResult, *, of_a_return: bool = False) -> Response:
    """The answer to an order as it arrives, once what delays it is over."""
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
    """A refusal, with HTTP 200 as STP has it. Two of those of a return have a form of their own."""
    if of_a_return and refusal in {NO_SUCH_PAYMENT, UNSIGNED}:
        return JSONResponse({"estado": refusal.id, "mensaje": refusal.text})
    content: dict[str, Any] = {"id": refusal.id}
    if refusal.text is not None:
        content = {"descripcionError": refusal.text, "id": refusal.id}
    return JSONResponse({"resultado": content})
