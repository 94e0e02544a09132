"""Meters are made, repriced and deleted without touching what was charged before."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from apps.meters.catalogue import (
    MeterNotFound,
    MeterSlugInvalid,
    MeterSlugTaken,
    change_meter,
    current_rate,
    delete_meter,
    find_meter,
    find_meters,
)
from apps.meters.models import Meter, Rate
from apps.meters.rules.pricing import TierMode, TiersInvalid
from tests.factories.catalogue import make_meter, tier


def test_without_a_slug_its_id_is_its_slug(acme, at):
    meter = make_meter(acme, slug=None, at=at)
    assert meter.slug == meter.public_id


def test_a_new_price_is_a_new_version(acme, tokens, at):
    before = current_rate(tokens)
    change_meter(meter=tokens, tiers=[tier("0", "3")], at=at + timedelta(days=1))
    after = current_rate(tokens)
    assert (before.version, after.version) == (1, 2)
    assert Rate.objects.for_merchant(acme).get(pk=before.pk).tiers == [{"start": "0", "rate": "2"}]


@pytest.mark.parametrize("changes", [{}, {"name": "Words"}, {"tiers": [tier("0", "2.00")]}, {"tier_mode": "graduated"}])
def test_the_same_price_is_the_same_version(tokens, at, changes):
    change_meter(meter=tokens, at=at, **changes)
    assert current_rate(tokens).version == 1


def test_what_is_not_changed_stays(acme, at):
    meter = make_meter(acme, tier_mode=TierMode.VOLUME, token_basis="output", at=at)
    change_meter(meter=meter, tiers=[tier("0", "3")], at=at)
    rate = current_rate(meter)
    assert (rate.tier_mode, rate.token_basis) == ("volume", "output")


def test_two_changes_at_once_are_two_versions(transactional_db, acme, tokens, at):
    together = Barrier(4)

    def change(rate: str) -> None:
        together.wait(timeout=10)
        try:
            change_meter(meter=Meter.objects.for_merchant(acme).get(), tiers=[tier("0", rate)], at=at)
        finally:
            connection.close()

    threads = [Thread(target=change, args=(str(number),)) for number in range(3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    versions = Rate.objects.for_merchant(acme).order_by("version").values_list("version", flat=True)
    assert list(versions) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "tiers", [[], [tier("1", "2")], [tier("0", "2"), tier("0", "1")], [tier("0", "2"), tier("9", "1"), tier("5", "1")]]
)
def test_tiers_that_are_no_price_store_nothing(acme, tokens, at, tiers):
    with pytest.raises(TiersInvalid):
        make_meter(acme, slug="other", tiers=tiers, at=at)
    with pytest.raises(TiersInvalid):
        change_meter(meter=tokens, name="Renamed", tiers=tiers, at=at)
    assert list(Meter.objects.for_merchant(acme).values_list("name", flat=True)) == ["Tokens"]


def test_a_slug_names_one_meter(acme, umbrella, tokens, at):
    with pytest.raises(MeterSlugTaken):
        make_meter(acme, slug="tokens", at=at)
    make_meter(umbrella, slug="tokens", at=at)


@pytest.mark.parametrize("slug", ["two words", "-dash", "ü", "a/b", "x" * 256])
def test_a_slug_can_stand_anywhere(acme, at, slug):
    with pytest.raises(MeterSlugInvalid):
        make_meter(acme, slug=slug, at=at)


def test_a_deleted_meter_frees_its_slug_and_is_found_no_more(acme, tokens, at):
    delete_meter(meter=tokens, at=at)
    with pytest.raises(MeterNotFound):
        find_meter(acme, tokens.public_id)
    with pytest.raises(MeterNotFound):
        delete_meter(meter=tokens, at=at)
    with pytest.raises(MeterNotFound):
        change_meter(meter=tokens, name="Back", at=at)
    assert find_meter(acme, tokens.public_id, or_deleted=True) == tokens
    make_meter(acme, slug="tokens", at=at)


def test_several_are_found_at_once_or_not_at_all(acme, umbrella, tokens, at):
    theirs = make_meter(umbrella, at=at)
    assert find_meters(acme, [tokens.public_id, tokens.public_id]) == [tokens]
    with pytest.raises(MeterNotFound):
        find_meters(acme, [tokens.public_id, theirs.public_id])
