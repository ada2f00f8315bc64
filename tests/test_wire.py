"""The wire that agents already know: what they send is understood, and what they read has the shape they expect."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riel import mask_account

from .wire_checks import eventually
from .wire_support import ERAS, MODERN, Riel, WireBank, pretend_bank, riel

pytestmark = pytest.mark.every_python

TOOLS = ["mock_check_status", "mock_request_refund", "mock_send_payment"]
INVOICE = {"amount": 50000, "concept": "Invoice #42", "recipientName": "Empresa Demo SA de CV"}
ACCOUNTS = itertools.count()
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

SEED = json.loads(
    Path(__file__).with_name("seed_wire.json").read_text()
    .replace("SPEI_INVALID_CLABE", "MOCK_INVALID_ACCOUNT")
    .replace("spei", "mock")
    .replace("clabe", "account")
    .replace("014027000005555558", "1402700055")
)  # fmt: skip
"""The messages of the wire's description, with the rail's name exchanged; "..." stands for any words."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireBank]:
    with pretend_bank(tmp_path_factory.mktemp("bank")) as bank:
        yield bank


@pytest.fixture(scope="module", params=ERAS)
def server(request: pytest.FixtureRequest, bank: WireBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Riel]:
    folder = tmp_path_factory.mktemp("server")
    with riel(folder, era=request.param, mock_base_url=bank.url) as server:
        yield server


@pytest.fixture
def account() -> str:
    """An ordinary account that no other test has paid."""
    return f"52{next(ACCOUNTS):08d}"


def alike(expected: Any, found: Any, where: str = "") -> None:
    """Fail unless ``found`` has every key of ``expected``, with the same values; more keys are welcome."""
    match expected:
        case dict():
            assert isinstance(found, dict), where
            for name, value in expected.items():
                assert name in found, f"{where} lacks {name}"
                alike(value, json.loads(found[name]) if is_json_in(name, value) else found[name], f"{where}.{name}")
        case list():
            assert isinstance(found, list), where
            assert len(found) == len(expected), where
            for each, other in zip(expected, found, strict=True):
                alike(each, other, f"{where}[]")
        case str() if expected.startswith("..."):
            assert isinstance(found, str), where
            assert expected == "..." or re.fullmatch(expected, found), (where, found)
            assert found, where
        case "number":
            assert found in {"number", "integer"}, where  # in JSON Schema every integer is a number
        case _:
            assert type(found) is type(expected), where
            assert found == expected, where


def is_json_in(name: str, value: Any) -> bool:
    return name == "text" and isinstance(value, dict)


def say(server: Riel, request: dict[str, Any]) -> dict[str, Any]:
    """One request of the description as it stands there, but for the envelope of the newer protocol."""
    params = request.get("params")
    line = server.line(request["id"], request["method"], params) if server.era == MODERN else json.dumps(request)
    server.write(line.encode() + b"\n")
    return server.answer_to(request["id"])


def seeded(**changes: str | None) -> dict[str, Any]:
    """The call of the description; ``None`` leaves an argument out."""
    call: dict[str, Any] = json.loads(json.dumps(SEED["tools/call"]["request"]))
    call["params"]["arguments"] |= changes
    arguments = call["params"]["arguments"]
    call["params"]["arguments"] = {name: value for name, value in arguments.items() if value is not None}
    return call


def test_the_list_has_the_shape_that_agents_know(server: Riel) -> None:
    answer = say(server, SEED["tools/list"]["request"])
    (expected,) = SEED["tools/list"]["answer"]["result"]["tools"]
    (found,) = [tool for tool in answer["result"]["tools"] if tool["name"] == expected["name"]]
    required = found["inputSchema"]["required"]
    assert set(required) == set(expected["inputSchema"]["required"])
    required.sort(key=expected["inputSchema"]["required"].index)  # their order says nothing
    alike(expected, found)
    assert answer["id"] == 0


def test_a_call_without_a_code_asks_for_one(server: Riel) -> None:
    alike(SEED["2fa_required"], say(server, seeded(verificationCode=None)))


def test_a_call_with_the_code_succeeds(server: Riel) -> None:
    held = say(server, seeded(verificationCode=None))["result"]["structuredContent"]["data"]
    answer = say(server, seeded(verificationCode=server.code(held["paymentId"])))
    alike(SEED["success"], answer)


def test_a_wrong_account_is_an_error_that_masks_it(server: Riel) -> None:
    answer = say(server, seeded(account="01402700000555555", verificationCode=None))
    alike(SEED["error"], answer)
    assert answer["result"]["structuredContent"]["error"]["details"]["account"] == "*************5555"


