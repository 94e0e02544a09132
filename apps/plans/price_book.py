"""What a merchant's meters cost and which plans they draw on, as a charge needs it: remembered per process."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from apps.core.process_cache import ProcessCache
from apps.core.public_ids import Id
from apps.meters.models import Meter, Rate
from apps.meters.rules.pricing import Price
from apps.plans.models import PlanMeter


@dataclass(frozen=True, slots=True)
class PricedMeter:
    """A meter at its newest rate."""

    meter_id: Id
    slug: str
    rate_id: Id
    price: Price


@dataclass(frozen=True, slots=True)
class PriceBook:
    """One merchant's meters by slug, and the meters linked to each of its plans."""

    merchant_id: UUID
    meters: dict[str, PricedMeter]
    linked: frozenset[tuple[Id, Id]]

    def draws_on(self, plan_id: Id, meter_id: Id) -> bool:
        """Whether requests on the meter may draw on the plan's credits."""
        return (plan_id, meter_id) in self.linked


def _load(merchant_id: UUID) -> PriceBook:
    newest = {
        rate.meter_id: rate
        for rate in Rate.across_merchants.filter(merchant_id=merchant_id)
        .order_by("meter_id", "-version")
        .distinct("meter_id")
    }
    meters = Meter.across_merchants.filter(merchant_id=merchant_id, deleted_at__isnull=True)
    return PriceBook(
        merchant_id=merchant_id,
        meters={meter.slug: _priced(meter, newest[meter.pk]) for meter in meters if meter.pk in newest},
        linked=frozenset(
            (str(plan_id), str(meter_id))
            for plan_id, meter_id in PlanMeter.across_merchants.filter(merchant_id=merchant_id).values_list(
                "plan_id", "meter_id"
            )
        ),
    )


def _priced(meter: Meter, rate: Rate) -> PricedMeter:
    return PricedMeter(str(meter.pk), meter.slug, str(rate.pk), rate.price(meter))


_books: ProcessCache[UUID, PriceBook] = ProcessCache(_load, owner_of=lambda book: book.merchant_id)


def price_book_of(merchant_id: UUID) -> PriceBook:
    """The merchant's price book, at most a moment old: a change is announced to every process."""
    return _books.get(merchant_id)
