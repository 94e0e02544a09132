"""Keys are shown once, and a team keeps an owner."""

from __future__ import annotations

import re

import pytest

from apps.merchants.models import Member, SecretKey, User
from apps.merchants.roles import Role
from apps.merchants.secret_keys import KeyRefused, authenticate, create_secret_key
from apps.merchants.team import AlreadyMember, LastOwner, OwnersOnly, add_member, change_role, remove_member
from tests.factories.pages import list_of, page_of
from tests.factories.staff import make_member, signed_in


def test_a_key_is_shown_once_and_works(owner, acme):
    answer = owner.post(list_of(SecretKey, "add"), {"name": "Server"})
    [text] = set(re.findall(r"aks_test_\w{49}", answer.content.decode()))
    assert authenticate(text).merchant == acme
    assert "no-store" in answer.headers["Cache-Control"]
    key = SecretKey.objects.for_merchant(acme).get()
    assert key.created_by.email == "owner@acme.test"
    for page in (list_of(SecretKey), page_of(key), page_of(key, "history")):
        shown = owner.get(page).content.decode()
        assert text not in shown
        assert text[20:40] not in shown


def test_a_key_is_revoked_by_typing_its_name(owner, acme, at):
    key, text = create_secret_key(merchant=acme, name="Old server", at=at)
    create_secret_key(merchant=acme, name="New server", at=at)
    assert b"not the key" in owner.post(page_of(key, "revoke"), {"name": "New server"}).content
    assert owner.post(page_of(key, "revoke"), {"name": "Old server"}).status_code == 302
    with pytest.raises(KeyRefused):
        authenticate(text)


def test_the_last_key_stays(owner, acme, at):
    key, text = create_secret_key(merchant=acme, name="Only", at=at)
    answer = owner.post(page_of(key, "revoke"), {"name": "Only"})
    assert b"This is the last key" in answer.content
    assert authenticate(text).merchant == acme


def test_a_new_member_chooses_a_password_by_a_link(owner, acme, client):
    owner.post(list_of(Member, "add"), {"email": "ben@example.com", "role": "support"})
    member = Member.objects.for_merchant(acme.live).get(user__email="ben@example.com")
    assert member.role == "support"
    page = owner.get(page_of(member, "set_password_link")).content.decode()
    link = re.search(r"data-copy=\"http://testserver([^\"]+)\"", page)[1]
    form = client.get(link, follow=True)
    where = form.redirect_chain[-1][0]
    client.post(where, {"password1": "a fine long password", "password2": "a fine long password"})
    assert User.objects.get(email="ben@example.com").check_password("a fine long password")


def test_who_is_on_the_team_is_not_added_twice(owner, acme):
    answer = owner.post(list_of(Member, "add"), {"email": "OWNER@acme.test", "role": "viewer"})
    assert b"is on the team already" in answer.content


def test_the_team_is_the_same_in_live_and_sandbox(acme, at):
    member = make_member(acme, at=at)
    for merchant in (acme, acme.live):
        assert member.user.email.encode() in signed_in(member.user, at_merchant=merchant).get(list_of(Member)).content


@pytest.fixture
def boss(acme, at) -> Member:
    return make_member(acme, role=Role.OWNER, at=at)


@pytest.fixture
def admin_member(acme, at) -> Member:
    return make_member(acme, role=Role.ADMIN, at=at)


def test_an_owner_always_remains(acme, boss):
    with pytest.raises(LastOwner):
        change_role(member=boss, role=Role.VIEWER, by=boss)
    with pytest.raises(LastOwner):
        remove_member(member=boss, by=boss)


def test_with_a_second_owner_the_first_may_go(acme, boss, at):
    second = add_member(merchant=acme, email="second@acme.test", role=Role.OWNER, by=boss, at=at)
    remove_member(member=boss, by=second)
    assert [member.user.email for member in Member.objects.for_merchant(acme.live)] == ["second@acme.test"]


def test_only_owners_make_and_change_owners(acme, boss, admin_member, at):
    with pytest.raises(OwnersOnly):
        add_member(merchant=acme, email="x@acme.test", role=Role.OWNER, by=admin_member, at=at)
    with pytest.raises(OwnersOnly):
        change_role(member=admin_member, role=Role.OWNER, by=admin_member)
    with pytest.raises(OwnersOnly):
        remove_member(member=boss, by=admin_member)


def test_a_refused_change_is_said_beside_the_role(owner, acme):
    member = Member.objects.for_merchant(acme.live).get()
    answer = owner.post(page_of(member), {"role": "viewer"})
    assert b"This is the last owner" in answer.content
    member.refresh_from_db()
    assert member.role == "owner"


def test_nobody_joins_twice(acme, boss, at):
    with pytest.raises(AlreadyMember):
        add_member(merchant=acme, email=boss.user.email.upper(), role=Role.VIEWER, by=boss, at=at)
