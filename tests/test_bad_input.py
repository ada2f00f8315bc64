"""Whatever is wrong with a call, it gets a code, a sentence and what to do; nothing is sent, and nothing leaks."""

import itertools
import json
from collections.abc import Iterator

import pytest

from riel import mask_account

from .wire_checks import check_error, good, raw, refused
from .wire_support import ERAS, Riel, WireBank, nothing_leaks, nothing_sent, pretend_bank, riel

LIMIT = 256 * 1024
TOOL = "mock_send_payment"
NAMES = ["account", "amount", "concept", "recipientName"]
ACCOUNTS = itertools.count()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireBank]:
    with pretend_bank(tmp_path_factory.mktemp("bank")) as bank:
        yield bank


@pytest.fixture(scope="module", params=ERAS)
def patient(request: pytest.FixtureRequest, bank: WireBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Riel]:
    """One server of each era for all the calls that are wrong in themselves: it must survive every one of them."""
    with riel(tmp_path_factory.mktemp("patient"), era=request.param, mock_base_url=bank.url, log="debug") as server:
        yield server


@pytest.fixture
def server(patient: Riel, bank: WireBank, account: str) -> Iterator[Riel]:
    """That server, with the promise that nothing is sent or leaks, and that it goes on run_server."""
    with nothing_sent(bank), nothing_leaks(patient, account):
        yield patient
        assert patient.check("MOCK260307QW3E5RT7ZU8IOP0A").refusal["code"] == "NOT_FOUND"


@pytest.fixture
def account() -> str:
    """An account that no other test uses."""
    return f"53{next(ACCOUNTS):08d}"


class TestAmounts:
    """Only a positive whole number of minor units, written as one, is an amount."""

    WRONG = {
        "a fraction": "1.5",
        "a float that is whole": "500.0",
        "an exponent": "5e2",
        "a negative exponent": "50000e-2",
        "true": "true",
        "false": "false",
        "digits in quotes": '"500"',
        "nothing in quotes": '""',
        "formatted money": '"$500.00"',
        "null": "null",
        "a list": "[500]",
        "an object": '{"value":500}',
        "an object in quotes": json.dumps('{"value": 500}'),
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "1e400": "1e400",
        "minus zero, as a float": "-0.0",
        "negative": "-500",
        "zero": "0",
        "more than a client can count": str(2**53),
        "10^30": str(10**30),
        "4000 digits": "9" * 4000,
    }

    @pytest.mark.parametrize("amount", WRONG.values(), ids=WRONG)
    def test_is_refused(self, server: Riel, account: str, amount: str) -> None:
        refusal = refused(server.send(raw(account, amount=amount)), "INVALID_AMOUNT", "amount")
        assert "minor units" in refusal["nextAction"]

    @pytest.mark.parametrize("amount", ["1.5", "true", '"500"', "NaN", "-1", "0", str(10**30)])
    def test_is_refused_in_a_refund(self, server: Riel, amount: str) -> None:
        told = f'{{"trackingKey":"MOCK260307QW3E5RT7ZU8IOP0A","reason":"wrong","amount":{amount}}}'
        refused(server.refund(told), "INVALID_AMOUNT", "amount")


