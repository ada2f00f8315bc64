"""People and their credentials: whoever may change them, these rules hold in every document."""

import json
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from riel.confirm.credentials import Credential, CredentialState
from riel.confirm.people import People, Role
from riel.confirm.people_changes import (
    LINK_LIFETIME,
    ChangeRefused,
    activate,
    activate_first,
    add_first_admin,
    add_person,
    change_language,
    change_roles,
    change_subjects,
    enroll,
    issue_link,
    redeem_link,
    revoke_credential,
    revoke_person,
)

from .people_support import (
    ADMIN,
    APPROVER,
    AUDITOR,
    MINUTE,
    NOW,
    REQUESTER,
    START,
    armed,
    credential,
    first_admin,
    joined,
)

HASH = "ab" * 32


def test_one_person_on_one_machine_is_admin_approver_and_requester() -> None:
    people = add_first_admin(People(), "ana", language="es", at=START, subjects=["local"])
    people = activate_first(enroll(people, "ana", credential("ana-passkey")), "ana-passkey", START)
    ana = people.person("ana")
    assert ana is not None
    assert ana.roles == {ADMIN, APPROVER, REQUESTER}
    assert people.admins == (ana,) == people.having(APPROVER)
    assert people.asking_as("local") == people.asking_as("ana") == ana
    assert people.asking_as("somebody") is None


def test_the_first_admin_is_made_only_where_nobody_is_and_nobody_was() -> None:
    people = first_admin()
    with pytest.raises(ChangeRefused, match="there are people already: an admin of theirs adds luis"):
        add_first_admin(people, "luis", language="es", at=NOW)
    gone = revoke_person(joined(people, "luis", ADMIN), "ana", NOW)
    with pytest.raises(ChangeRefused, match="there are people already"):
        add_first_admin(gone, "eva", language="es", at=NOW)


def test_nobody_is_added_before_the_first_admin_has_a_passkey_in_force() -> None:
    people = add_first_admin(People(), "ana", language="es", at=START)
    with pytest.raises(ChangeRefused, match="no admin has an active passkey yet, so nobody can add luis"):
        add_person(people, "luis", roles=[APPROVER], language="es", at=NOW)
    with pytest.raises(ChangeRefused, match="no admin has an active passkey"):
        add_person(enroll(people, "ana", credential("p")), "luis", roles=[APPROVER], language="es", at=NOW)


def test_a_new_credential_is_inactive_until_an_admin_activates_it() -> None:
    people = joined(first_admin(), "luis", APPROVER, kind=None)
    people = enroll(people, "luis", credential("luis-passkey"))
    luis = people.person("luis")
    assert luis is not None
    assert [one.state for one in luis.credentials] == [CredentialState.INACTIVE]
    assert luis.active == ()
    with pytest.raises(ChangeRefused, match="luis is no admin with an active passkey"):
        activate(people, "luis-passkey", "luis", NOW)
    active = activate(people, "luis-passkey", "ana", NOW).person("luis")
    assert active is not None
    assert [(one.state, one.activated_by, one.activated_at) for one in active.active] == [
        (CredentialState.ACTIVE, "ana", NOW)
    ]


def test_a_credential_cannot_be_enrolled_in_force() -> None:
    ready = credential("luis-passkey").replaced(activated_at=START, activated_by="ana")
    with pytest.raises(ChangeRefused, match="inactive until an admin has compared its fingerprint"):
        enroll(joined(first_admin(), "luis", APPROVER, kind=None), "luis", ready)


def test_only_the_first_admins_first_passkey_needs_no_admin() -> None:
    people = enroll(first_admin(), "ana", credential("second"))
    with pytest.raises(ChangeRefused, match="only the first passkey of the first admin"):
        activate_first(people, "second", NOW)
    app = enroll(add_first_admin(People(), "ana", language="es", at=START), "ana", credential("app", "totp"))
    with pytest.raises(ChangeRefused, match="the first credential of the first admin is a passkey"):
        activate_first(app, "app", NOW)


@pytest.mark.parametrize("name", ["luis-passkey", "ana-passkey", "nobodys"])
def test_only_a_credential_that_waits_is_activated(name: str) -> None:
    people = revoke_credential(joined(first_admin(), "luis", APPROVER), "luis-passkey", NOW)
    with pytest.raises(ChangeRefused, match="no such credential that waits for an admin"):
        activate(people, name, "ana", NOW)