def test_every_rail_has_exactly_the_three_tools(server: Riel) -> None:
    assert sorted(server.tools) == TOOLS == sorted(SEED["tools"])


@pytest.mark.parametrize("tool", TOOLS)
def test_every_argument_says_its_type_and_what_it_is(server: Riel, tool: str) -> None:
    schema = server.tools[tool]["inputSchema"]
    assert schema["type"] == "object"
    assert "additionalProperties" not in schema, "some clients cannot convert it; unknown arguments are refused"
    for name, argument in schema["properties"].items():
        assert argument["type"] in {"string", "integer"}, name
        assert len(argument["description"]) > 10, name
        assert "default" not in argument, name
    assert "verificationCode" not in schema["required"]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_is_described_for_people_and_models(server: Riel, tool: str) -> None:
    told = server.tools[tool]
    assert len(told["title"]) > 10
    assert len(told["description"]) > 100
    assert told["annotations"]["title"] == told["title"]


def test_only_looking_is_announced_as_harmless(server: Riel) -> None:
    hints = {name: tool["annotations"] for name, tool in server.tools.items()}
    assert {name for name in hints if hints[name]["readOnlyHint"]} == {"mock_check_status"}
    assert {name for name in hints if hints[name]["destructiveHint"]} == {"mock_request_refund", "mock_send_payment"}
    assert all(hint["idempotentHint"] and hint["openWorldHint"] for hint in hints.values())


def test_what_is_announced_as_idempotent_pays_and_refunds_once(server: Riel, bank: WireBank, account: str) -> None:
    paid = server.pay(INVOICE | {"account": account}).done
    code = server.codes[-1]
    repeated = [server.send(INVOICE | {"account": account, "verificationCode": code}).done for _ in range(5)]
    assert repeated == [paid] * 5
    assert [debit["amount"] for debit in bank.debits() if debit["beneficiary"] == account] == [50000]
    back = {"trackingKey": paid["trackingKey"], "reason": "twice"}
    held = server.refund(back).done
    back["verificationCode"] = server.code(held["paymentId"])
    first, again = server.refund(back).done, server.refund(back).done
    assert first == again
    assert server.check(paid["trackingKey"]).done["refundedAmount"] == 50000


def test_what_is_announced_as_read_only_leaves_no_trace(server: Riel, bank: WireBank, account: str) -> None:
    paid = server.pay(INVOICE | {"account": account}).done
    booked, events = bank.debits(), server.events
    for _ in range(3):
        assert server.check(paid["trackingKey"]).done == paid
    assert (bank.debits(), server.events) == (booked, events)


