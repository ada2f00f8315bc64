"""The story itself: what the agent does, what must come of it, and what the bank has booked by then."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from riel.demo.environment import RAIL, DemoEnvironment
from riel.demo.steps import DemoStep, Narrator
from riel.errors import Code

SEND, STATUS, REFUND = f"{RAIL}_send_payment", f"{RAIL}_check_status", f"{RAIL}_request_refund"

ACCOUNT = "1234567897"
"""Settles at once, as nearly every account of the pretend bank does."""

ACCOUNT_THAT_LOSES_ANSWERS = "4020301001"
"""Its first payment is booked, and the connection is cut before the answer; rail-mock's README lists such accounts."""

INVOICE = {"account": ACCOUNT, "amount": 50000, "concept": "Invoice 42", "recipientName": "Empresa Demo SA de CV"}
RENT = {"account": ACCOUNT_THAT_LOSES_ANSWERS, "amount": 120000, "concept": "Rent", "recipientName": "Casas del Sur"}
PART = 20000
AT_ONCE = 10


def _request(tool: str, arguments: Mapping[str, Any], times: int = 1) -> dict[str, Any]:
    return {"tool": tool, "arguments": dict(arguments), **({"times": times} if times > 1 else {})}


def _data(answer: Mapping[str, Any], name: str) -> Any:
    return (answer.get("data") or {}).get(name)


def _error(answer: Mapping[str, Any]) -> Any:
    return (answer.get("error") or {}).get("code")


async def play_payments(stage: DemoEnvironment, tell: Callable[[DemoStep], None]) -> None:
    """Everything that the agent does.

    :raises UnexpectedResult: something is not as it should be.
    """
    narrator = Narrator(stage, tell)
    tools = await stage.tools()
    await narrator.step(
        "The agent asks which tools there are.",
        {"method": "tools/list"},
        tools,
        debits=0,
        must={"there are the three tools": {tool["name"] for tool in tools} == {SEND, STATUS, REFUND}},
    )
    paid = await _pay_once(narrator)
    await _lose_an_answer(narrator)
    await _refund_a_part(narrator, paid)


async def _pay_once(narrator: Narrator) -> str:
    """Held, guessed, altered, paid, repeated. Returns the payment's reference."""
    call = narrator.stage.call
    held = await call(SEND, INVOICE)
    shown = narrator.stage.challenge(str(_data(held, "paymentId")))
    code = shown["code"]
    await narrator.step(
        "The agent asks to pay MXN 500.00. Nothing moves: a person is asked.",
        _request(SEND, INVOICE),
        held,
        debits=0,
        shown=shown,
        must={
            "the payment is held": _data(held, "status") == "2fa_required",
            "the person is shown the amount": "MXN 500.00" in shown["text"],
            "the answer does not hold the code": bool(code) and code not in str(held),
        },
    )
    guess = {**INVOICE, "verificationCode": _other_code(code)}
    refused = await call(SEND, guess)
    await narrator.step(
        "The agent guesses a code. It is refused, and counted: the fifth closes the question.",
        _request(SEND, guess),
        refused,
        debits=0,
        must={"a wrong code is refused": _error(refused) == Code.TWO_FA_MISMATCH},
    )
    dearer = {**INVOICE, "amount": INVOICE["amount"] + 1, "verificationCode": code}  # type: ignore[operator]
    refused = await call(SEND, dearer)
    await narrator.step(
        "It takes the right code and adds a centavo. That is another payment, so it is refused.",
        _request(SEND, dearer),
        refused,
        debits=0,
        must={"the code is bound to the amount": _error(refused) == Code.TWO_FA_MISMATCH},
    )
    confirmed = {**INVOICE, "verificationCode": code}
    paid = await call(SEND, confirmed)
    await narrator.step(
        "The person gives the code, and the payment is made.",
        _request(SEND, confirmed),
        paid,
        debits=1,
        must={"it is paid": _data(paid, "status") == "success"},
    )
    again = await call(SEND, confirmed)
    await narrator.step(
        "The agent makes the same call again: the same answer, and nothing is paid twice.",
        _request(SEND, confirmed),
        again,
        debits=1,
        must={"the answer is the same": again == paid},
    )
    many = await asyncio.gather(*(call(SEND, confirmed) for _ in range(AT_ONCE)))
    await narrator.step(
        f"It makes the call {AT_ONCE} times at once: {AT_ONCE} times the same answer.",
        _request(SEND, confirmed, AT_ONCE),
        many,
        debits=1,
        must={"all the answers are the same": all(one == paid for one in many)},
    )
    return str(_data(paid, "trackingKey"))


