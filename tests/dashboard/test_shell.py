"""What is around every page: live and sandbox, the search, and nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from apps.customers.models import Customer
from apps.meters.models import Meter
from tests.factories.pages import list_of, one_of_each, page_of, scoped_admins
from tests.factories.staff import make_member, signed_in

STRIPE = b"mode-stripe"


def test_a_sandbox_says_so_on_every_page(owner, acme, at):
    rows = one_of_each(acme, at=at)
    for shown in scoped_admins():
        assert STRIPE in owner.get(list_of(shown.model)).content
        assert STRIPE in owner.get(page_of(rows[shown.model])).content


def switch(browser, merchant, page: str):
    return browser.post(reverse("admin:switch"), {"merchant": str(merchant.pk), "from": page}, follow=True)


def test_switching_keeps_the_kind_of_page(owner, acme, tokens):
    answer = switch(owner, acme.live, list_of(Meter))
    assert answer.redirect_chain[-1][0] == list_of(Meter)
    assert STRIPE not in answer.content
    answer = switch(owner, acme, page_of(tokens))
    assert answer.redirect_chain[-1][0] == list_of(Meter)
    assert STRIPE in answer.content


@pytest.mark.parametrize("address", ["", "/nowhere/", "https://evil.example/", "//evil.example", "/accounts/login/"])
def test_switching_leads_nowhere_else(owner, acme, address):
    assert switch(owner, acme.live, address).redirect_chain[-1][0] == "/dashboard/"


def test_nobody_switches_to_a_merchant_that_is_not_theirs(owner, umbrella):
    assert switch(owner, umbrella, "/dashboard/").status_code == 404
    assert owner.get(reverse("admin:switch")).status_code == 405


def test_a_newcomer_begins_in_the_sandbox(acme, at):
    assert STRIPE in signed_in(make_member(acme, at=at).user).get("/dashboard/").content


def test_who_left_the_team_is_out_at_once(acme, at):
    member = make_member(acme, at=at)
    browser = signed_in(member.user, at_merchant=acme)
    assert browser.get("/dashboard/").status_code == 200
    member.delete()
    assert browser.get("/dashboard/").status_code == 302


def test_the_search_finds_customers_meters_and_requests(owner, acme, at):
    rows = one_of_each(acme, at=at)
    for text, found in {"someb": "Somebody", "tokens": "Tokens", "r1": "r1", "start": "Starter"}.items():
        assert found in owner.get(reverse("admin:search"), {"s": text}).content.decode()
    by_id = owner.get(reverse("admin:search"), {"s": rows[Customer].public_id})
    assert page_of(rows[Customer]) in by_id.content.decode()
    assert owner.get(reverse("admin:search"), {"s": "\0"}).status_code == 200


def pages_for_people(rows) -> list[str]:
    lists = [list_of(shown.model) for shown in scoped_admins()]
    adding = [list_of(model, "add") for model in rows if model.__name__ in {"Meter", "Plan", "Customer", "SecretKey"}]
    details = [page_of(row) for row in rows.values()]
    return ["/dashboard/", *lists, *adding, *details, page_of(rows[Customer], "grant")]


ACCOUNT_PAGES = ["/accounts/login/", "/accounts/password/reset/"]
OWN_ACCOUNT_PAGES = ["/accounts/2fa/", "/accounts/password/change/"]
LOADED = re.compile(
    r"""(?:src|href|action|srcset|content)\s*=\s*["'](?:https?:)?//([^/"']+)|url\(["']?(?:https?:)?//"""
)


def test_no_page_loads_anything_from_another_host(owner, client, acme, at):
    rows = one_of_each(acme, at=at)
    for browser, pages in ((owner, [*pages_for_people(rows), *OWN_ACCOUNT_PAGES]), (client, ACCOUNT_PAGES)):
        for page in pages:
            answer = browser.get(page, follow=True)
            assert answer.status_code == 200, page
            assert not LOADED.findall(answer.content.decode()), page


def test_scripts_come_from_here_only(owner, client, db):
    relaxed = owner.get("/dashboard/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in relaxed
    assert "frame-ancestors 'none'" in relaxed
    strict = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert "unsafe" not in strict


def test_signing_in_leads_to_where_one_wanted_to_go(client, acme, at):
    member = make_member(acme, at=at)
    data = {"login": member.user.email, "password": "correct horse battery", "next": list_of(Meter)}
    assert client.post("/accounts/login/", data).url == list_of(Meter)


def test_a_wrong_password_and_an_unknown_person_read_the_same(client, acme, at):
    member = make_member(acme, at=at)

    def refused(email: str) -> str:
        page = client.post("/accounts/login/", {"login": email, "password": "wrong"}).content.decode()
        return re.findall(r'role="alert">([^<]+)<', page)[0]

    assert refused(member.user.email) == refused("nobody@example.com")


def test_nobody_signs_up(client, db):
    page = client.get("/accounts/signup/")
    assert b"password1" not in page.content


def test_signing_out_ends_at_the_sign_in_page(owner):
    assert owner.post("/dashboard/logout/").url == "/accounts/login/"
    assert owner.get("/dashboard/").status_code == 302
