"""Who may do what: looking is for every member, writing needs the right, keys are for those who manage them."""

from __future__ import annotations

import pytest

from apps.customers.models import Customer
from apps.merchants.models import Member, SecretKey
from apps.merchants.roles import RIGHTS, Right, Role
from apps.meters.models import Meter
from apps.plans.models import Plan
from apps.requests.models import MeteredRequest
from apps.subscriptions.models import Subscription
from tests.factories.pages import list_of, one_of_each, page_of, scoped_admins

# A page that writes, and the right it takes.
ADDING = {Meter: Right.EDIT_CATALOGUE, Plan: Right.EDIT_CATALOGUE, Customer: Right.EDIT_CUSTOMERS}
ADDING |= {SecretKey: Right.MANAGE_KEYS, Member: Right.MANAGE_TEAM}
ACTING = (
    (Meter, "archive", Right.EDIT_CATALOGUE),
    (Plan, "archive", Right.EDIT_CATALOGUE),
    (Customer, "grant", Right.MOVE_CREDITS),
    (Customer, "adjust", Right.MOVE_CREDITS),
    (Customer, "change_plan", Right.EDIT_CUSTOMERS),
    (Customer, "forget", Right.EDIT_CUSTOMERS),
    (Subscription, "cancel", Right.EDIT_CUSTOMERS),
    (MeteredRequest, "void", Right.MOVE_CREDITS),
    (SecretKey, "revoke", Right.MANAGE_KEYS),
    (Member, "remove", Right.MANAGE_TEAM),
)


def status_for(role: Role, right: Right) -> int:
    return 200 if right in RIGHTS[role] else 403


@pytest.mark.parametrize("role", list(Role))
def test_every_page_that_writes_asks_for_its_right(role, acme, at, browser_of):
    rows, browser = one_of_each(acme, at=at), browser_of(role)
    for model, right in ADDING.items():
        assert browser.get(list_of(model, "add")).status_code == status_for(role, right), model
    for model, action, right in ACTING:
        page = page_of(rows[model], action)
        assert browser.get(page).status_code == status_for(role, right), page
        assert browser.post(page, {}).status_code in ({403} if right not in RIGHTS[role] else {200, 302}), page


@pytest.mark.parametrize("role", list(Role))
def test_every_member_may_look_at_everything_but_keys(role, acme, at, browser_of):
    rows, browser = one_of_each(acme, at=at), browser_of(role)
    for shown in scoped_admins():
        expected = status_for(role, Right.MANAGE_KEYS) if shown.model is SecretKey else 200
        assert browser.get(list_of(shown.model)).status_code == expected, shown
        assert browser.get(page_of(rows[shown.model])).status_code == expected, shown


def test_a_viewer_changes_nothing_by_sending_the_form_anyway(acme, tokens, browser_of):
    answer = browser_of(Role.VIEWER).post(page_of(tokens), {"name": "Mine", "tiers_start": "0", "tiers_rate": "0"})
    assert answer.status_code == 403
    tokens.refresh_from_db()
    assert tokens.name == "Tokens"


def test_keys_are_not_in_the_sidebar_of_those_who_may_not_see_them(acme, browser_of):
    assert b"API keys" in browser_of(Role.DEVELOPER).get("/dashboard/").content
    assert b"API keys" not in browser_of(Role.SUPPORT).get("/dashboard/").content


def test_whoever_is_on_no_team_is_told_so(db, client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody@example.com", "correct horse battery"))
    answer = client.get("/dashboard/", follow=True)
    assert answer.status_code == 403
    assert b"You belong to no merchant yet" in answer.content


def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(client, db):
    answer = client.get("/dashboard/meters/meter/")
    assert answer.status_code == 302
    assert client.get(answer.url).url == "/accounts/login/?next=/dashboard/meters/meter/"