def test_one_credential_belongs_to_one_person_also_when_it_was_revoked() -> None:
    people = revoke_person(joined(joined(first_admin(), "luis", APPROVER), "eva", APPROVER), "luis", NOW)
    for taken in ("ana-passkey", "luis-passkey", "eva-passkey"):
        with pytest.raises(ChangeRefused, match="a credential belongs to one person, and once"):
            enroll(people, "eva", credential(taken))


def test_one_key_under_two_ids_is_one_credential() -> None:
    people = joined(first_admin(), "luis", APPROVER)
    same = credential("other").replaced(public_key=credential("ana-passkey").public_key)
    with pytest.raises(ChangeRefused, match="a credential belongs to one person, and once"):
        enroll(people, "luis", same)


def test_one_telephone_belongs_to_one_living_person() -> None:
    people = joined(joined(first_admin(), "luis", APPROVER), "eva", APPROVER)
    people = armed(people, "luis", "phone")
    luis = people.person("luis")
    assert luis is not None
    assert luis.phone == credential("luis-phone", "phone").number
    same = credential("other", "phone").replaced(number=luis.phone)
    with pytest.raises(ChangeRefused, match="a telephone belongs to one living person"):
        enroll(people, "eva", same)
    moved = enroll(revoke_person(people, "luis", NOW), "eva", same)
    assert moved.person("luis").phone == ""  # type: ignore[union-attr]


def test_one_subject_belongs_to_one_living_person_and_is_nobodys_name() -> None:
    people = joined(first_admin(subjects=["local"]), "luis", APPROVER)
    for taken in ("local", "ana"):
        with pytest.raises(ChangeRefused, match="a subject belongs to one living person, and is nobody's name"):
            change_subjects(people, "luis", [taken])
    with pytest.raises(ChangeRefused, match="a subject belongs to one living person"):
        add_person(people, "local", roles=[APPROVER], language="en", at=NOW)
    moved = change_subjects(change_subjects(people, "ana", []), "luis", ["local", "bot-7"])
    assert moved.asking_as("local") == moved.asking_as("bot-7") == moved.person("luis")


def test_a_name_never_comes_back() -> None:
    people = revoke_person(joined(first_admin(), "luis", APPROVER), "luis", NOW)
    with pytest.raises(ChangeRefused, match="luis was revoked, and a name never comes back"):
        add_person(people, "luis", roles=[APPROVER], language="en", at=NOW)
    with pytest.raises(ChangeRefused, match="ana is there already"):
        add_person(people, "ana", roles=[APPROVER], language="en", at=NOW)


def test_a_revoked_person_has_no_role_no_credential_and_no_link() -> None:
    people = issue_link(joined(first_admin(), "luis", APPROVER, subjects=["bot"]), "luis", HASH, START)
    people = revoke_person(people, "luis", NOW)
    luis = people.person("luis")
    assert luis is not None
    assert (luis.roles, luis.active, luis.link, luis.revoked_at) == (frozenset(), (), None, NOW)
    assert people.asking_as("bot") is None
    changes: list[Callable[[], People]] = [
        lambda: change_roles(people, "luis", [APPROVER], NOW),
        lambda: enroll(people, "luis", credential("new")),
        lambda: issue_link(people, "luis", HASH, NOW),
        lambda: revoke_person(people, "luis", NOW),
        lambda: change_language(people, "luis", "en"),
    ]
    for change in changes:
        with pytest.raises(ChangeRefused, match="luis was revoked"):
            change()


@pytest.mark.parametrize("name", ["nobodys", "luis-passkey"])
def test_what_is_not_there_or_is_revoked_cannot_be_revoked(name: str) -> None:
    people = revoke_credential(joined(first_admin(), "luis", APPROVER), "luis-passkey", NOW)
    with pytest.raises(ChangeRefused, match="there is no such credential, or it is revoked already"):
        revoke_credential(people, name, NOW + MINUTE)
    with pytest.raises(ChangeRefused, match="stranger is nobody here"):
        revoke_person(people, "stranger", NOW)


