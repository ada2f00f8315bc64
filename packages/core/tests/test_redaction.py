"""No secret leaves in a log, an error or an answer."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from riel.money import mask_account
from riel.redaction import GENERATED_LENGTH, Redactor, configure_log

KEY = "sk_live_A/9b&c\"d'é"
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def test_a_secret_is_hidden_wherever_it_stands_in_a_text() -> None:
    assert Redactor([KEY]).text(f"key={KEY}, again {KEY}.") == "key=[hidden], again [hidden]."


def test_a_secret_is_hidden_as_urls_and_json_write_it() -> None:
    redactor = Redactor([KEY])
    assert redactor.text("https://bank/?k=sk_live_A%2F9b%26c%22d%27%C3%A9") == "https://bank/?k=[hidden]"
    assert redactor.text(json.dumps({"key": KEY})) == '{"key": "[hidden]"}'
    assert redactor.text(json.dumps({"key": KEY}, ensure_ascii=False)) == '{"key": "[hidden]"}'


def test_a_key_of_several_lines_is_hidden_line_by_line() -> None:
    redactor = Redactor([PEM])
    assert "MIIE" not in redactor.text("failed at\n> MIIEvQIBADANBgkq")
    assert "MIIE" not in redactor.text(json.dumps(PEM))


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    assert Redactor(["secret_one", "secret_one_and_two"]).text("secret_one_and_two, secret_one") == "[hidden], [hidden]"


def test_what_is_too_short_to_be_a_secret_is_left_alone() -> None:
    redactor = Redactor(["a", "no", "abc", ""])
    redactor.remember("12")
    assert redactor.text("abc and no 12") == "abc and no 12"


def test_a_code_is_hidden_where_it_stands_alone_and_not_within_a_reference() -> None:
    redactor = Redactor()
    redactor.remember("482915")
    assert redactor.text("code=482915; (482915) code_482915") == "code=[hidden]; ([hidden]) code_[hidden]"
    assert redactor.text("reference 2026482915007 and A482915") == "reference 2026482915007 and A482915"


def test_an_account_is_shown_masked() -> None:
    redactor = Redactor()
    redactor.remember("646180157000000004", mask_account("646180157000000004"))
    assert redactor.text("to 646180157000000004") == "to **************0004"


def test_only_so_many_values_of_payments_are_remembered_and_the_settings_secrets_always() -> None:
    redactor = Redactor(["lasting_secret"], remembered=3)
    for number in range(100000, 100005):
        redactor.remember(str(number))
    assert redactor.text("100001 100002 100004 lasting_secret") == "100001 [hidden] [hidden] [hidden]"


def test_nested_answers_are_cleaned_and_numbers_stay() -> None:
    redactor = Redactor(["key_123456"])
    redactor.remember("500000")
    answer = {"data": [{"said": "bad key_123456", "amount": 500000, "ok": True, "none": None}], "key_123456": "500000"}
    assert redactor.clean(answer) == {
        "data": [{"said": "bad [hidden]", "amount": 500000, "ok": True, "none": None}],
        "[hidden]": "[hidden]",
    }


class Inner(BaseModel):
    token: SecretBytes = SecretBytes(b"inner_token")


class Outer(BaseModel):
    key: SecretStr = SecretStr("outer_key")
    more: list[SecretStr] = [SecretStr("listed_key")]
    named: dict[str, SecretStr] = {"a": SecretStr("named_key")}
    inner: Inner = Inner()
    plain: str = "plain_text"


def test_every_secret_of_the_settings_is_learned_however_deep() -> None:
    redactor = Redactor()
    redactor.learn_settings(Outer())
    told = redactor.text("outer_key listed_key named_key inner_token plain_text")
    assert told == "[hidden] [hidden] [hidden] [hidden] plain_text"


@pytest.fixture
def log_of_this_process() -> Iterator[io.StringIO]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    before = (root.handlers, root.level, logging.raiseExceptions)
    try:
        yield io.StringIO()
    finally:
        root.handlers, logging.raiseExceptions = before[0], before[2]
        root.setLevel(before[1])
        sys.excepthook, threading.excepthook = hooks


def test_a_log_hides_secrets_in_messages_arguments_and_tracebacks(log_of_this_process: io.StringIO) -> None:
    configure_log(Redactor(["key_123456"]), "info", log_of_this_process)
    log = logging.getLogger("riel.test")
    try:
        raise ValueError("the bank refused key_123456")
    except ValueError:
        log.exception("with %s", {"key": "key_123456"})
    log.debug("not at this level")
    written = log_of_this_process.getvalue()
    assert "key_123456" not in written
    assert "ERROR riel.test: with {'key': '[hidden]'}" in written
    assert "ValueError: the bank refused [hidden]" in written
    assert "not at this level" not in written


def test_what_ends_the_process_or_a_thread_is_redacted_too(log_of_this_process: io.StringIO) -> None:
    configure_log(Redactor(["key_123456"]), "info", log_of_this_process)
    failure = ValueError("key_123456")
    sys.excepthook(ValueError, failure, None)

    def fail() -> None:
        raise failure

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    written = log_of_this_process.getvalue()
    assert written.count("ValueError: [hidden]") == 2
    assert "key_123456" not in written


def test_a_record_that_cannot_be_formatted_is_not_printed_raw(
    log_of_this_process: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_log(Redactor(["key_123456"]), "info", log_of_this_process)
    logging.getLogger("riel.test").warning("%d", "key_123456")
    assert "key_123456" not in capsys.readouterr().err


def test_logs_go_to_stderr_and_nowhere_else(
    log_of_this_process: io.StringIO, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
    configure_log(Redactor(), "warning")
    logging.getLogger("somebody").warning("hello")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "WARNING somebody: hello\n")


@pytest.mark.parametrize("word", ["hunter2", "sunshine", "password1234567"])
def test_what_can_be_guessed_is_never_replaced_where_somebody_writes_it(word: str) -> None:
    answers = Redactor([word, KEY], shortest=GENERATED_LENGTH)
    assert answers.text(f"is it {word}?") == f"is it {word}?"
    assert answers.text(f"is it {KEY}?") == "is it [hidden]?"
    assert Redactor([word]).text(f"the log has {word}") == "the log has [hidden]"


def test_a_text_for_others_hides_what_nobody_can_guess() -> None:
    redactor = Redactor(["hunter2", KEY])
    redactor.remember("646180157000000004", "****0004")
    assert redactor.public_text(f"hunter2 {KEY} 646180157000000004") == "hunter2 [hidden] ****0004"
