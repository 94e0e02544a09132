"""The neighbour's rows do not exist: not in lists, not by their ids, not in forms, not in searches."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.merchants.models import Member, SecretKey, User
from apps.merchants.secret_keys import create_secret_key
from apps.meters.models import Meter
from apps.plans.models import Plan
from tests.factories.catalogue import make_meter
from tests.factories.pages import list_of, one_of_each, page_of, scoped_admins
from tests.factories.staff import make_member, signed_in


def pages_of(shown, obj) -> list[str]:
    """Every page that one object has."""
    return [page_of(obj, page) for page in ("change", "history", "delete", *shown.actions_detail)]


def test_a_neighbours_object_is_not_found_on_any_page(owner, umbrella, at):
    rows = one_of_each(umbrella, at=at)
    for shown in scoped_admins():
        for page in pages_of(shown, rows[shown.model]):
            assert owner.get(page).status_code in {403, 404}, page
            assert owner.post(page, {"post": "yes"}).status_code in {403, 404}, page
        # Deleting is forbidden whatever it is; every other page says that there is nothing.
        assert owner.get(page_of(rows[shown.model])).status_code == 404


def test_every_table_of_a_merchant_has_its_row_in_this_test(acme, at):
    assert {shown.model for shown in scoped_admins()} == set(one_of_each(acme, at=at))


def test_a_neighbours_public_id_is_not_found_either(owner, umbrella, at):
    for obj in one_of_each(umbrella, at=at).values():
        if type(obj).public_prefix:
            assert owner.get(page_of(obj).replace(str(obj.pk), obj.public_id)).status_code == 404


def test_ones_own_public_id_opens_the_page(owner, acme, at):
    for obj in one_of_each(acme, at=at).values():
        if type(obj).public_prefix and not isinstance(obj, Member):
            assert owner.get(page_of(obj).replace(str(obj.pk), obj.public_id)).status_code == 200


def test_lists_and_searches_hold_nothing_of_the_neighbours(owner, umbrella, at):
    make_meter(umbrella, name="Umbrella's own", slug="theirs", at=at)
    one_of_each(umbrella, at=at)
    for shown in scoped_admins():
        assert b"Somebody" not in owner.get(list_of(shown.model)).content
        assert b"Umbrella" not in owner.get(list_of(shown.model), {"q": "u"}).content
    for text in ("Somebody", "Umbrella", "r1", "theirs"):
        assert b"<li>" not in owner.get(reverse("admin:search"), {"s": text}).content


def test_a_plan_cannot_take_the_neighbours_meter(owner, umbrella, at):
    theirs = make_meter(umbrella, at=at)
    answer = owner.post(
        list_of(Plan, "add"),
        {
            "name": "Thief",
            "period_amount": "0",
            "billing_interval": "month",
            "rollover_type": "none",
            "bundle_rollover_type": "full",
            "linked_meters": [str(theirs.pk)],
            "credit_bundles-TOTAL_FORMS": "0",
            "credit_bundles-INITIAL_FORMS": "0",
        },
    )
    assert b"is not one of the available choices" in answer.content
    assert not Plan.across_merchants.filter(name="Thief").exists()


@pytest.mark.parametrize("text", ["not-an-id", "%00", "prd_test_01K7", "' or 1=1"])
def test_an_id_that_is_none_is_not_found(owner, text):
    assert owner.get(f"/dashboard/meters/meter/{text}/change/").status_code == 404


def test_a_link_into_another_merchant_of_ones_own_switches_to_it(acme, umbrella, tokens, at):
    member = make_member(acme, at=at)
    Member.objects.create(merchant_id=umbrella.account_id, user=member.user, role="owner", created_at=at)
    browser = signed_in(member.user, at_merchant=umbrella)
    answer = browser.get(page_of(tokens), follow=True)
    assert answer.status_code == 200
    assert b"You now act for Acme (sandbox)" in answer.content
    # Sending something there does not switch: it was meant for whoever was on screen.
    browser = signed_in(member.user, at_merchant=umbrella)
    assert browser.post(page_of(tokens), {"name": "X"}).status_code == 404


def test_platform_staff_act_for_every_merchant(acme, umbrella, tokens, db):
    browser = signed_in(User.objects.create_superuser("staff@lava.test", "correct horse battery"))
    assert browser.get("/dashboard/merchants/merchant/").status_code == 200
    assert browser.get(page_of(tokens), follow=True).status_code == 200
    theirs = make_meter(umbrella, at=tokens.created_at)
    assert browser.get(page_of(theirs), follow=True).status_code == 200


def test_members_do_not_see_the_list_of_merchants(owner):
    assert owner.get("/dashboard/merchants/merchant/").status_code == 403


def test_a_key_of_the_live_merchant_is_not_among_the_sandboxs(owner, acme, at):
    create_secret_key(merchant=acme.live, name="Only live", at=at)
    assert SecretKey.objects.for_merchant(acme).count() == 0
    assert b"Only live" not in owner.get(list_of(SecretKey)).content


def test_the_same_person_sees_live_and_sandbox_apart(acme, at):
    make_meter(acme.live, name="Live meter", at=at)
    member = make_member(acme, at=at)
    assert b"Live meter" not in signed_in(member.user, at_merchant=acme).get(list_of(Meter)).content
    assert b"Live meter" in signed_in(member.user, at_merchant=acme.live).get(list_of(Meter)).content
