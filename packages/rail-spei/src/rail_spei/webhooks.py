"""STP's webhooks about a change of state. They are not signed, so the rail takes only the reference from them."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from rail_spei.settings import SpeiSettings
from rail_spei.stp.parser import UnreadableJson, parse_json
from rail_spei.stp.values import Exact
from riel import WebhookResult

ACKNOWLEDGMENT = WebhookResult(status=200, body=json.dumps({"mensaje": "recibido"}).encode())
"""The response that STP expects. After any other one it repeats the message, about twenty times."""

NOT_A_STATE_CHANGE = WebhookResult(status=422, body=json.dumps({"mensaje": "no es un cambio de estado"}).encode())
"""The response to other messages, such as a received payment: it neither confirms nor returns it, so STP repeats it."""


class StateMessage(BaseModel):
    """The fields of a message that identify its order. The state itself is looked up at STP."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    id: int | str
    empresa: Exact = None
    folioOrigen: Exact = None  # noqa: N815  # STP's own names
    claveRastreo: Exact = None  # noqa: N815
    estado: str | None = None
    Estado: str | None = None


def parse_webhook(settings: SpeiSettings, headers: Mapping[str, str], body: bytes) -> WebhookResult:
    """Return the reference of the order: each order carries our tracking key as ``folioOrigen``, which STP echoes.

    An older message has STP's number only, which the core does not know; the next look-up of that order is enough.
    """
    try:
        message = StateMessage.model_validate(parse_json(body))
    except (UnreadableJson, ValidationError):
        return NOT_A_STATE_CHANGE
    if message.estado is None and message.Estado is None:
        return NOT_A_STATE_CHANGE
    if message.empresa not in {None, settings.empresa}:
        return ACKNOWLEDGMENT
    keys = dict.fromkeys(key for key in (message.folioOrigen, message.claveRastreo) if key)
    return WebhookResult(references=tuple(keys), status=ACKNOWLEDGMENT.status, body=ACKNOWLEDGMENT.body)
