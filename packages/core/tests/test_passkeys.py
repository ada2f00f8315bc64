"""A passkey proves one decision of one person on riel's own page. Each attack ends in a refusal."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.authenticator import Authenticator, decode, encode

from riel.confirm.assertion import MAX_ANSWER, Assertion, PasskeyRefused, RelyingParty
from riel.confirm.credentials import Credential, CredentialState
from riel.confirm.passkeys import (
    assertion_options,
    register,
    registration_options,
    verify,
    verify_again,
)
from riel.confirm.statements import decision_statement, enrolment_statement, sign_in_statement

from .people_support import NOW

PAGE = RelyingParty("http://localhost:8555")
NONCE, OTHER_NONCE = bytes([1] * 32), bytes([2] * 32)
TERMS: dict[str, Any] = {
    "challenge_id": "ch-1",
    "digest": bytes(32),
    "policy_version": 1,
    "approver": "ana",
    "verdict": "yes",
}
YES = decision_statement(NONCE, **TERMS)
ENROLMENT = enrolment_statement(NONCE, control="people", person="ana")


def authenticator(**how: Any) -> Authenticator:
    return Authenticator(**{"origin": PAGE.origin} | how)


def enrolled(passkey: Authenticator, page: RelyingParty = PAGE) -> Credential:
    answer = passkey.create(registration_options(page, ENROLMENT, person="ana"))
    return register(page, answer, ENROLMENT, at=NOW, label="telephone")


def asserted(
    passkey: Authenticator, statement: bytes = YES, nonce: bytes = NONCE, page: RelyingParty = PAGE
) -> Assertion:
    return Assertion.of_answer(passkey.get(assertion_options(page, statement)), nonce)


def refused(assertion: Assertion, credential: Credential, statement: bytes = YES, sign_count: int = 0) -> str:
    """Why it is refused when it arrives."""
    with pytest.raises(PasskeyRefused) as why:
        verify(PAGE, assertion, credential, statement, sign_count=sign_count)
    return str(why.value)


def refused_again(assertion: Assertion, credential: Credential, statement: bytes = YES) -> str:
    """Why its stored proof is refused before money is sent."""
    with pytest.raises(PasskeyRefused) as why:
        verify_again(PAGE.id, assertion, credential, statement)
    return str(why.value)


def test_a_new_passkey_is_a_credential_that_is_not_in_force_yet() -> None:
    passkey = authenticator()
    credential = enrolled(passkey)
    assert credential.state is CredentialState.INACTIVE
    assert (credential.id, credential.public_key) == (encode(passkey.id), encode(passkey.public_key))
    assert (credential.kind, credential.label, credential.created_at) == ("passkey", "telephone", NOW)
    assert Credential.from_json(credential.to_json()) == credential


def test_a_passkey_proves_the_decision_that_it_signed_now_and_before_money_is_sent() -> None:
    passkey = authenticator()
    credential, assertion = enrolled(passkey), asserted(passkey)
    assert verify(PAGE, assertion, credential, YES, sign_count=0) == 0
    stored = Assertion.of_proof(assertion.credential, json.loads(json.dumps(assertion.to_proof())))
    assert stored == assertion
    verify_again(PAGE.id, stored, credential, YES)


def test_a_page_behind_tls_has_passkeys_of_its_own_name() -> None:
    page = RelyingParty("https://pay.example.com")
    passkey = authenticator(origin=page.origin)
    assertion = asserted(passkey, page=page)
    assert verify(page, assertion, enrolled(passkey, page), YES, sign_count=0) == 0
    assert page.id == "pay.example.com"


def test_the_browser_is_asked_for_user_verification_and_for_no_other_passkey() -> None:
    passkey = authenticator()
    credential = enrolled(passkey)
    assert passkey.options["authenticatorSelection"]["userVerification"] == "required"
    assert passkey.options["attestation"] == "none"
    assert decode(passkey.options["challenge"]) == ENROLMENT
    passkey.create(registration_options(PAGE, ENROLMENT, person="ana", enrolled=[credential.id]))
    assert [one["id"] for one in passkey.options["excludeCredentials"]] == [credential.id]
    passkey.get(assertion_options(PAGE, YES, allowed=[credential.id]))
    assert passkey.options["userVerification"] == "required"
    assert (passkey.options["rpId"], decode(passkey.options["challenge"])) == ("localhost", YES)
    assert [one["id"] for one in passkey.options["allowCredentials"]] == [credential.id]


def test_an_enrolment_never_overwrites_another_passkey_of_the_same_name() -> None:
    passkey, handles = authenticator(), set()
    for control in ("people", "people.rehearsal"):
        statement = enrolment_statement(NONCE, control=control, person="ana")
        passkey.create(registration_options(PAGE, statement, person="ana"))
        handles.add(passkey.options["user"]["id"])
    assert len(handles) == 2


@pytest.mark.parametrize(
    ("field", "other"),
    [("challenge_id", "ch-2"), ("digest", bytes([1] * 32)), ("policy_version", 2), ("approver", "luis")],
)
def test_an_assertion_for_one_payment_proves_nothing_about_another(field: str, other: Any) -> None:
    passkey = authenticator()
    credential, assertion = enrolled(passkey), asserted(passkey)
    another = decision_statement(NONCE, **TERMS | {field: other})
    assert "challenge was not expected challenge" in refused(assertion, credential, another)
    assert "challenge was not expected challenge" in refused_again(assertion, credential, another)


def test_a_no_posted_as_a_yes_is_refused() -> None:
    passkey = authenticator()
    no = asserted(passkey, decision_statement(NONCE, **TERMS | {"verdict": "no"}))
    assert "challenge was not expected challenge" in refused(no, enrolled(passkey))


def test_an_old_assertion_posted_again_is_refused() -> None:
    passkey = authenticator()
    credential, old = enrolled(passkey), asserted(passkey)
    assert "challenge was not expected challenge" in refused(old, credential, decision_statement(OTHER_NONCE, **TERMS))


def test_a_sign_in_decides_nothing() -> None:
    passkey = authenticator()
    assert "challenge was not expected" in refused(asserted(passkey, sign_in_statement(NONCE)), enrolled(passkey))


@pytest.mark.parametrize(
    "origin", ["http://localhost:9999", "http://localhost", "https://localhost:8555", "http://evil.example:8555"]
)
def test_what_was_signed_on_another_page_or_port_is_refused(origin: str) -> None:
    credential = enrolled(authenticator())
    assert f'Unexpected client data origin "{origin}"' in refused(asserted(authenticator(origin=origin)), credential)


def test_a_stored_proof_is_good_whatever_port_the_page_has_now_and_on_no_other_name() -> None:
    credential = enrolled(authenticator())
    verify_again(PAGE.id, asserted(authenticator(origin="http://localhost:8556")), credential, YES)
    for origin in (
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1:8555",
        "http://localhost@x",
    ):
        assert "not signed on riel's page" in refused_again(asserted(authenticator(origin=origin)), credential)


def test_what_was_signed_in_a_frame_of_another_page_is_refused() -> None:
    credential = enrolled(authenticator())
    framed = authenticator(frame="https://evil.example")
    assert refused(asserted(framed), credential) == "this was signed in a frame of another page"
    answer = framed.create(registration_options(PAGE, ENROLMENT, person="ana"))
    with pytest.raises(PasskeyRefused, match="in a frame of another page"):
        register(PAGE, answer, ENROLMENT, at=NOW)


@pytest.mark.parametrize("said", [{"crossOrigin": True}, {"topOrigin": "https://evil.example"}, {"crossOrigin": "no"}])
def test_any_sign_of_a_frame_is_enough(said: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    passkey = authenticator()
    credential = enrolled(passkey)
    content = {"type": "webauthn.get", "challenge": encode(YES), "origin": PAGE.origin} | said
    monkeypatch.setattr(passkey, "_client_data", lambda *_: json.dumps(content).encode())
    assert refused(asserted(passkey), credential) == "this was signed in a frame of another page"


def test_without_user_verification_nothing_is_proven() -> None:
    credential, unverified = enrolled(authenticator()), asserted(authenticator(verified=False))
    assert "user was not verified" in refused(unverified, credential)
    assert "user was not verified" in refused_again(unverified, credential)


def test_without_user_presence_nothing_is_proven() -> None:
    assert "User was not present" in refused(asserted(authenticator(present=False)), enrolled(authenticator()))


def test_what_was_signed_for_another_relying_party_is_refused() -> None:
    elsewhere = asserted(authenticator(), page=RelyingParty("https://evil.example"))
    assert "Unexpected RP ID hash" in refused(elsewhere, enrolled(authenticator()))


def test_another_credential_proves_nothing_in_somebodys_name() -> None:
    hers, his = authenticator(), authenticator(seed=2)
    assert refused(asserted(his), enrolled(hers)) == "another credential signed this"
    renamed = Assertion(**{**as_fields(asserted(his)), "credential": encode(hers.id)})
    assert "Could not verify authentication signature" in refused(renamed, enrolled(hers))


def as_fields(assertion: Assertion) -> dict[str, Any]:
    return {name: getattr(assertion, name) for name in Assertion.__slots__}


def test_a_credential_that_is_no_passkey_proves_nothing_here() -> None:
    passkey = authenticator()
    app = Credential(id=encode(passkey.id), kind="totp", created_at=NOW, key_id="1")
    assert refused(asserted(passkey), app) == "another credential signed this"


def test_a_count_that_goes_back_tells_of_a_copy() -> None:
    passkey = authenticator(counts=True)
    credential = enrolled(passkey)
    assert credential.sign_count == 1
    second = asserted(passkey)
    assert verify(PAGE, second, credential, YES, sign_count=credential.sign_count) == 2
    assert "was not greater than current count of 2" in refused(second, credential, sign_count=2)
    copy = authenticator(counts=True, sign_count=0)
    assert "was not greater than current count of 2" in refused(asserted(copy), credential, sign_count=2)
    assert "was not greater" in refused(asserted(authenticator()), credential, sign_count=2)
    verify_again(PAGE.id, second, credential, YES)


@pytest.mark.parametrize("part", ["authenticator_data", "client_data", "signature"])
def test_an_altered_proof_is_refused(part: str) -> None:
    passkey = authenticator()
    credential, fields = enrolled(passkey), as_fields(asserted(passkey))
    for place in range(0, len(fields[part]), 7):
        altered = bytearray(fields[part])
        altered[place] ^= 1
        assertion = Assertion(**fields | {part: bytes(altered)})
        refused(assertion, credential)
        refused_again(assertion, credential)


def test_an_enrolment_is_no_decision_and_a_decision_no_enrolment() -> None:
    passkey = authenticator()
    content = json.loads(passkey.create(registration_options(PAGE, YES, person="ana")))
    content["response"] |= {"authenticatorData": encode(bytes(37)), "signature": encode(b"x")}
    assert 'Unexpected client data type "webauthn.create"' in refused(
        Assertion.of_answer(json.dumps(content), NONCE), enrolled(passkey)
    )
    with pytest.raises(PasskeyRefused):
        register(PAGE, passkey.get(assertion_options(PAGE, ENROLMENT)), ENROLMENT, at=NOW)


@pytest.mark.parametrize(
    ("how", "statement", "why"),
    [
        ({"origin": "http://localhost:9999"}, ENROLMENT, "Unexpected client data origin"),
        ({"verified": False}, ENROLMENT, "user was not verified"),
        ({"present": False}, ENROLMENT, "User presence was required"),
        ({}, enrolment_statement(OTHER_NONCE, control="people", person="ana"), "challenge was not expected"),
        ({}, enrolment_statement(NONCE, control="people", person="luis"), "challenge was not expected"),
        ({}, enrolment_statement(NONCE, control="people.rehearsal", person="ana"), "challenge was not expected"),
    ],
)
def test_an_enrolment_counts_for_one_person_on_one_page_once(how: dict[str, Any], statement: bytes, why: str) -> None:
    answer = authenticator(**how).create(registration_options(PAGE, statement, person="ana"))
    with pytest.raises(PasskeyRefused, match=why):
        register(PAGE, answer, ENROLMENT, at=NOW)


def test_an_enrolment_for_another_relying_party_is_refused() -> None:
    answer = authenticator().create(registration_options(RelyingParty("https://evil.example"), ENROLMENT, person="ana"))
    with pytest.raises(PasskeyRefused, match="Unexpected RP ID hash"):
        register(PAGE, answer, ENROLMENT, at=NOW)


def test_an_enrolment_with_an_id_that_is_no_id_is_refused() -> None:
    passkey = authenticator()
    passkey.id = bytes(1100)
    answer = passkey.create(registration_options(PAGE, ENROLMENT, person="ana"))
    with pytest.raises(PasskeyRefused, match="its id or its key is too long"):
        register(PAGE, answer, ENROLMENT, at=NOW)


ANSWERS: list[Callable[[str], str]] = [
    lambda _: "",
    lambda _: "null",
    lambda _: "[]",
    lambda _: "{}",
    lambda _: '{"id": 1, "response": {}}',
    lambda _: "[" * 20_000,
    lambda answer: answer + " " * MAX_ANSWER,
    lambda answer: answer.replace('"clientDataJSON": "', '"clientDataJSON": "=='),
    lambda answer: json.dumps(json.loads(answer) | {"response": "x"}),
    lambda answer: json.dumps(json.loads(answer) | {"response": {"clientDataJSON": encode(b"[]")}}),
    lambda answer: json.dumps(json.loads(answer) | {"response": {"clientDataJSON": encode(b'{"crossOrigin": []}')}}),
    lambda answer: json.dumps(json.loads(answer) | {"response": {"clientDataJSON": encode(b"\xff")}}),
]


@pytest.mark.parametrize("damage", ANSWERS)
def test_an_answer_that_no_browser_writes_is_refused_and_raises_nothing_else(damage: Callable[[str], str]) -> None:
    passkey = authenticator()
    credential = enrolled(passkey)
    with pytest.raises(PasskeyRefused):
        register(PAGE, damage(passkey.create(registration_options(PAGE, ENROLMENT, person="ana"))), ENROLMENT, at=NOW)
    answer = damage(passkey.get(assertion_options(PAGE, YES)))
    with pytest.raises(PasskeyRefused):
        verify(PAGE, Assertion.of_answer(answer, NONCE), credential, YES, sign_count=0)


@pytest.mark.parametrize("proof", [{}, {"nonce": "x"}, {"authenticatorData": "A"}])
def test_a_stored_proof_that_is_damaged_proves_nothing(proof: dict[str, str]) -> None:
    with pytest.raises(PasskeyRefused, match="the stored proof is no answer of a passkey"):
        Assertion.of_proof("x", asserted(authenticator()).to_proof() | proof if proof else {})


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8555",
        "http://[::1]:8555",
        "https://10.0.0.1",
        "http://pay.example.com",
        "https://pay.example.com/",
        "https://Pay.example.com",
        "https://ana@pay.example.com",
        "localhost:8555",
        "",
        "http://",
    ],
)
def test_the_page_has_a_name_and_never_an_address(origin: str) -> None:
    with pytest.raises(ValueError, match="passkeys belong to a name and not to an address"):
        RelyingParty(origin)


def test_a_refusal_shows_no_key_and_no_signature() -> None:
    hers, his = authenticator(), authenticator(seed=2)
    credential = enrolled(hers)
    renamed = Assertion(**{**as_fields(asserted(his)), "credential": credential.id})
    why = refused(renamed, credential)
    assert credential.public_key not in why
    assert encode(renamed.signature) not in why


def test_a_missing_extra_is_one_sentence_with_the_command() -> None:
    program = (
        "import sys; sys.modules['webauthn'] = None; "
        "from riel.confirm.assertion import RelyingParty; from riel.confirm.passkeys import assertion_options; "
        "assertion_options(RelyingParty('http://localhost:1'), bytes(32))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "the approval page needs webauthn: pip install 'riel[web]'." in run.stderr.splitlines()[-1]
