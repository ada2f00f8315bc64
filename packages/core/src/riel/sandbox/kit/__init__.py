"""Parts for authors of pretend banks: test keys, settings, broken answers, control routes, a webhook sender.

A rail imports it in its ``sandbox`` package only: what runs in production needs none of it.
"""

from riel.config import is_loopback
from riel.sandbox.kit.answers import CutResponse, client_gone, gateway_page, html_page, truncated_json
from riel.sandbox.kit.behaviour import Clock, LoopbackUrl, Sleep, behaviour_of
from riel.sandbox.kit.control import Control, control_routes
from riel.sandbox.kit.keys import fingerprint, private_key_file, published_key, write_private_key
from riel.sandbox.kit.webhook_sender import WebhookDelivery, WebhookRequest, WebhookSender, json_request

__all__ = [
    "Clock",
    "Control",
    "CutResponse",
    "LoopbackUrl",
    "Sleep",
    "WebhookDelivery",
    "WebhookRequest",
    "WebhookSender",
    "behaviour_of",
    "client_gone",
    "control_routes",
    "fingerprint",
    "gateway_page",
    "html_page",
    "is_loopback",
    "json_request",
    "private_key_file",
    "published_key",
    "truncated_json",
    "write_private_key",
]
