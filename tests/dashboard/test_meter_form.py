"""The meter form: what it makes, what it refuses and in which words, and the price that can be tried."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from apps.meters.catalogue import current_rate
from apps.meters.models import Meter, Rate
from tests.factories.pages import list_of, page_of

NEW = {"name": "Chat", "slug": "chat", "rate_type": "fixed", "tier_type": "tokens_1m", "tier_mode": "graduated"}


def form(*tiers: tuple[str, str], **values: str) -> dict[str, Any]:
    rows = {"tiers_start": [start for start, _ in tiers], "tiers_rate": [rate for _, rate in tiers]}
    return {**NEW, **rows, **values}


def errors_of(answer) -> str:
    assert answer.status_code == 200, "the form was accepted"
    return answer.content.decode()


def test_it_makes_a_meter(owner, acme):
    answer = owner.post(list_of(Meter, "add"), form(("0", "8.00"), ("2,000,000", "7"), ("", "")))
    assert answer.status_code == 302
    meter = Meter.objects.for_merchant(acme).get(slug="chat")
    rate = current_rate(meter)
    assert rate.version == 1
    assert rate.created_by.email == "owner@acme.test"
    assert rate.tiers == [{"start": "0", "rate": "8.00"}, {"start": "2000000", "rate": "7"}]


def test_without_a_slug_its_id_is_its_slug(owner, acme):
    owner.post(list_of(Meter, "add"), form(("0", "1"), slug=""))
    meter = Meter.objects.for_merchant(acme).get()
    assert meter.slug == meter.public_id


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([("5", "1")], "Tier 1 must start at 0, not 5."),
        ([("0", "1"), ("10", "2"), ("10", "3")], "Tier 3 starts at 10, which is not after tier 2 at 10."),
        ([("0", "-1")], "Tier 1: rate must be a number from 0 to 9999999999.9999999999."),
        ([("0", "NaN")], "Tier 1: rate must be a number"),
        ([("0", "two")], "Tier 1: &#x27;two&#x27; is not a number."),
        ([("0", "")], "Tier 1 has no rate."),
        ([], "A price has 1 to 100 tiers, not 0."),
        ([("0", "0.00000000001")], "Tier 1: rate may have at most 10 decimal places."),
    ],
)
def test_tiers_that_are_no_price_say_why_and_keep_what_was_typed(owner, acme, tiers, words):
    answer = errors_of(owner.post(list_of(Meter, "add"), form(*tiers)))
    assert words in answer
    for start, rate in tiers:
        assert f'value="{start}"' in answer
        assert f'value="{rate}"' in answer
    assert not Meter.objects.for_merchant(acme).exists()


def test_a_slug_that_is_taken_is_said_beside_the_slug(owner, acme, tokens):
    answer = errors_of(owner.post(list_of(Meter, "add"), form(("0", "1"), slug="tokens")))
    assert "Another meter has the slug &#x27;tokens&#x27;." in answer
    assert Meter.objects.for_merchant(acme).count() == 1


def test_a_changed_price_is_a_new_version_and_the_same_price_is_none(owner, acme, tokens):
    same = {"name": "Tokens", "tiers_start": ["0"], "tiers_rate": ["2.00"], "token_basis": "input+output"}
    owner.post(page_of(tokens), same)
    assert current_rate(tokens).version == 1
    owner.post(page_of(tokens), {**same, "tiers_rate": ["3"]})
    assert current_rate(tokens).version == 2
    assert list(Rate.objects.for_merchant(acme).values_list("version", flat=True).order_by("version")) == [1, 2]
    page = owner.get(page_of(tokens)).content.decode()
    assert "$3.00 per 1M tokens" in page
    assert "$2.00 per 1M tokens" in page


def test_what_a_meter_counts_and_its_slug_cannot_be_changed(owner, tokens):
    owner.post(page_of(tokens), form(("0", "2"), slug="other", tier_type="minutes", rate_type="percentage"))
    tokens.refresh_from_db()
    assert (tokens.slug, tokens.tier_type, tokens.rate_type) == ("tokens", "tokens_1m", "fixed")


def tried(owner, data: dict[str, Any], **query: str) -> str:
    answer = owner.post(reverse("admin:meters_meter_try", query=query), data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_price_can_be_tried_before_it_is_saved(owner, acme):
    data = form(("0", "5"), ("1000000", "3"), try_input="1000000", try_output="500000", try_used="400000")
    shown = tried(owner, data)
    assert "$5.00 per 1M tokens up to 1,000,000, then $3.00" in shown
    assert "tokens 400,000 to 1,000,000" in shown
    assert "600,000 \N{MULTIPLICATION SIGN} $5.00 / 1M" in shown
    assert "$5.7000000000" in shown  # 0.6 x 5 + 0.9 x 3
    assert not Meter.objects.for_merchant(acme).exists()


def test_minutes_are_tried_in_seconds(owner):
    data = form(("0", "0.6"), tier_type="minutes", try_input="100", try_output="412")
    assert "$1.0000000000" in tried(owner, data)


def test_a_percentage_is_tried_on_what_the_provider_asks(owner):
    data = form(("0", "20"), rate_type="percentage", try_input="1000", try_cost="0.05")
    shown = tried(owner, data)
    assert "cost + 20 %" in shown
    assert "$0.0600000000" in shown


def test_tiers_that_are_no_price_are_explained_while_they_are_typed(owner):
    assert "Tier 2 starts at 0, which is not after tier 1" in tried(owner, form(("0", "1"), ("0", "2")))


def test_a_number_that_is_absurd_is_explained(owner):
    assert "must be a whole number" in tried(owner, form(("0", "1"), try_input="1" + "0" * 30))


def test_a_price_can_be_tried_without_a_script(owner, tokens):
    answer = owner.post(
        reverse("admin:meters_meter_try", query={"meter": tokens.pk}), form(("0", "2"), try_input="500000")
    )
    assert "<html" in answer.content.decode()
    assert "$1.0000000000" in answer.content.decode()


def test_an_archived_meter_is_looked_at_and_no_longer_edited(owner, tokens):
    owner.post(page_of(tokens, "archive"))
    assert owner.get(page_of(tokens)).status_code == 200
    assert owner.post(page_of(tokens), {"name": "Back"}).status_code == 403
    assert b"Tokens" not in owner.get(list_of(Meter)).content
    tokens.refresh_from_db()
    assert tokens.deleted_at is not None


def test_a_form_that_was_opened_for_another_merchant_saves_nothing(owner, acme):
    data = form(("0", "1"), _merchant=acme.live.public_id)
    answer = owner.post(list_of(Meter, "add"), data, follow=True)
    assert b"Nothing was saved" in answer.content
    assert not Meter.across_merchants.exists()


def test_the_example_request_names_the_meter(owner, tokens):
    page = owner.get(page_of(tokens)).content.decode()
    assert "&quot;meter_slug&quot;: &quot;tokens&quot;" in page
    assert current_rate(tokens).tiers == [{"start": "0", "rate": "2"}]
    assert Decimal(2) == current_rate(tokens).price(tokens).tiers[0].rate
