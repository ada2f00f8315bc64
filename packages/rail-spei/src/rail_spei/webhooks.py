"""STP's messages about a change of state. They are not signed, so one only says of which order there is news."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from rail_spei.settings import SpeiSettings
from rail_spei.stp.parser import UnreadableJson, parse_json
from rail_spei.stp.values import Exact
from riel import WebhookResult

TAKEN = WebhookResult(status=200, body=json.dumps({"mensaje": "recibido"}).encode())
"""What STP expects. After anything else it repeats the message, about twenty times."""

NOT_A_STATE_CHANGE = WebhookResult(status=422, body=json.dumps({"mensaje": "no es un cambio de estado"}).encode())
"""A message of another kind, such as a received payment: neither confirmed nor given back, so STP repeats it."""


class StateMessage(BaseModel):
    """What is read of a message: whose it is. What it says of the order is asked of STP."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    id: int | str
    empresa: Exact = None
    folioOrigen: Exact = None  # noqa: N815  # STP's own names
    claveRastreo: Exact = None  # noqa: N815
    estado: str | None = None
    Estado: str | None = None


def parse_webhook(settings: SpeiSettings, headers: Mapping[str, str], body: bytes) -> WebhookResult:
    """Of which order there is news: we gave each our tracking key as ``folioOrigen``, which comes back here.

    An older message names STP's number alone, which says nothing to us; the order is asked after anyway, in its time.
    """
    try:
        message = StateMessage.model_validate(parse_json(body))
    except (UnreadableJson, ValidationError):
        return NOT_A_STATE_CHANGE
    if message.estado is None and message.Estado is None:
        return NOT_A_STATE_CHANGE
    if message.empresa not in {None, settings.empresa}:
        return TAKEN
    keys = dict.fromkeys(key for key in (message.folioOrigen, message.claveRastreo) if key)
    return WebhookResult(references=tuple(keys), status=TAKEN.status, body=TAKEN.body)