async def _lose_an_answer(narrator: Narrator) -> None:
    call = narrator.stage.call
    held = await call(SEND, RENT)
    shown = narrator.stage.challenge(str(_data(held, "paymentId")))
    confirmed = {**RENT, "verificationCode": shown["code"]}
    sent = await call(SEND, confirmed)
    await narrator.step(
        "A second payment. The bank books it, and the line breaks before it has answered.",
        _request(SEND, confirmed),
        sent,
        debits=2,
        shown=shown,
        must={"it is neither done nor failed": _data(sent, "status") == "pending"},
    )
    lookup = {"trackingKey": _data(sent, "trackingKey")}
    status = await call(STATUS, lookup)
    await narrator.step(
        "The agent asks what became of it. riel has looked it up, and did not send it again.",
        _request(STATUS, lookup),
        status,
        debits=2,
        must={"riel found out that it was paid": _data(status, "status") == "success"},
    )


async def _refund_a_part(narrator: Narrator, reference: str) -> None:
    call = narrator.stage.call
    refund = {"trackingKey": reference, "reason": "Two chairs were missing", "amount": PART}
    held = await call(REFUND, refund)
    shown = narrator.stage.challenge(str(_data(held, "paymentId")))
    await narrator.step(
        "Part of the first payment is to come back. A person is asked for that, too.",
        _request(REFUND, refund),
        held,
        debits=2,
        shown=shown,
        must={"the refund is held": _data(held, "status") == "2fa_required"},
    )
    confirmed = {**refund, "verificationCode": shown["code"]}
    refunded = await call(REFUND, confirmed)
    await narrator.step(
        "The person gives the code, and the bank pays MXN 200.00 back.",
        _request(REFUND, confirmed),
        refunded,
        debits=2,
        must={"it is paid back": _data(refunded, "status") == "success"},
    )
    lookup = {"trackingKey": reference}
    status = await call(STATUS, lookup)
    await narrator.step(
        "The agent asks about the first payment once more.",
        _request(STATUS, lookup),
        status,
        debits=2,
        must={
            "it is still paid": _data(status, "status") == "success",
            "what came back is told": _data(status, "refundedAmount") == PART,
        },
    )


async def play_audit(stage: DemoEnvironment, tell: Callable[[DemoStep], None]) -> None:
    """What is left when agent and server have gone: the journal, and the bank's ledger.

    :raises UnexpectedResult: one of them does not hold.
    """
    narrator = Narrator(stage, tell)
    code, output = await stage.audit()
    sends = await stage.sends()
    await narrator.step(
        "The server has ended. An auditor checks the record that it left.",
        {"command": "riel audit verify"},
        {"exitCode": code, "output": output},
        debits=2,
        must={
            "no event was altered, removed or reordered": code == 0,
            "two payments and a refund are recorded, each sent once": sends == [1, 1, 1],
        },
    )
    ledger = await stage.debits()
    booked = sorted((debit["beneficiary"], debit["amount"]) for debit in ledger)
    await narrator.step(
        "The bank's own books: two payments were confirmed, and there are two debits.",
        {"method": "GET", "path": "/_sandbox/debits"},
        ledger,
        debits=2,
        must={"they are the two payments": booked == sorted((p["account"], p["amount"]) for p in (INVOICE, RENT))},
    )


def _other_code(code: str) -> str:
    """A code that is certainly not ``code``."""
    return f"{(int(code or 0) + 1) % 10**6:06d}"
