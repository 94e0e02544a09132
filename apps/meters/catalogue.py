"""A merchant's meters: made, repriced, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.core.errors import LavaError
from apps.core.public_ids import new_id, parse_public_id, public_id
from apps.merchants.models import Merchant, User
from apps.meters.models import Meter, Rate, tiers_to_json
from apps.meters.rules.pricing import PercentageOf, RateType, Tier, TierMode, validate_tiers
from apps.meters.rules.usage import TierType, TokenBasis

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")


class MeterNotFound(LavaError):
    """This merchant has no such meter."""

    code: ClassVar[str] = "meter_not_found"
    status: ClassVar[int] = 404


class MeterSlugTaken(LavaError):
    """Another meter of this merchant has the slug."""

    code: ClassVar[str] = "meter_slug_taken"
    status: ClassVar[int] = 409


class MeterSlugInvalid(LavaError):
    """The slug could not stand in a URL or in code."""

    code: ClassVar[str] = "meter_slug_invalid"


def create_meter(
    *,
    merchant: Merchant,
    name: str,
    rate_type: RateType,
    tier_type: TierType,
    tiers: Sequence[Tier],
    slug: str | None = None,
    tier_mode: TierMode = TierMode.GRADUATED,
    token_basis: TokenBasis = TokenBasis.INPUT_AND_OUTPUT,
    percentage_of: PercentageOf = PercentageOf.MARKUP,
    at: datetime,
    actor: User | None = None,
) -> Meter:
    """Make a meter and the first version of its rate. Without a slug, its id is its slug.

    Raises TiersInvalid, MeterSlugInvalid and MeterSlugTaken, having stored nothing.
    """
    validate_tiers(tiers)
    meter_id = new_id(at)
    slug = slug or public_id(Meter.public_prefix, merchant.mode, meter_id)
    if not _SLUG.fullmatch(slug):
        raise MeterSlugInvalid("A slug has 1 to 255 letters, digits and . _ : - and begins with a letter or digit.")
    try:
        with transaction.atomic():
            meter = Meter.objects.create(
                id=meter_id,
                merchant=merchant,
                slug=slug,
                name=name,
                rate_type=RateType(rate_type),
                tier_type=TierType(tier_type),
                created_at=at,
            )
            rate = Rate(
                tier_mode=TierMode(tier_mode),
                token_basis=TokenBasis(token_basis),
                percentage_of=PercentageOf(percentage_of),
                tiers=tiers_to_json(tuple(tiers)),
            )
            _add_version(meter, rate, version=1, at=at, actor=actor)
    except IntegrityError as clash:
        raise MeterSlugTaken(f"Another meter has the slug {slug!r}.") from clash
    return meter


@transaction.atomic
def change_meter(
    *,
    meter: Meter,
    name: str | None = None,
    tiers: Sequence[Tier] | None = None,
    tier_mode: TierMode | None = None,
    token_basis: TokenBasis | None = None,
    percentage_of: PercentageOf | None = None,
    at: datetime,
    actor: User | None = None,
) -> Meter:
    """Rename a meter, or change its price from `at` on; what is None stays.

    A changed price is a new version of the rate: what was charged before keeps the version it was charged
    with. The same price again makes no new version. Raises TiersInvalid and MeterNotFound (deleted meanwhile).
    """
    meter = _lock(meter)
    if name is not None:
        meter.name = name
        meter.save(update_fields=["name"])
    if tiers is not None:
        validate_tiers(tiers)
    before = current_rate(meter)
    after = Rate(
        tier_mode=TierMode(tier_mode or before.tier_mode),
        token_basis=TokenBasis(token_basis or before.token_basis),
        percentage_of=PercentageOf(percentage_of or before.percentage_of),
        tiers=before.tiers if tiers is None else tiers_to_json(tuple(tiers)),
    )
    if after.price(meter) != before.price(meter):
        _add_version(meter, after, version=before.version + 1, at=at, actor=actor)
    return meter


@transaction.atomic
def delete_meter(*, meter: Meter, at: datetime) -> None:
    """Take a meter out of use; its requests, rates and receipts stay, and its slug is free again.

    Raises MeterNotFound when it was deleted before.
    """
    meter = _lock(meter)
    meter.deleted_at = at
    meter.save(update_fields=["deleted_at"])


def find_meter(merchant: Merchant, text: str, *, or_deleted: bool = False) -> Meter:
    """The merchant's meter with this id. Raises MeterNotFound, also for deleted ones unless `or_deleted`."""
    meter_id = parse_public_id(Meter.public_prefix, merchant.mode, text)
    meters = Meter.objects.for_merchant(merchant)
    if not or_deleted:
        meters = meters.filter(deleted_at__isnull=True)
    meter: Meter | None = meters.filter(pk=meter_id).first() if meter_id else None
    if meter is None:
        raise MeterNotFound("There is no such meter.")
    return meter


def find_meters(merchant: Merchant, texts: Iterable[str]) -> list[Meter]:
    """The merchant's meters with these ids, each once. Raises MeterNotFound, naming the first that is not there."""
    wanted = {text: parse_public_id(Meter.public_prefix, merchant.mode, text) for text in texts}
    meters = Meter.objects.for_merchant(merchant).filter(deleted_at__isnull=True)
    found = {str(meter.pk): meter for meter in meters.filter(pk__in=[id for id in wanted.values() if id])}
    for text, meter_id in wanted.items():
        if meter_id not in found:
            raise MeterNotFound(f"There is no meter {text[:64]!r}.")
    return list(found.values())


def current_rate(meter: Meter) -> Rate:
    """The version of the meter's rate that prices its requests now."""
    rate: Rate = Rate.objects.for_merchant(meter.merchant).filter(meter=meter).latest("version")
    return rate


def current_rates(merchant: Merchant, meters: Iterable[Meter]) -> dict[UUID, Rate]:
    """The current rates of several meters in one query, by the meter's id."""
    rates = Rate.objects.for_merchant(merchant).filter(meter__in=[meter.pk for meter in meters])
    newest = rates.order_by("meter_id", "-version").distinct("meter_id")
    return {rate.meter_id: rate for rate in newest}


def _lock(meter: Meter) -> Meter:
    """The meter's row, which changes of one meter queue on."""
    meters = Meter.objects.for_merchant(meter.merchant).filter(deleted_at__isnull=True)
    locked: Meter | None = meters.select_for_update(no_key=True).filter(pk=meter.pk).first()
    if locked is None:
        raise MeterNotFound("There is no such meter.")
    return locked


def _add_version(meter: Meter, rate: Rate, *, version: int, at: datetime, actor: User | None) -> None:
    rate.merchant, rate.meter, rate.version = meter.merchant, meter, version
    rate.created_at, rate.created_by = at, actor
    rate.save(force_insert=True)