def test_the_last_admin_stays() -> None:
    people = joined(joined(first_admin(), "luis", APPROVER), "eva", ADMIN, kind=None)
    for change in (
        lambda: revoke_person(people, "ana", NOW),
        lambda: revoke_credential(people, "ana-passkey", NOW),
        lambda: change_roles(people, "ana", [APPROVER], NOW),
    ):
        with pytest.raises(ChangeRefused, match="that is the last admin: make another person admin first"):
            change()
    ready = armed(people, "eva", "passkey")
    assert [one.name for one in revoke_person(ready, "ana", NOW).admins] == ["eva"]


def test_an_admin_who_has_no_passkey_yet_is_not_taken_away_where_there_is_no_other() -> None:
    people = add_first_admin(People(), "ana", language="es", at=START)
    for change in (lambda: revoke_person(people, "ana", NOW), lambda: change_roles(people, "ana", [APPROVER], NOW)):
        with pytest.raises(ChangeRefused, match="that is the last admin"):
            change()


def test_where_two_admins_are_needed_two_stay() -> None:
    people = joined(joined(first_admin(), "luis", ADMIN), "eva", APPROVER)
    with pytest.raises(ChangeRefused, match="people and policy change by 2 admins: make another person admin first"):
        revoke_person(people, "luis", NOW, admins_needed=2)
    assert revoke_person(people, "eva", NOW, admins_needed=2).person("eva").revoked_at == NOW  # type: ignore[union-attr]
    three = change_roles(people, "eva", [ADMIN, APPROVER], NOW, admins_needed=2)
    assert len(revoke_person(three, "luis", NOW, admins_needed=2).admins) == 2


def test_a_role_that_stays_keeps_the_time_since_when_it_is_held() -> None:
    people = joined(first_admin(), "luis", APPROVER, AUDITOR)
    luis = change_roles(people, "luis", [APPROVER, REQUESTER], NOW).person("luis")
    assert luis is not None
    assert (luis.since(APPROVER), luis.since(REQUESTER), luis.since(AUDITOR)) == (START, NOW, None)
    back = change_roles(change_roles(people, "luis", [], NOW), "luis", [APPROVER], NOW + MINUTE).person("luis")
    assert back is not None
    assert back.since(APPROVER) == NOW + MINUTE


def test_an_enrolment_link_is_used_once() -> None:
    people = issue_link(joined(first_admin(), "luis", APPROVER, kind=None), "luis", HASH, NOW)
    assert people.invited(HASH, NOW) == people.person("luis")
    enrolled = redeem_link(people, HASH, credential("luis-passkey"), NOW + MINUTE)
    assert enrolled.owner("luis-passkey") == enrolled.person("luis")
    assert enrolled.invited(HASH, NOW) is None
    with pytest.raises(ChangeRefused, match="this enrolment link was used, has expired, or is none"):
        redeem_link(enrolled, HASH, credential("second"), NOW + MINUTE)


def test_an_enrolment_link_lives_for_thirty_minutes() -> None:
    people = issue_link(first_admin(), "ana", HASH, NOW)
    assert timedelta(minutes=30) == LINK_LIFETIME
    assert people.invited(HASH, NOW + LINK_LIFETIME - timedelta(milliseconds=1)) is not None
    with pytest.raises(ChangeRefused, match="has expired"):
        redeem_link(people, HASH, credential("late"), NOW + LINK_LIFETIME)


def test_a_new_enrolment_link_ends_the_older_one() -> None:
    people = issue_link(issue_link(first_admin(), "ana", HASH, NOW), "ana", "cd" * 32, NOW)
    assert people.invited(HASH, NOW) is None
    assert people.invited("cd" * 32, NOW) == people.person("ana")


def test_the_document_holds_the_hash_of_a_link_and_no_secret() -> None:
    with pytest.raises(ChangeRefused, match="hash: "):
        issue_link(first_admin(), "ana", "the secret itself", NOW)


def test_a_fingerprint_is_short_and_changes_with_every_part_of_the_credential() -> None:
    mine = credential("ana-passkey")
    assert mine.fingerprint == credential("ana-passkey").fingerprint
    assert [len(group) for group in mine.fingerprint.split(" ")] == [4, 4, 4, 4]
    others = [
        mine.replaced(public_key="key-of-bob"),
        mine.replaced(id="ana-passkex"),
        credential("ana-passkey", "totp"),
        credential("ana-passkey", "phone"),
        credential("ana-passkey", "totp").replaced(key_id="2"),
    ]
    assert len({one.fingerprint for one in [mine, *others]}) == 6
    named = mine.replaced(label="telephone", activated_at=NOW, activated_by="ana")
    assert named.fingerprint == mine.fingerprint


