"""What a request would cost and charge if it were reported now. Nothing is locked and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.core.money import ZERO
from apps.customers.lookup import find_customer
from apps.customers.models import Customer
from apps.ledger.models import Grant
from apps.ledger.rules.burndown import Draw, burns_before, draw_down
from apps.ledger.statements import Credits, credits_of
from apps.meters.catalogue import MeterNotFound
from apps.meters.rules.pricing import Priced
from apps.plans.price_book import PricedMeter, price_book_of
from apps.requests.charging import MeterNotOnPlan, price_report
from apps.requests.models import MeterCounter
from apps.requests.records import Report
from apps.subscriptions.models import Cycle
from apps.subscriptions.standing import subscription_of


@dataclass(frozen=True, slots=True)
class Estimate:
    """A charge that has not happened: its price, the lots it would draw on, the credits before it."""

    report: Report
    customer: Customer
    meter: PricedMeter
    priced: Priced
    draws: list[Draw]
    credits: Credits

    @property
    def balance_after(self) -> Decimal:
        return self.credits.total_remaining - self.priced.amount


def estimate(report: Report, *, at: datetime) -> Estimate:
    """Price a report as `charge` would at this moment, and say which lots it would draw on.

    Raises what `charge` answers: CustomerNotFound, MeterNotFound, MeterNotOnPlan, CostUnknown, AmountTooLarge.
    """
    merchant = report.merchant
    customer = find_customer(merchant, report.customer)
    book = price_book_of(merchant.pk)
    meter = book.meters.get(report.meter_slug)
    if meter is None:
        raise MeterNotFound(f"There is no meter with the slug {report.meter_slug!r}.")
    subscription = subscription_of(customer)
    if subscription is None or not book.draws_on(str(subscription.plan_id), meter.meter_id):
        raise MeterNotOnPlan(f"The meter {meter.slug!r} is not linked to the customer's plan.")
    priced = price_report(meter.price, report, used_before=_used_this_cycle(customer, meter, at))
    grants = Grant.objects.for_merchant(merchant).filter(customer=customer).spendable(at=at)
    lots = sorted((grant.lot for grant in grants), key=burns_before)
    return Estimate(report, customer, meter, priced, draw_down(lots, priced.amount), credits_of(customer, at=at))


def _used_this_cycle(customer: Customer, meter: PricedMeter, at: datetime) -> Decimal:
    """Where the customer stands in the tiers; at their beginning when the cycle is over and about to be renewed."""
    cycle = Cycle.objects.for_merchant(customer.merchant).filter(customer=customer, closed_at__isnull=True).first()
    if cycle is None or cycle.ends_at <= at:
        return ZERO
    counter = (
        MeterCounter.objects.for_merchant(customer.merchant)
        .filter(customer=customer, meter_id=meter.meter_id, cycle_id=cycle.pk)
        .first()
    )
    return ZERO if counter is None else counter.quantity
