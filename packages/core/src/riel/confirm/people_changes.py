"""The changes of people. Each is pure and gives a new document, or is refused with one sentence for the operator.

Whether an admin asked for a change, and proved it with a passkey, is for the caller to know.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from riel.confirm.challenge_text import Language
from riel.confirm.credentials import Credential, CredentialState
from riel.confirm.document import Document
from riel.confirm.people import EnrolmentLink, Grant, People, Person, Role

LINK_LIFETIME = timedelta(minutes=30)
"""How long an enrolment link may be opened."""

_Document = TypeVar("_Document", bound=Document)


class ChangeRefused(ValueError):
    """The change would break a rule, so there is no new document. The message says which, without a secret."""


def add_first_admin(
    people: People, name: str, *, language: Language, at: datetime, subjects: Iterable[str] = ()
) -> People:
    """Add the first person of all: admin, approver and requester. Only where there is nobody, and never was."""
    if people.people:
        raise ChangeRefused(f"there are people already: an admin of theirs adds {name}")
    return _add(people, name, {Role.ADMIN, Role.APPROVER, Role.REQUESTER}, language, at, subjects)


def add_person(
    people: People,
    name: str,
    *,
    roles: Iterable[Role],
    language: Language,
    at: datetime,
    subjects: Iterable[str] = (),
) -> People:
    """Add a person who has no credential yet."""
    if not people.admins:
        raise ChangeRefused(f"no admin has an active passkey yet, so nobody can add {name}")
    return _add(people, name, set(roles), language, at, subjects)


def change_roles(people: People, name: str, roles: Iterable[Role], at: datetime, *, admins_needed: int = 1) -> People:
    """Give the person these roles and no other. A role that stays keeps the time since when it is held.

    :param admins_needed: :func:`riel.confirm.policy.approvals_needed_for_changes`: so many admins stay.
    """
    person, wanted = _living(people, name), set(roles)
    grants = {role: Grant(role=role, since=at) for role in wanted}
    grants |= {grant.role: grant for grant in person.grants if grant.role in wanted}
    changed = _replace(people, _checked(person, grants=tuple(grants[role] for role in sorted(wanted))))
    return _with_admins(changed, people, admins_needed)


def change_language(people: People, name: str, language: Language) -> People:
    """Give the person another language."""
    return _replace(people, _checked(_living(people, name), language=language))


def change_subjects(people: People, name: str, subjects: Iterable[str]) -> People:
    """Give the person these subjects and no other."""
    return _replace(people, _checked(_living(people, name), subjects=tuple(sorted(set(subjects)))))


def issue_link(people: People, name: str, link_hash: str, at: datetime) -> People:
    """Give the person a new enrolment link, which ends an older one.

    :param link_hash: the SHA-256 of its secret part, in hexadecimal.
    """
    link = _checked(EnrolmentLink(hash="0" * 64, expires_at=at + LINK_LIFETIME), hash=link_hash)
    return _replace(people, _checked(_living(people, name), link=link))


def redeem_link(people: People, link_hash: str, credential: Credential, at: datetime) -> People:
    """Enroll a credential by a link, which is used up."""
    person = people.invited(link_hash, at)
    if person is None:
        raise ChangeRefused("this enrolment link was used, has expired, or is none: ask an admin for a new one")
    return enroll(people, person.name, credential)


def enroll(people: People, name: str, credential: Credential) -> People:
    """Give the person one more credential, which is inactive. An enrolment link of the person ends."""
    if credential.state is not CredentialState.INACTIVE:
        raise ChangeRefused("a new credential is inactive until an admin has compared its fingerprint")
    person = _living(people, name)
    return _replace(people, _checked(person, credentials=(*person.credentials, credential), link=None))


def activate(people: People, credential_id: str, by: str, at: datetime) -> People:
    """Put a credential in force: the admin ``by`` has compared its fingerprint with the person."""
    if by not in {admin.name for admin in people.admins}:
        raise ChangeRefused(f"{by} is no admin with an active passkey, and can activate no credential")
    return _activate(people, credential_id, by, at)


def activate_first(people: People, credential_id: str, at: datetime) -> People:
    """Put the first admin's first passkey in force. There is no admin yet who could compare it."""
    owner = people.owner(credential_id)
    were_active = any(one.activated_at is not None for person in people.people for one in person.credentials)
    if were_active or len(people.people) != 1 or owner is None or Role.ADMIN not in owner.roles:
        raise ChangeRefused("only the first passkey of the first admin needs no admin who activates it")
    activated = _activate(people, credential_id, owner.name, at)
    if not activated.admins:
        raise ChangeRefused("the first credential of the first admin is a passkey")
    return activated


