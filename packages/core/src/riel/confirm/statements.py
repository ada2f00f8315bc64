"""Statements: the 32 bytes that a passkey signs, so that each signature says one thing, once, and nothing else.

A statement is a SHA-256 over its domain and its fields, each behind its length. No two statements are written alike, so
an assertion about one payment is none about another, a no is no yes, and a sign-in decides nothing. The nonce makes it
single-use: the server makes one for each page, and takes it once (:func:`replay_key`).
"""

import hashlib

from riel.confirm.decisions import Verdict

NONCE_BYTES = 32
"""How many random bytes the server puts into each statement."""


def decision_statement(
    nonce: bytes, *, challenge_id: str, digest: bytes, policy_version: int, approver: str, verdict: Verdict
) -> bytes:
    """What an approver signs: this verdict about exactly these terms, under this version of the policy."""
    return _statement(
        "riel-decision-1",
        nonce,
        challenge_id.encode(),
        digest,
        b"%d" % policy_version,
        approver.encode(),
        verdict.encode(),
    )


def sign_in_statement(nonce: bytes) -> bytes:
    """What signs a person in. It names nobody: the passkey does."""
    return _statement("riel-sign-in-1", nonce)


def enrolment_statement(nonce: bytes, *, control: str, person: str) -> bytes:
    """What a new passkey signs: it is to be that person's, among the people of this control."""
    return _statement("riel-enrol-1", nonce, control.encode(), person.encode())


def admin_statement(nonce: bytes, *, admin: str, action: str, control: str, version: int, document: str) -> bytes:
    """What an admin signs: this control gets exactly this document, in the place of this version.

    :param action: what the admin was shown that this does.
    :param version: the version of the control that the change was made from; 0 where there was none.
    :param document: the new document, whole. Its SHA-256 is signed.
    """
    hashed = hashlib.sha256(document.encode()).digest()
    return _statement("riel-admin-1", nonce, admin.encode(), action.encode(), control.encode(), b"%d" % version, hashed)


def replay_key(nonce: bytes) -> str:
    """What the journal takes once: whatever a nonce was made for, it is used up."""
    return f"nonce:{nonce.hex()}"


def _statement(domain: str, nonce: bytes, *fields: bytes) -> bytes:
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    parts = (domain.encode(), nonce, *fields)
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()
