"""The control routes of every pretend bank: its ledger to read, and faults to order, which then happen so often."""

import asyncio
import json
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import Field, ValidationError, model_validator

from riel.config import describe_errors, is_loopback, sandbox_proof
from riel.http_server import HANG_UP, App, Message, Receive, Send, read_body, send_response
from riel.rail import Sandbox, WireModel

NONSENSE = b'{"status": "settled", "amount": \x00\xff<html>'
LONGEST_BODY = 10_000


class Fault(WireModel):
    """Something that goes wrong ``times`` times: with the next requests that move money, or with ``any``.

    ``down``: the connection is cut and nothing was done. ``lost``: it was done, and the connection is cut before an
    answer. ``slow``: it was done, and is answered after ``seconds``, or when the faults are deleted. ``nonsense``: it
    was done, and the answer is garbage. ``error``: HTTP 500, and nothing was done.
    """

    kind: Literal["down", "lost", "slow", "nonsense", "error"]
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    on: Literal["money", "any"] | None = None

    @model_validator(mode="after")
    def _seconds_are_for_slow(self) -> "Fault":
        if (self.kind == "slow") != (self.seconds is not None):
            raise ValueError("seconds belong to 'slow', and only there")
        return self

    def meets(self, *, money: bool) -> bool:
        """Whether a request is one it is aimed at; ``down`` is aimed at all, unless it says otherwise."""
        return money or (self.on or ("any" if self.kind == "down" else "money")) == "any"


class FaultQueue:
    """The faults that have not happened yet. ``deleted`` is set when they are deleted, and then replaced."""

    def __init__(self) -> None:
        self.deleted = asyncio.Event()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault, which happens after those that were ordered before."""
        self._faults.append(fault)

    def next(self, *, money: bool) -> Fault | None:
        """Take the fault of the next request."""
        for place, fault in enumerate(self._faults):
            if fault.meets(money=money):
                rest = [fault.model_copy(update={"times": fault.times - 1})] * (fault.times > 1)
                self._faults[place : place + 1] = rest
                return fault
        return None

    def delete(self) -> None:
        """Forget every fault, and let the answers go that a slow one holds back."""
        self._faults.clear()
        self.deleted.set()
        self.deleted = asyncio.Event()


def wrap(sandbox: Sandbox) -> App:
    """A pretend bank as it is served: with its ledger to read, and with faults to order, each in its turn."""
    faults = FaultQueue()

    async def served(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await sandbox.app(scope, receive, send)
        elif not _comes_from_this_machine(scope):
            await _refuse(send, 403, "only from this machine: Host and Origin must be loopback addresses")
        elif scope["path"].startswith("/_sandbox/"):
            await _control(sandbox, faults, scope, receive, send)
        else:
            fault = faults.next(money=sandbox.moves_money(scope["method"], scope["path"]))
            await _serve_with(fault, faults.deleted, sandbox.app, scope, receive, send)

    return served


def _comes_from_this_machine(scope: dict[str, Any]) -> bool:
    """Whether a request names this machine: a web page must not reach a bank through a name that leads here."""
    headers = dict(scope["headers"])
    host, origin = headers.get(b"host", b"").decode("latin-1"), headers.get(b"origin", b"").decode("latin-1")
    return is_loopback(f"http://{host}") and (not origin or is_loopback(origin))


async def _serve_with(
    fault: Fault | None, deleted: asyncio.Event, app: App, scope: dict[str, Any], receive: Receive, send: Send
) -> None:
    kind = fault.kind if fault else None
    if kind == "down":
        return await _hang_up(scope, receive, send)
    if kind == "error":
        return await send_response(send, 500, b'{"error": "ordered by a test"}')
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, keep)
    if fault and fault.seconds:
        ends = [asyncio.create_task(_disconnected(receive)), asyncio.create_task(deleted.wait())]
        await asyncio.wait(ends, timeout=fault.seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    if kind == "nonsense":
        return await send_response(send, 200, NONSENSE)
    if kind != "lost":
        for message in answer:
            await send(message)
    if kind == "lost" or not answer or answer[-1].get("more_body") or answer[-1]["type"] != "http.response.body":
        await _hang_up(scope, receive, send)  # a bank that leaves its own answer unfinished wants the same
    return None


async def _hang_up(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Cut the connection. A server of another kind does it when an answer promises a body that never comes."""
    cut = scope.get("extensions", {}).get(HANG_UP)
    if cut is None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    else:
        cut()
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    """Wait until the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _control(sandbox: Sandbox, faults: FaultQueue, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve ``/_sandbox/*``."""
    if scope["path"].split("/")[2] in sandbox.controls:
        return await sandbox.app(scope, receive, send)
    match scope["method"], scope["path"]:
        case "GET", "/_sandbox/debits":
            debits = [
                {
                    "reference": debit.reference,
                    "amount": debit.amount,
                    "currency": debit.currency,
                    "beneficiary": debit.beneficiary,
                    "at": debit.at.isoformat(),
                }
                for debit in sandbox.debits()
            ]
            await send_response(send, 200, json.dumps(debits).encode())
        case "GET", sandbox_proof.PATH:
            nonce = parse_qs(scope["query_string"].decode("latin-1")).get("nonce", [""])[0]
            try:
                proof = sandbox_proof.prove(nonce)
            except ValueError as failure:
                return await _refuse(send, 422, str(failure))
            await send_response(send, 200, json.dumps({"proof": proof}).encode())
        case "POST", "/_sandbox/faults":
            try:
                fault = Fault.model_validate_json(await read_body(receive, LONGEST_BODY))
            except ValidationError as failure:
                return await _refuse(send, 422, describe_errors(failure, lambda name: name or "the fault"))
            faults.add(fault)
            await send_response(send, 200, fault.model_dump_json(exclude_none=True).encode())
        case "DELETE", "/_sandbox/faults":
            faults.delete()
            await send_response(send, 200, b"[]")
        case _, "/_sandbox/debits" | "/_sandbox/faults":
            await _refuse(send, 405, "GET /_sandbox/debits, POST or DELETE /_sandbox/faults")
        case _:
            known = " ".join(f"/_sandbox/{name}" for name in ("debits", "faults", "proof", *sorted(sandbox.controls)))
            await _refuse(send, 404, f"there is {known}")
    return None


async def _refuse(send: Send, status: int, reason: str) -> None:
    await send_response(send, status, json.dumps({"error": reason}).encode())