def revoke_credential(people: People, credential_id: str, at: datetime, *, admins_needed: int = 1) -> People:
    """Revoke the credential, for good."""
    owner = people.owner(credential_id)
    credential = owner.credential(credential_id) if owner else None
    if owner is None or credential is None or credential.state is CredentialState.REVOKED:
        raise ChangeRefused("there is no such credential, or it is revoked already")
    changed = _replace(people, _with_credential(owner, _checked(credential, revoked_at=at)))
    return _with_admins(changed, people, admins_needed)


def revoke_person(people: People, name: str, at: datetime, *, admins_needed: int = 1) -> People:
    """Revoke the person with every credential, for good."""
    person = _living(people, name)
    credentials = tuple(one if one.revoked_at else _checked(one, revoked_at=at) for one in person.credentials)
    revoked = _checked(person, revoked_at=at, credentials=credentials, link=None)
    return _with_admins(_replace(people, revoked), people, admins_needed)


def _add(
    people: People, name: str, roles: set[Role], language: Language, at: datetime, subjects: Iterable[str]
) -> People:
    earlier = people.person(name)
    if earlier is not None:
        why = "is there already" if earlier.is_living else "was revoked, and a name never comes back"
        raise ChangeRefused(f"{name} {why}: choose another name")
    grants = tuple(Grant(role=role, since=at) for role in sorted(roles))
    blank = Person(name="x", language=language, created_at=at, grants=grants)
    return _replace(people, _checked(blank, name=name, subjects=tuple(sorted(set(subjects)))))


def _activate(people: People, credential_id: str, by: str, at: datetime) -> People:
    owner = people.owner(credential_id)
    credential = owner.credential(credential_id) if owner else None
    if owner is None or credential is None or credential.state is not CredentialState.INACTIVE:
        raise ChangeRefused("there is no such credential that waits for an admin")
    return _replace(people, _with_credential(owner, _checked(credential, activated_at=at, activated_by=by)))


def _living(people: People, name: str) -> Person:
    person = people.person(name)
    if person is None or not person.is_living:
        raise ChangeRefused(f"{name} is nobody here" if person is None else f"{name} was revoked")
    return person


def _replace(people: People, person: Person) -> People:
    """The people with ``person`` in the place of the one of that name."""
    others = [one for one in people.people if one.name != person.name]
    return _checked(people, people=tuple(sorted([*others, person], key=lambda one: one.name)))


def _with_credential(person: Person, credential: Credential) -> Person:
    credentials = tuple(credential if one.id == credential.id else one for one in person.credentials)
    return _checked(person, credentials=credentials)


def _with_admins(people: People, before: People, needed: int) -> People:
    """The people, unless the change took away an admin without whom nothing can be changed any more."""
    if not people.having(Role.ADMIN) or len(people.admins) < min(len(before.admins), needed):
        few = "that is the last admin" if needed == 1 else f"people and policy change by {needed} admins"
        raise ChangeRefused(f"{few}: make another person admin first, with an active passkey")
    return people


def _checked(document: _Document, **changes: object) -> _Document:
    try:
        return document.replaced(**changes)
    except ValidationError as failure:
        errors = failure.errors(include_url=False, include_input=False)
    found = (f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}" for error in errors)
    raise ChangeRefused("; ".join(dict.fromkeys(one.removeprefix(": ") for one in found)))
