"""People for the tests of roles, policy and decisions: each with one passkey that is in force."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from riel.confirm.credentials import Credential, CredentialKind
from riel.confirm.people import People, Role
from riel.confirm.people_changes import activate, activate_first, add_first_admin, add_person, enroll

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = START + 60 * MINUTE

APPROVER, REQUESTER, ADMIN, AUDITOR = Role.APPROVER, Role.REQUESTER, Role.ADMIN, Role.AUDITOR


def credential(name: str, kind: CredentialKind = "passkey") -> Credential:
    """A credential that is not in force yet. The same name is always the same credential."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    filled = {"passkey": {"public_key": f"key-of-{name}"}, "totp": {"key_id": "1"}, "phone": {"number": f"+52{number}"}}
    return Credential.model_validate({"id": name, "kind": kind, "created_at": START, **filled[kind]})


def first_admin(name: str = "ana", subjects: Iterable[str] = ()) -> People:
    """One person, with the passkey ``<name>-passkey`` in force."""
    people = add_first_admin(People(), name, language="es", at=START, subjects=subjects)
    return activate_first(enroll(people, name, credential(f"{name}-passkey")), f"{name}-passkey", START)


def joined(
    people: People,
    name: str,
    *roles: Role,
    at: datetime = START,
    kind: CredentialKind | None = "passkey",
    subjects: Iterable[str] = (),
) -> People:
    """The people with one more, whose credential ``<name>-<kind>`` is in force."""
    people = add_person(people, name, roles=roles, language="en", at=at, subjects=subjects)
    return people if kind is None else armed(people, name, kind, at)


def armed(people: People, name: str, kind: CredentialKind, at: datetime = START) -> People:
    """The people, one of them with another credential in force."""
    enrolled = enroll(people, name, credential(f"{name}-{kind}", kind))
    return activate(enrolled, f"{name}-{kind}", people.admins[0].name, at)