def answer_to(server: Riel, request_id: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request of the server's era."""
    server.write(server.line(request_id, method, params).encode() + b"\n")
    return server.answer_to(request_id)


@pytest.mark.parametrize("cursor", ["", "abc", "2"])
def test_a_cursor_that_was_never_given_is_refused(server: Riel, cursor: str) -> None:
    assert answer_to(server, 9001, "tools/list", {"cursor": cursor})["error"]["code"] == -32602


@pytest.mark.parametrize("params", [{}, {"name": 7}, {"name": "mock_send_payment", "arguments": [1]}])
def test_a_call_of_the_wrong_form_is_answered_in_the_shape_of_its_era(server: Riel, params: dict[str, Any]) -> None:
    expected = answer_to(server, 9002, "tools/call", {"name": "no_such_tool", "arguments": {}})["result"]
    found = answer_to(server, 9003, "tools/call", params)["result"]
    assert found["isError"] is True
    assert ("resultType" in found) == (server.era == MODERN)
    assert {name: found[name] for name in found if name not in {"content", "structuredContent"}} == {
        name: expected[name] for name in expected if name not in {"content", "structuredContent"}
    }
    code = "INVALID_ARGUMENT" if "arguments" in params else "UNKNOWN_TOOL"
    assert found["structuredContent"]["error"]["code"] == code


class TestStatuses:
    """What ``check_status`` says in each place where a payment can stand (see also ``test_clock.py``)."""

    def test_a_question_without_an_answer_is_2fa_required(self, server: Riel, account: str) -> None:
        held = server.send(INVOICE | {"account": account}).done
        found = server.check(held["paymentId"]).done
        assert found["status"] == held["status"] == "2fa_required"
        assert {name: found[name] for name in found if name != "message"} == {
            name: held[name] for name in held if name != "message"
        }
        assert held["formattedAmount"] == "MXN 500.00"
        assert held["payee"] == {"name": "Empresa Demo SA de CV", "account": mask_account(account)}
        assert ISO.fullmatch(held["expiresAt"])
        assert held["mode"] == "sandbox"

    def test_what_has_settled_is_success(self, server: Riel, account: str) -> None:
        paid = server.pay(INVOICE | {"account": account}).done
        assert paid["status"] == "success"
        assert ISO.fullmatch(paid["settledAt"])
        assert server.check(paid["trackingKey"]).done == paid
        assert server.check(paid["paymentId"]).done == paid

    def test_what_has_not_settled_is_pending_and_says_what_to_do(self, server: Riel) -> None:
        paid = server.pay(INVOICE | {"account": "4020101900"}).done
        assert paid["status"] == "pending"
        assert "settledAt" not in paid
        assert "mock_check_status" in paid["message"]
        assert server.check(paid["trackingKey"]).done["status"] == "pending"

    def test_an_answer_that_was_lost_is_no_error(self, server: Riel) -> None:
        paid = server.pay(INVOICE | {"account": "4020301001"}).done
        assert paid["status"] in {"pending", "success"}
        key = paid["trackingKey"]
        eventually(lambda: server.check(key).done["status"], "success".__eq__)

    def test_what_the_rail_refused_is_an_error_and_stays_rejected(self, server: Riel) -> None:
        refusal = server.pay(INVOICE | {"account": "4020201001"}).refusal
        assert refusal["code"] == "MOCK_INSUFFICIENT_FUNDS"
        assert refusal["retryable"] is False
        found = server.check(refusal["details"]["trackingKey"]).done
        assert found["status"] == "rejected"
        assert found["reason"]["code"] == "MOCK_INSUFFICIENT_FUNDS"

    def test_what_was_accepted_and_then_refused_is_rejected(self, server: Riel) -> None:
        key = server.pay(INVOICE | {"account": "4020102001"}).done["trackingKey"]
        found = eventually(lambda: server.check(key).done, lambda told: told["status"] != "pending")
        assert (found["status"], found["reason"]["code"]) == ("rejected", "MOCK_ACCOUNT_CLOSED")

    def test_what_came_back_is_returned(self, server: Riel) -> None:
        paid = server.pay(INVOICE | {"account": "4020103001"}).done
        assert paid["status"] == "success"
        found = eventually(lambda: server.check(paid["trackingKey"]).done, lambda told: told["status"] != "success")
        assert (found["status"], found["reason"]["code"]) == ("returned", "MOCK_RETURNED_BY_PAYEE")

    def test_what_was_paid_back_whole_is_refunded(self, server: Riel, account: str) -> None:
        paid = server.pay(INVOICE | {"account": account}).done
        for amount, status in ((20000, "success"), (30000, "refunded")):
            part = {"trackingKey": paid["trackingKey"], "reason": "wrong invoice", "amount": amount}
            held = server.refund(part).done
            assert (held["status"], held["amount"]) == ("2fa_required", amount)
            back = server.refund(part | {"verificationCode": server.code(held["paymentId"])}).done
            assert (back["status"], back["amount"], back["currency"]) == ("success", amount, "MXN")
            assert ISO.fullmatch(back["settledAt"])
            assert server.check(back["trackingKey"]).done == back
            assert server.check(paid["trackingKey"]).done["status"] == status
        assert server.check(paid["trackingKey"]).done["refundedAmount"] == 50000


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=10), inside, max_size=3),
    max_leaves=5,
)
GOOD = {
    "account": st.just("1402700080"),
    "amount": st.integers(1, 90000),
    "concept": st.just("Rent"),
    "recipientName": st.just("Ana"),
    "trackingKey": st.just("MOCK260307QW3E5RT7ZU8IOP0A"),
    "reason": st.just("wrong"),
}
ARGUMENTS = st.dictionaries(st.sampled_from(sorted(GOOD)), ANY, max_size=2).flatmap(
    lambda odd: st.fixed_dictionaries({}, optional=GOOD).map(lambda good: good | odd)
) | st.dictionaries(st.text(max_size=10), ANY, max_size=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tool=st.sampled_from(TOOLS), arguments=ARGUMENTS)
def test_whatever_is_called_answers_in_the_one_shape(server: Riel, tool: str, arguments: dict[str, Any]) -> None:
    answer = server.call(tool, arguments)  # which checks the shape
    assert answer.error is not None or answer.done["status"] == "2fa_required"