@pytest.mark.parametrize("name", ["", "Ana", "ána", "ana b", "-ana", "ana\n", "a" * 65, "\u0430na"])
def test_a_name_is_small_letters_of_ascii_so_that_no_two_look_alike(name: str) -> None:
    with pytest.raises(ChangeRefused, match="name: "):
        add_person(first_admin(), name, roles=[APPROVER], language="en", at=NOW)


@pytest.mark.parametrize("number", ["5512345678", "+0123456789", "+52 55 1234 5678", "+52551234567890123", ""])
def test_a_telephone_number_is_written_one_way(number: str) -> None:
    with pytest.raises(ValueError, match=r"number|phone"):
        Credential(id="x", kind="phone", created_at=START, number=number)


def test_a_document_is_the_same_text_for_the_same_people() -> None:
    one = joined(joined(first_admin(), "luis", APPROVER, AUDITOR, subjects=["b", "a"]), "eva", APPROVER)
    other = joined(joined(first_admin(), "eva", APPROVER), "luis", AUDITOR, APPROVER, subjects=["a", "b"])
    assert one.to_json() == other.to_json()
    assert People.from_json(one.to_json()) == one
    assert json.loads(one.to_json())["people"][0]["created_at"] == "2026-11-30T12:00:00.000Z"


def test_a_time_is_kept_in_utc_and_whole_milliseconds() -> None:
    local = (START + timedelta(microseconds=1999)).astimezone(timezone(timedelta(hours=-6)))
    ana = add_first_admin(People(), "ana", language="es", at=local).person("ana")
    assert ana is not None
    assert ana.created_at == START + timedelta(milliseconds=1)
    assert ana.created_at.tzinfo is UTC


def _changed(change: Callable[[dict[str, Any]], object]) -> str:
    people = issue_link(joined(joined(first_admin(), "eva", APPROVER), "luis", APPROVER), "luis", HASH, NOW)
    content = json.loads(people.to_json())
    change(content)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: doc.update(extra=1),
        lambda doc: doc["people"][0].update(extra=1),
        lambda doc: doc["people"][0]["credentials"][0].update(secret="s"),
        lambda doc: doc["people"][0].pop("language"),
        lambda doc: doc["people"].reverse(),
        lambda doc: doc["people"].append(doc["people"][2]),
        lambda doc: doc["people"][1]["credentials"].append(doc["people"][0]["credentials"][0]),
        lambda doc: doc["people"][0]["grants"].append(doc["people"][0]["grants"][0]),
        lambda doc: doc["people"][0]["grants"][0].update(role="owner"),
        lambda doc: doc["people"][2].update(revoked_at="2026-11-30T13:00:00.000Z"),
        lambda doc: doc["people"][0].update(created_at=1764504000),
        lambda doc: doc["people"][0].update(created_at="2026-11-30T12:00:00Z"),
        lambda doc: doc["people"][0].update(created_at="2026-11-30T12:00:00.000"),
        lambda doc: doc["people"][0].update(link=None),
        lambda doc: doc["people"][0]["credentials"][0].update(kind="totp"),
        lambda doc: doc["people"][0]["credentials"][0].pop("activated_by"),
        lambda doc: doc["people"][0]["credentials"][0].update(sign_count="1"),
    ],
)
def test_a_document_that_riel_did_not_write_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert People.from_json(_changed(lambda _: None))
    with pytest.raises(ValueError):  # noqa: PT011  # whatever the words: callers take it for tampered
        People.from_json(_changed(change))


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"people": []}', '{"people":[],"people":[]}'])
def test_a_document_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        People.from_json(text)


def test_nobody_at_all_is_a_document_too() -> None:
    assert People.from_json(People().to_json()) == People()


def test_a_refusal_names_no_secret_and_no_key() -> None:
    key = credential("ana-passkey").public_key
    with pytest.raises(ChangeRefused) as refused:
        enroll(first_admin(), "ana", credential("x").replaced(public_key=key))
    assert key not in str(refused.value)


def test_roles_are_those_of_the_documents() -> None:
    assert [role.value for role in Role] == ["requester", "approver", "auditor", "admin"]