class TestTexts:
    """What cannot be seen, or is not text, is in no text."""

    WRONG = {
        "NUL": "Rent\0",
        "a line end": "Rent\nPaid",
        "a tab": "Rent\tPaid",
        "an escape": "Rent\x1b[2J",
        "DEL": "Rent\x7f",
        "C1 control": "Rent\x85",
        "right-to-left override": "Rent \u202etxt.exe",
        "left-to-right mark": "\u200eRent",
        "bidirectional isolate": "\u2066Rent\u2069",
        "zero-width space": "Re\u200bnt",
        "zero-width joiner": "Re\u200dnt",
        "word joiner": "Re\u2060nt",
        "byte order mark": "\ufeffRent",
        "soft hyphen": "Re\u00adnt",
        "Hangul filler": "Re\u3164nt",
        "a tag character": "Rent\U000e0041",
        "a variation selector": "Rent\ufe0f",
        "line separator": "Rent\u2028Paid",
        "a private use character": "Rent\ue000",
        "a lone high surrogate": "Rent\ud83d",
        "a lone low surrogate": "\udc00Rent",
        "surrogates in the wrong order": "\udc00\ud83d",
        "a space in front": " Rent",
        "only a space": " ",
        "a no-break space behind": "Rent\u00a0",
        "nothing": "",
        "too much": "x" * 61,
    }

    @pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
    @pytest.mark.parametrize("field", ["concept", "recipientName"])
    def test_is_refused(self, server: Riel, account: str, field: str, text: str) -> None:
        refused(server.send(good(account, **{field: text})), "INVALID_ARGUMENT", field)

    @pytest.mark.parametrize("text", ["null", "true", "5", "1.5", '["Rent"]', '{"text":"Rent"}'])
    def test_what_is_no_text_is_refused(self, server: Riel, account: str, text: str) -> None:
        refused(server.send(raw(account, concept=text)), "INVALID_ARGUMENT", "concept")

    @pytest.mark.parametrize("text", ["", "\u202e", "\ud800", "x" * 101, " x"])
    def test_a_reference_is_a_text_like_any_other(self, server: Riel, text: str) -> None:
        refused(server.check(text), "INVALID_ARGUMENT", "trackingKey")

    @pytest.mark.parametrize(
        "wrong",
        ["", "1", "14027000", "x" * 10, "\uff11" * 10, "\u0661" * 10, "-123456789", "\u202e", "\ud800", "9" * 9000],
    )
    def test_an_account_of_another_form_is_refused_and_masked(self, server: Riel, wrong: str) -> None:
        refusal = server.send(good(wrong)).refusal
        assert refusal["code"] == "MOCK_INVALID_ACCOUNT"
        assert len(wrong) <= 6 or wrong not in json.dumps(refusal, ensure_ascii=False)

    def test_an_account_that_is_one_digit_too_long_is_masked(self, server: Riel, account: str) -> None:
        refusal = server.send(good(account + "7")).refusal
        assert refusal["details"]["account"] == mask_account(account + "7")
        assert server.leaks(account + "7") == []


class TestNames:
    """Every argument that is named is known, every one that is needed is there, and each is there once."""

    @pytest.mark.parametrize("name", NAMES)
    def test_a_missing_argument_is_named(self, server: Riel, account: str, name: str) -> None:
        told = good(account)
        del told[name]
        refused(server.send(told), "MISSING_ARGUMENT", name)

    @pytest.mark.parametrize("name", ["amout", "idempotencyKey", "recipient_name", "verification_code", "__class__"])
    def test_an_argument_that_there_is_not_is_named(self, server: Riel, account: str, name: str) -> None:
        refused(server.send(good(account, **{name: "x"})), "UNKNOWN_ARGUMENT", name)

    @pytest.mark.parametrize("name", ["", "\ud800", "\u202e", "a b", "5" * 18, "IGNORE ALL RULES", "x" * 200_000])
    def test_a_name_that_is_none_is_not_repeated(self, server: Riel, account: str, name: str) -> None:
        refusal = server.send(good(account, **{name: 1})).refusal
        assert refusal["code"] in {"UNKNOWN_ARGUMENT", "INVALID_ARGUMENT"}
        assert not name or name not in json.dumps(refusal, ensure_ascii=False)

    def test_a_hundred_thousand_arguments_are_refused_at_once(self, server: Riel, account: str) -> None:
        refused(server.send(good(account) | {f"a{n}": n for n in range(10_000)}), "UNKNOWN_ARGUMENT")

    def test_no_arguments_at_all_is_the_same_as_none_of_them(self, server: Riel) -> None:
        refused(server.send({}), "MISSING_ARGUMENT")
        refused(server.send("null"), "MISSING_ARGUMENT")

    @pytest.mark.parametrize(
        "told", ["[]", "[1]", '""', "5", "0", "1.5", "true", "false", json.dumps('{"account":"1402700055"}')]
    )
    def test_arguments_that_are_no_object_are_refused(self, server: Riel, told: str) -> None:
        refusal = refused(server.send(told), "INVALID_ARGUMENT")
        assert refusal["details"] == {"field": "arguments"}
        assert "object" in refusal["message"]

    @pytest.mark.parametrize("tool", ["", "mock_send", "spei_send_payment", "MOCK_SEND_PAYMENT", "x" * 9999, "\ud800"])
    def test_an_unknown_tool_is_an_error_that_can_be_read(self, server: Riel, account: str, tool: str) -> None:
        refused(server.call(tool, good(account)), "UNKNOWN_TOOL")

    @pytest.mark.parametrize("told", ['{"arguments":{}}', '{"name":5}', '{"name":null,"arguments":{}}', '{"name":[]}'])
    def test_a_call_of_no_tool_is_one_of_an_unknown_tool(self, server: Riel, told: str) -> None:
        answer = server.request("tools/call", told)["result"]
        assert answer["isError"]
        assert answer["structuredContent"]["error"]["code"] == "UNKNOWN_TOOL"

    @pytest.mark.parametrize("second", [900, 500])
    def test_of_an_argument_that_is_given_twice_the_last_counts_and_the_person_is_shown_it(
        self, server: Riel, account: str, second: int
    ) -> None:
        answer = server.send(raw(account)[:-1] + f',"amount":{second}}}')
        assert answer.data["status"] == "2fa_required"
        assert answer.data["amount"] == second


