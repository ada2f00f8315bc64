"""Pretend banks, served over real HTTP on this machine, with a ledger to read and faults to order.

In front of any rail's bank stand two addresses: ``GET /_sandbox/debits`` shows what it booked, and
``POST /_sandbox/faults`` makes what a network and a bank do wrong happen at once and as often as asked.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from riel.catalog.loading import stdout_to_stderr
from riel.config import Settings, is_loopback, known_settings, pretend_keys, what_is_wrong
from riel.errors import BrokenRail, Misconfigured
from riel.rail import Rail, Sandbox, Wire
from riel.redact import Redactor
from riel.text import said

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

HANG_UP = "riel.hang_up"
NONSENSE = b'{"status": "settled", "amount": \x00\xff<html>'
LONGEST_BODY = 10_000


class Fault(Wire):
    """Something that goes wrong ``times`` times: with the next requests that move money, or with ``any``.

    ``down``: the connection is cut and nothing was done. ``lost``: it was done, and the connection is cut before an
    answer. ``slow``: it was done, and is answered after ``seconds``. ``nonsense``: it was done, and the answer is
    garbage. ``error``: HTTP 500, and nothing was done.
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


def wrap(sandbox: Sandbox) -> App:
    """A pretend bank as it is served: with its ledger to read, and with faults to order, each in its turn."""
    waiting: list[Fault] = []

    def next_fault(*, money: bool) -> Fault | None:
        for place, fault in enumerate(waiting):
            if fault.meets(money=money):
                waiting[place : place + 1] = [fault.model_copy(update={"times": fault.times - 1})] * (fault.times > 1)
                return fault
        return None

    async def served(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await sandbox.app(scope, receive, send)
        elif scope["path"].startswith("/_sandbox"):
            await _desk(sandbox, waiting, scope, receive, send)
        else:
            fault = next_fault(money=sandbox.moves_money(scope["method"], scope["path"]))
            await _with(fault, sandbox.app, scope, receive, send)

    return served


async def _with(fault: Fault | None, app: App, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    kind = fault.kind if fault else None
    if kind == "down":
        return await _hang_up(scope, receive, send)
    if kind == "error":
        return await _answer(send, 500, b'{"error": "ordered by a test"}')
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, keep)
    if fault and fault.seconds:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds):
                await _gone(receive)
    if kind == "nonsense":
        return await _answer(send, 200, NONSENSE)
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
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _desk(sandbox: Sandbox, waiting: list[Fault], scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """``/_sandbox/*``, for this machine only: a web page must not reach it through a name that leads here."""
    headers = dict(scope["headers"])
    host, origin = headers.get(b"host", b"").decode("latin-1"), headers.get(b"origin", b"").decode("latin-1")
    if not is_loopback(f"http://{host}") or (origin and not is_loopback(origin)):
        return await _refuse(send, 403, "only from this machine: the Host must be a loopback address")
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
            await _answer(send, 200, json.dumps(debits).encode())
        case "POST", "/_sandbox/faults":
            try:
                fault = Fault.model_validate_json(await _body(receive))
            except ValidationError as failure:
                return await _refuse(send, 422, what_is_wrong(failure, str))
            waiting.append(fault)
            await _answer(send, 200, fault.model_dump_json(exclude_none=True).encode())
        case "DELETE", "/_sandbox/faults":
            waiting.clear()
            await _answer(send, 200, b"[]")
        case _, "/_sandbox/debits" | "/_sandbox/faults":
            await _refuse(send, 405, "GET /_sandbox/debits, POST or DELETE /_sandbox/faults")
        case _:
            await _refuse(send, 404, "there are /_sandbox/debits and /_sandbox/faults")
    return None


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LONGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[: LONGEST_BODY + 1] if len(body) <= LONGEST_BODY else b""


async def _refuse(send: Send, status: int, reason: str) -> None:
    await _answer(send, status, json.dumps({"error": reason}).encode())


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(app: App, port: int = 0, *, grace: float = 1.0) -> AsyncIterator[str]:
    """Serve ``app`` on a loopback port while inside (0: one that is free), and yield its base URL.

    :param grace: seconds that requests under way may still take when it ends.
    :raises Misconfigured: the port is taken.
    """
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    class Line(H11Protocol):
        """A connection whose app can hang up."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)

            async def able(scope: dict[str, Any], receive: Receive, send: Send) -> None:
                with contextlib.suppress(asyncio.CancelledError):  # only the end of the bank cancels a request
                    await app({**scope, "extensions": {HANG_UP: transport.close}}, receive, send)

            self.app = able  # type: ignore[assignment]

    # Not uvicorn.Server: it takes the process's signals, ends it when a port is taken, and needs 0.2 s to stop.
    config = Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=3600)  # type: ignore[arg-type]
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Line(config, state, {}), "127.0.0.1", port)
    except OSError as failure:
        raise Misconfigured(f"port {port} cannot be used: {failure.strerror}") from failure
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in list(state.connections):
            line.shutdown()
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=grace)
        for line in list(state.connections):
            line.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await server.wait_closed()


class Banks:
    """The pretend banks that run here: each one's address, and what it supplies to its rail's client."""

    def __init__(self, settings: Settings) -> None:
        self.urls: dict[str, str] = {}
        self._settings = settings
        self._supplies: dict[str, Mapping[str, str] | BrokenRail] = {}

    def __call__(self, rail: Rail) -> Mapping[str, str]:
        """What the bank of ``rail`` supplies.

        :raises BrokenRail: its bank could not be made.
        """
        supplied = self._supplies.get(rail.name)
        if isinstance(supplied, BrokenRail):
            raise supplied
        return pretend_keys(rail, self._settings) if supplied is None else supplied


@contextlib.asynccontextmanager
async def pretend_banks(rails: Iterable[Rail], settings: Settings) -> AsyncIterator[Banks]:
    """Run the pretend bank of every rail that has one and no address set, for ``--sandbox``."""
    banks = Banks(settings)
    async with contextlib.AsyncExitStack() as stack:
        for rail in rails:
            known = known_settings(rail, settings)
            if rail.sandbox is None or "base_url" in known:
                continue
            try:
                bank = bank_of(rail, known)
            except BrokenRail as failure:
                banks._supplies[rail.name] = failure
                continue
            url = await stack.enter_async_context(serving(wrap(bank)))
            banks.urls[rail.name] = url
            banks._supplies[rail.name] = {**bank.settings, "base_url": url}
        yield banks


def bank_of(rail: Rail, settings: Mapping[str, str]) -> Sandbox:
    """The pretend bank of a rail, as the settings want it. Its own address is not among them: it has none yet.

    :raises BrokenRail: the rail has none, or cannot make it from these settings.
    """
    if rail.sandbox is None:
        raise BrokenRail("has no pretend bank")
    told = {name: value for name, value in settings.items() if name != "base_url"}
    try:
        with stdout_to_stderr():
            return rail.sandbox(told)
    except (Exception, SystemExit) as failure:
        why = what_is_wrong(failure, str) if isinstance(failure, ValidationError) else said(str(failure))
        raise BrokenRail(f"cannot make its pretend bank: {Redactor(told.values()).text(why)}") from failure
