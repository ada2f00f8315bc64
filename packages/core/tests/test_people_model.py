"""Every order of a few changes by a few people: the rules hold after each, and what is refused says why."""

from collections.abc import Callable, Iterator

import pytest

from riel.confirm.credentials import Credential, CredentialState
from riel.confirm.people import People, Person
from riel.confirm.people_changes import (
    ChangeRefused,
    activate,
    activate_first,
    add_first_admin,
    add_person,
    change_roles,
    enroll,
    revoke_credential,
    revoke_person,
)

from .people_support import ADMIN, APPROVER, NOW, START, credential

NAMES = ("ana", "luis")
CREDENTIALS = (credential("p"), credential("q"), credential("r", "phone"))

Change = Callable[[People], People]


def changes(admins_needed: int) -> dict[str, Change]:
    """Every change that this world knows, by a name."""
    found: dict[str, Change] = {}
    for name in NAMES:
        found[f"add_first_admin {name}"] = lambda all_, name=name: add_first_admin(all_, name, language="es", at=START)
        found[f"add {name}"] = lambda all_, name=name: add_person(all_, name, roles=[APPROVER], language="es", at=START)
        found[f"revoke {name}"] = lambda all_, name=name: revoke_person(all_, name, NOW, admins_needed=admins_needed)
        for roles in ([APPROVER], [ADMIN, APPROVER]):
            found[f"roles {name} {len(roles)}"] = lambda all_, name=name, roles=roles: change_roles(
                all_, name, roles, START, admins_needed=admins_needed
            )
        for one in CREDENTIALS:
            found[f"enroll {name} {one.id}"] = lambda all_, name=name, one=one: enroll(all_, name, one)
            found[f"activate {one.id} by {name}"] = lambda all_, name=name, one=one: activate(all_, one.id, name, START)
    for one in CREDENTIALS:
        found[f"activate_first {one.id}"] = lambda all_, one=one: activate_first(all_, one.id, START)
        found[f"revoke {one.id}"] = lambda all_, one=one: revoke_credential(
            all_, one.id, NOW, admins_needed=admins_needed
        )
    return found


def held(people: People) -> dict[str, tuple[Person, Credential]]:
    """Each credential with its owner."""
    return {one.id: (person, one) for person in people.people for one in person.credentials}


def broken(before: People, change: str, after: People, admins_needed: int) -> Iterator[str]:
    """Each promise that this step broke. It knows nothing of how a change is made."""
    verb, *rest = change.split(" ")
    was, is_ = held(before), held(after)
    if sum(len(person.credentials) for person in after.people) != len(is_):
        yield "a credential belongs to one person"
    for id_, (owner, one) in is_.items():
        if id_ not in was:
            if one.state is not CredentialState.INACTIVE:
                yield "a new credential is inactive"
            continue
        earlier_owner, earlier = was[id_]
        if owner.name != earlier_owner.name:
            yield "a credential stays with its person"
        if earlier.state is CredentialState.REVOKED and one.state is not CredentialState.REVOKED:
            yield "revoked is for good"
        if earlier.state is not CredentialState.ACTIVE and one.state is CredentialState.ACTIVE:
            by_admin = verb == "activate" and rest[-1] in {admin.name for admin in before.admins}
            as_first = verb == "activate_first" and not any(c.activated_at for _, c in was.values())
            if not (by_admin or as_first):
                yield "an admin puts a credential in force"
    if not set(was) <= set(is_) or not {p.name for p in before.people} <= {p.name for p in after.people}:
        yield "nothing is forgotten"
    for person in before.people:
        now = after.person(person.name)
        if not person.is_living and now != person:
            yield "a name never comes back"
    if verb == "add_first_admin" and before.people:
        yield "the first admin is made only where nobody is"
    if verb == "add" and not before.admins:
        yield "an admin adds people"
    if before.people and not after.having(ADMIN):
        yield "the last admin stays"
    if len(after.admins) < min(len(before.admins), admins_needed):
        yield "as many admins stay as changes need"
    if People.from_json(after.to_json()) != after:
        yield "a document is read as it was written"


@pytest.mark.once
@pytest.mark.parametrize("admins_needed", [1, 2])
def test_the_rules_of_people_hold_after_every_order_of_changes(admins_needed: int) -> None:
    every = changes(admins_needed)
    two_admins = activate_first(enroll(every["add_first_admin ana"](People()), "ana", credential("p")), "p", START)
    two_admins = add_person(two_admins, "luis", roles=[ADMIN, APPROVER], language="es", at=START)
    two_admins = activate(enroll(two_admins, "luis", credential("q")), "q", "ana", START)
    frontier, refusals = [People(), two_admins], set()
    seen = {people.to_json() for people in frontier}
    for _ in range(5):
        reached = []
        for before in frontier:
            for name, change in every.items():
                try:
                    after = change(before)
                except ChangeRefused as refused:
                    refusals.add(str(refused))
                    continue
                assert not list(broken(before, name, after, admins_needed)), (name, before)
                text = after.to_json()
                if text not in seen:
                    seen.add(text)
                    reached.append(after)
        frontier = reached
    assert len(seen) > 300
    assert "" not in refusals
    last = "that is the last admin" if admins_needed == 1 else "people and policy change by 2 admins"
    assert any(refusal.startswith(last) for refusal in refusals)
