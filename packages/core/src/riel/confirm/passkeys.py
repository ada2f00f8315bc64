"""Passkeys (WebAuthn): enroll one, and verify what it signed, when it arrives and again before money is sent.

The challenge of each ceremony is a statement (:mod:`riel.confirm.statements`). User presence and user verification are
required, and the origin is compared with its port. The library is an extra, ``riel[web]``, imported when it is used.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from types import ModuleType
from typing import TypeVar

from riel.confirm.assertion import (
    MAX_ANSWER,
    Assertion,
    PasskeyRefused,
    RelyingParty,
    from_base64url,
    read_client_data,
    read_text,
    to_base64url,
)
from riel.confirm.credentials import Credential
from riel.errors import Misconfigured
from riel.text import clean_text

TIMEOUT = 300_000
"""How long the browser waits for the person, in milliseconds."""

_T = TypeVar("_T")


def require_webauthn() -> ModuleType:
    """The library of passkeys.

    :raises Misconfigured: it is not installed.
    """
    try:
        import webauthn
    except ImportError as missing:
        raise Misconfigured("the approval page needs webauthn: pip install 'riel[web]'.") from missing
    return webauthn


def registration_options(party: RelyingParty, statement: bytes, *, person: str, enrolled: Iterable[str] = ()) -> str:
    """The argument of ``navigator.credentials.create()``, in JSON.

    :param person: the name that the authenticator shows.
    :param enrolled: the ids of the person's passkeys: an authenticator that has one of them makes no second one.
    """
    webauthn = require_webauthn()
    from webauthn.helpers import structs
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="riel",
        user_name=person,
        # New each time: an authenticator overwrites the passkey of the same user, also that of live money by that of a
        # rehearsal.
        user_id=sha256(statement).digest(),
        challenge=statement,
        timeout=TIMEOUT,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=from_base64url(one)) for one in enrolled],
        supported_pub_key_algs=[
            COSEAlgorithmIdentifier.ECDSA_SHA_256,
            COSEAlgorithmIdentifier.EDDSA,
            COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
        ],
    )
    return str(webauthn.options_to_json(options))


def register(party: RelyingParty, answer: str, statement: bytes, *, at: datetime, label: str = "") -> Credential:
    """The new credential, inactive, from what ``navigator.credentials.create()`` returned.

    :raises PasskeyRefused: it does not answer this statement on this page, or nobody was verified.
    """
    webauthn = require_webauthn()
    if len(answer) > MAX_ANSWER:
        raise PasskeyRefused("this is no answer of a passkey: it is far too long")
    _refuse_frames(_client_data_of(answer))
    verified = _contained(
        lambda: webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=statement,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_presence=True,
            require_user_verification=True,
        )
    )
    try:
        return Credential(
            id=to_base64url(verified.credential_id),
            kind="passkey",
            created_at=at,
            label=clean_text(label, 60),
            public_key=to_base64url(verified.credential_public_key),
            sign_count=verified.sign_count,
        )
    except ValueError as failure:
        raise PasskeyRefused("this passkey's answer is not valid: its id or its key is too long") from failure


def assertion_options(party: RelyingParty, statement: bytes, *, allowed: Iterable[str] = ()) -> str:
    """The argument of ``navigator.credentials.get()``, in JSON.

    :param allowed: the ids of the passkeys that may answer; without any, the authenticator offers those it has.
    """
    webauthn = require_webauthn()
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=statement,
        timeout=TIMEOUT,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=from_base64url(one)) for one in allowed],
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return str(webauthn.options_to_json(options))


def verify(
    party: RelyingParty, assertion: Assertion, credential: Credential, statement: bytes, *, sign_count: int
) -> int:
    """Verify what arrived from the page, and return the authenticator's new count.

    Whether the credential is in force is another question: :func:`riel.confirm.decisions.objection`.

    :param sign_count: the highest count known of this credential. A count that does not grow tells of a copy.
    :raises PasskeyRefused: it does not prove that this credential's owner signed this statement on this page, now.
    """
    return _verify(party.id, party.origin, assertion, credential, statement, sign_count)


def verify_again(relying_party_id: str, assertion: Assertion, credential: Credential, statement: bytes) -> None:
    """Verify a stored proof once more, on whichever server and whatever its port.

    :raises PasskeyRefused: it does not prove that this credential's owner signed this statement on riel's page.
    """
    origin = read_client_data(assertion.client_data).get("origin")
    try:
        name = RelyingParty(read_text(origin)).id
    except (ValueError, TypeError) as failure:
        raise PasskeyRefused("this was not signed on riel's page") from failure
    if name != relying_party_id:
        raise PasskeyRefused("this was not signed on riel's page")
    _verify(relying_party_id, read_text(origin), assertion, credential, statement, 0)


def _verify(
    party_id: str, origin: str, assertion: Assertion, credential: Credential, statement: bytes, sign_count: int
) -> int:
    webauthn = require_webauthn()
    if credential.kind != "passkey" or assertion.credential != credential.id:
        raise PasskeyRefused("another credential signed this")
    _refuse_frames(read_client_data(assertion.client_data))
    answer = {
        "id": assertion.credential,
        "rawId": assertion.credential,
        "type": "public-key",
        "response": {key: value for key, value in assertion.to_proof().items() if key != "nonce"},
    }
    verified = _contained(
        lambda: webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=statement,
            expected_rp_id=party_id,
            expected_origin=origin,
            credential_public_key=from_base64url(credential.public_key),
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    )
    return int(verified.new_sign_count)


def _contained(verify_answer: Callable[[], _T]) -> _T:
    """What the library returns. It meets bytes of strangers, and parsers fail in many ways."""
    try:
        return verify_answer()
    except Exception as failure:
        raise PasskeyRefused(f"this passkey's answer is not valid: {clean_text(str(failure))}") from failure


def _client_data_of(answer: str) -> Mapping[str, object]:
    try:
        written = from_base64url(json.loads(answer)["response"]["clientDataJSON"])
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        raise PasskeyRefused("this is no answer of a passkey") from failure
    return read_client_data(written)


def _refuse_frames(client_data: Mapping[str, object]) -> None:
    """The library does not look: a page of somebody else that shows ours in a frame may not have it sign."""
    if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data:
        raise PasskeyRefused("this was signed in a frame of another page")
