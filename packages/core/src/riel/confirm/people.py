"""The people who ask and decide, with their roles and credentials; ``people_changes.py`` has the changes.

Live people and those of rehearsals are two documents: a credential of one is never a credential of the other.
"""

import hmac
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from riel.confirm.challenge_text import Language
from riel.confirm.credentials import Credential, CredentialState
from riel.confirm.document import Document, Instant
from riel.text import SingleLine

PersonName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,62}[a-z0-9])?$")]
"""Small letters and digits of ASCII: two names that look alike are one name."""

Subject = Annotated[SingleLine, Field(min_length=1, max_length=300)]
"""A principal on whose behalf an agent asks: the user of a server over stdio, a machine client, a token's subject."""


class Role(StrEnum):
    """The rights of a person: to ask, to decide, to read the record, to change people and policy."""

    REQUESTER = "requester"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Grant(Document):
    """A role, and since when the person has it."""

    role: Role
    since: Instant


class EnrolmentLink(Document):
    """A link by which one person enrolls one credential, once. Only the SHA-256 of its secret part is kept."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires_at: Instant


class Person(Document):
    """One person. A revoked one stays in the document, because the name never comes back."""

    name: PersonName
    language: Language
    created_at: Instant
    grants: tuple[Grant, ...] = ()
    subjects: tuple[Subject, ...] = ()
    credentials: tuple[Credential, ...] = ()
    link: EnrolmentLink | None = None
    revoked_at: Instant | None = None

    @property
    def is_living(self) -> bool:
        """Whether the person was not revoked."""
        return self.revoked_at is None

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of a living person; a revoked one has none."""
        return frozenset(grant.role for grant in self.grants if self.is_living)

    @property
    def active(self) -> tuple[Credential, ...]:
        """The credentials that count now."""
        return tuple(one for one in self.credentials if one.state is CredentialState.ACTIVE)

    @property
    def phone(self) -> str:
        """The number to which bound codes are sent, or nothing."""
        return next((one.number for one in self.active if one.kind == "phone"), "")

    def credential(self, credential_id: str) -> Credential | None:
        """The credential of that id, whatever its state."""
        return next((one for one in self.credentials if one.id == credential_id), None)

    def since(self, role: Role) -> datetime | None:
        """Since when a living person has the role."""
        return next((grant.since for grant in self.grants if grant.role is role and self.is_living), None)


class People(Document):
    """All people there were, by name.

    Whichever change or database it comes from, in a document a credential, a subject and a telephone belong to one
    living person, and nothing of a revoked person is in force.
    """

    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> "People":
        if faults := list(_faults(self.people)):
            raise ValueError(faults[0])
        return self

    @property
    def living(self) -> tuple[Person, ...]:
        """Everybody who was not revoked."""
        return tuple(person for person in self.people if person.is_living)

    @property
    def admins(self) -> tuple[Person, ...]:
        """The living admins who can act: each has an active passkey."""
        return tuple(
            person for person in self.having(Role.ADMIN) if any(one.kind == "passkey" for one in person.active)
        )

    def having(self, role: Role) -> tuple[Person, ...]:
        """The living people of that role."""
        return tuple(person for person in self.people if role in person.roles)

    def person(self, name: str) -> Person | None:
        """The person of that name, living or revoked."""
        return next((person for person in self.people if person.name == name), None)

    def owner(self, credential_id: str) -> Person | None:
        """The person whose credential it is or was."""
        return next((person for person in self.people if person.credential(credential_id)), None)

    def asking_as(self, principal: str) -> Person | None:
        """The living person on whose behalf this principal asks: it is their name, or one of their subjects."""
        return next((one for one in self.living if principal == one.name or principal in one.subjects), None)

    def invited(self, link_hash: str, now: datetime) -> Person | None:
        """The person whose enrolment link has this hash, while it may be opened."""
        for person in self.living:
            link = person.link
            if link is not None and hmac.compare_digest(link.hash, link_hash) and now < link.expires_at:
                return person
        return None


def _faults(people: tuple[Person, ...]) -> Iterable[str]:
    """Each rule that a document breaks, without a secret or a whole key."""
    names = [person.name for person in people]
    living = [person for person in people if person.is_living]
    credentials = [(person, one) for person in people for one in person.credentials]
    if names != sorted(set(names)):
        yield "a name stands for one person, and people are sorted by name"
    if _repeated(one.id for _, one in credentials) or _repeated(c.public_key for _, c in credentials if c.public_key):
        yield "a credential belongs to one person, and once"
    in_force = [one for _, one in credentials if one.state is not CredentialState.REVOKED]
    if _repeated(one.number for one in in_force if one.number):
        yield "a telephone belongs to one living person, and once"
    subjects = [subject for person in living for subject in person.subjects]
    others = {(subject, name) for person in living for subject in person.subjects for name in names}
    if _repeated(subjects) or any(subject == name for subject, name in others):
        yield "a subject belongs to one living person, and is nobody's name"
    if _repeated(person.link.hash for person in people if person.link):
        yield "an enrolment link belongs to one person"
    for person in people:
        if _repeated(grant.role for grant in person.grants):
            yield "a person has a role once"
        if not person.is_living and (person.link or any(one.revoked_at is None for one in person.credentials)):
            yield "nothing of a revoked person is in force"


def _repeated(values: Iterable[object]) -> bool:
    return any(times > 1 for times in Counter(values).values())