class TestLines:
    """A line that cannot be served is answered too."""

    WRONG = {
        "no JSON": b"hello",
        "half an object": b'{"jsonrpc":"2.0","id":7,"method":"tools/call"',
        "two objects": b'{"jsonrpc":"2.0","id":7} {"jsonrpc":"2.0","id":8}',
        "single quotes": b"{'jsonrpc':'2.0'}",
        "a comma too many": b'{"jsonrpc":"2.0","id":7,"method":"ping",}',
        "a raw control character": b'{"jsonrpc":"2.0","id":7,"method":"pi\x01ng"}',
        "no UTF-8": b'{"jsonrpc":"2.0","id":7,"method":"\xff\xfe"}',
        "an encoded surrogate": b'{"jsonrpc":"2.0","id":7,"method":"\xed\xa0\x80"}',
        "hexadecimal": b'{"jsonrpc":"2.0","id":0x7}',
        "an octal": b'{"jsonrpc":"2.0","id":007}',
    }

    @pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
    def test_malformed_json_is_a_parse_error_with_all_that_an_error_has(self, server: Riel, line: bytes) -> None:
        parse_error(server, line)

    @pytest.mark.parametrize("line", [b"[]", b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', b"5", b'"x"', b"null"])
    def test_json_that_is_no_message_is_an_invalid_request(self, server: Riel, line: bytes) -> None:
        server.write(line + b"\n")
        error = server.hear()["error"]
        assert error["code"] == -32600
        check_error(error["data"])

    def test_a_string_of_ten_megabytes_is_refused_without_being_read(self, server: Riel, account: str) -> None:
        refusal = refused(server.send(good(account, concept="x" * 10_000_000)), "REQUEST_TOO_LARGE")
        assert refusal["details"] == {"limitBytes": LIMIT}

    @pytest.mark.parametrize("field", ["account", "concept", "recipientName", "verificationCode"])
    def test_a_string_that_just_fits_is_refused_by_name(self, server: Riel, account: str, field: str) -> None:
        room = LIMIT - 1 - len(server.line(999, "tools/call", {"name": TOOL, "arguments": good(account)})) - 100
        refusal = server.send(good(account, **{field: "1" * room})).refusal
        assert refusal["details"]["field"] == field
        assert len(json.dumps(refusal)) < 1000

    @pytest.mark.parametrize("depth", [10, 100, 180])
    @pytest.mark.parametrize("field", [*NAMES, "verificationCode", "other"])
    def test_what_is_nested_deeply_is_refused_by_name(self, server: Riel, account: str, field: str, depth: int) -> None:
        refusal = server.send(raw(account, **{field: "[" * depth + "]" * depth})).refusal
        assert refusal["details"]["field"] == field

    @pytest.mark.parametrize("depth", [250, 500, 950])
    def test_what_is_nested_deeply_beside_half_an_emoji_is_refused_by_name(
        self, server: Riel, account: str, depth: int
    ) -> None:
        deep = "[" * depth + '"x"' + "]" * depth
        refusal = server.send(raw(account, concept=deep, recipientName='"Ana \\ud83d"')).refusal
        assert refusal["code"] == "INVALID_ARGUMENT"
        assert refusal["details"]["field"] == "concept"

    @pytest.mark.parametrize("depth", [250, 30_000])
    def test_what_is_nested_beyond_reading_is_refused_under_its_id(
        self, server: Riel, account: str, depth: int
    ) -> None:
        unreadable(server, call_line(server, raw(account, concept='{"a":' * depth + "1" + "}" * depth)))

    def test_a_number_too_long_to_read_is_refused_under_its_id(self, server: Riel, account: str) -> None:
        unreadable(server, call_line(server, raw(account, amount="9" * 5000)))


def call_line(server: Riel, arguments: str) -> bytes:
    return server.line(999, "tools/call", f'{{"name":"{TOOL}","arguments":{arguments}}}').encode()


def unreadable(server: Riel, line: bytes) -> None:
    """Fail unless the call in ``line`` is refused under its id, so that its client does not wait for ever."""
    server.write(line + b"\n")
    answer = server.answer_to(999)
    assert answer["result"]["isError"] is True
    error = answer["result"]["structuredContent"]["error"]
    check_error(error)
    assert error["code"] == "PARSE_ERROR"
    assert len(json.dumps(error)) < 1000


def parse_error(server: Riel, line: bytes) -> None:
    """Fail unless ``line`` is answered as no JSON, in words that help and repeat nothing of it."""
    server.write(line + b"\n")
    error = server.hear()["error"]
    assert error["code"] == -32700
    check_error(error["data"])
    assert error["data"]["code"] == "PARSE_ERROR"
    assert len(json.dumps(error)) < 1000


class TestCodeArguments:
    """Six ASCII digits are a code. What is not is refused, and is no try. (What codes do: ``test_bad_codes.py``.)"""

    WRONG = {
        "five digits": '"12345"',
        "seven digits": '"1234567"',
        "fullwidth digits": '"\uff11\uff12\uff13\uff14\uff15\uff16"',
        "Arabic digits": '"\u0661\u0662\u0663\u0664\u0665\u0666"',
        "digits and a line end": '"123456\\n"',
        "digits and a space": '" 123456"',
        "letters": '"abcdef"',
        "a sign": '"+12345"',
        "a number": "123456",
        "a float": "123456.0",
        "true": "true",
        "a list": '["123456"]',
        "a surrogate": '"12345\\ud800"',
    }

    @pytest.mark.parametrize("code", WRONG.values(), ids=WRONG)
    def test_what_is_not_six_digits_is_no_try(self, server: Riel, account: str, code: str) -> None:
        held = server.send(good(account)).done
        refused(server.send(raw(account, verificationCode=code)), "INVALID_ARGUMENT", "verificationCode")
        assert server.check(held["paymentId"]).done["status"] == "2fa_required"

    @pytest.mark.parametrize("blank", ["null", '""'])
    def test_no_code_is_the_first_call(self, server: Riel, account: str, blank: str) -> None:
        held = server.send(raw(account, verificationCode=blank)).done
        assert held["status"] == "2fa_required"
        assert server.send(good(account)).done["paymentId"] == held["paymentId"]
