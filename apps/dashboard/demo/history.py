"""Ninety days of a merchant's life, lived through the ordinary functions in the order in which they happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from apps.core.process_cache import ProcessCache
from apps.customers.models import Customer
from apps.dashboard.demo.cast import CAST, Persona
from apps.dashboard.demo.catalogue import CHAT_TIERS, TEAM, Catalogue, set_up_catalogue
from apps.dashboard.demo.usage import how_many, report, requests_expected
from apps.ledger.granting import adjust_credits, give_credits
from apps.merchants.models import Merchant
from apps.meters.catalogue import change_meter
from apps.requests.charging import charge
from apps.requests.models import MeteredRequest
from apps.requests.voiding import void_request
from apps.subscriptions.enrolment import put_on_plan, request_cancellation, sign_up_customer
from apps.subscriptions.models import Cycle
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import subscription_of

SEED: Final = 1815
LATELY: Final = timedelta(hours=36)
STEP: Final = timedelta(hours=4)
STEP_LATELY: Final = timedelta(minutes=24)


Happening = tuple[float, Callable[..., None], tuple[object, ...]]
"""How far into the story, what happens, and to whom."""


@dataclass(frozen=True, slots=True)
class Gift:
    """Promotional credits: how far into the story (0 to 1), to whom (their place in the cast), how much, why."""

    moment: float
    who: int
    amount: str
    reason: str
    days: int | None = None


GIFTS: Final = (
    Gift(0.12, 3, "5", "Welcome gift"),
    Gift(0.31, 8, "20", "Thank you for the interview", 30),
    Gift(0.48, 13, "3", "Outage on the 12th"),
    Gift(0.66, 4, "15", "Thank you for reporting a bug", 60),
    Gift(0.83, 0, "10", "Conference talk"),
    Gift(0.94, 9, "25", "Pilot with a second ward", 45),
)
# (how far into the story, who, how much, why)
ADJUSTMENTS: Final = (
    (0.37, 1, "-2.40", "Granted twice by mistake in May"),
    (0.58, 17, "1.15", "Rounding complaint, settled in their favour"),
    (0.89, 21, "-0.60", "Test requests of our own, moved off their account"),
)
VOIDS: Final = (0.09, 0.22, 0.35, 0.41, 0.57, 0.72, 0.86, 0.97)
UPGRADES: Final = ((0.45, 6), (0.7, 12))
CANCELLED: Final = (0.985, 20)
PRICE_CHANGED: Final = 0.4


def live_through(merchant: Merchant, *, until: datetime, days: int, people: int, actor: str) -> None:
    """Fill an empty book with `days` days of the first `people` of the cast, up to the moment `until`."""
    History(merchant, until, days, people, actor).run()


class History:
    """The story while it is being lived."""

    def __init__(self, merchant: Merchant, until: datetime, days: int, people: int, actor: str) -> None:
        self.merchant = merchant
        self.until = until
        self.days = days
        self.since = until - timedelta(days=days)
        self.people = CAST[:people]
        self.actor = actor
        self.rng = Random(SEED)  # noqa: S311 - the same story every time
        self.customers: dict[int, Customer] = {}
        self.catalogue: Catalogue = set_up_catalogue(merchant, at=self.since)
        self.happenings = sorted(self._happenings(), key=lambda happening: happening[0])

    def run(self) -> None:
        """Live step by step: sign-ups, what was planned, renewals, and the requests of each step."""
        before = self.since
        for at in steps(self.since, self.until):
            self._sign_up(at)
            self._let_happen(at)
            self._renew(at)
            self._use(at, hours=(at - before) / timedelta(hours=1))
            before = at
        self._renew(self.until)

    def _sign_up(self, at: datetime) -> None:
        for place, persona in enumerate(self.people):
            if place not in self.customers and self._day(at) >= self._joined(persona):
                self.customers[place] = self._new_customer(persona, at)

    def _new_customer(self, persona: Persona, at: datetime) -> Customer:
        customer, _ = sign_up_customer(
            merchant=self.merchant,
            reference_id=persona.reference_id,
            name=persona.name,
            email=persona.email,
            at=at,
        )
        if persona.plan is not None:
            put_on_plan(customer=customer, plan=self.catalogue.plans[persona.plan], at=at)
        return customer

    def _renew(self, at: datetime) -> None:
        due = Cycle.objects.for_merchant(self.merchant).filter(closed_at__isnull=True, ends_at__lte=at)
        for customer_id in due.order_by("ends_at").values_list("customer_id", flat=True):
            bring_up_to_date(merchant_id=self.merchant.pk, customer_id=customer_id, at=at)

    def _use(self, at: datetime, *, hours: float) -> None:
        day = int(self._day(at))
        reports = []
        for persona in self.people:
            expected = requests_expected(persona, day=day, at=at, hours=hours)
            reports += [
                report(persona, self.merchant, at=at, rng=self.rng) for _ in range(how_many(expected, self.rng))
            ]
        self.rng.shuffle(reports)
        if reports:
            charge(reports, at=at)

    def _let_happen(self, at: datetime) -> None:
        while self.happenings and self.since + self.happenings[0][0] * (self.until - self.since) <= at:
            _, what, arguments = self.happenings.pop(0)
            what(*arguments, at)

    def _happenings(self) -> Iterator[Happening]:
        yield PRICE_CHANGED, self._change_price, ()
        yield CANCELLED[0], self._cancel, (CANCELLED[1],)
        for gift in GIFTS:
            yield gift.moment, self._give, (gift,)
        for moment, who, amount, reason in ADJUSTMENTS:
            yield moment, self._adjust, (who, amount, reason)
        for moment, who in UPGRADES:
            yield moment, self._upgrade, (who,)
        for moment in VOIDS:
            yield moment, self._void_one, ()

    def _change_price(self, at: datetime) -> None:
        change_meter(meter=self.catalogue.chat, tiers=CHAT_TIERS, at=at)
        # The announcement to every process leaves with the commit; this process charges on before that.
        ProcessCache.forget_everywhere(self.merchant.pk)

    def _give(self, gift: Gift, at: datetime) -> None:
        if gift.who in self.customers:
            give_credits(
                customer=self.customers[gift.who],
                amount=Decimal(gift.amount),
                at=at,
                key=f"demo:gift/{gift.moment}",
                actor=self.actor,
                reason=gift.reason,
                expires_at=at + timedelta(days=gift.days) if gift.days else None,
            )

    def _adjust(self, who: int, amount: str, reason: str, at: datetime) -> None:
        if who in self.customers:
            adjust_credits(
                customer=self.customers[who],
                amount=Decimal(amount),
                at=at,
                key=f"demo:adjustment/{who}",
                actor=self.actor,
                reason=reason,
            )

    def _upgrade(self, who: int, at: datetime) -> None:
        if who in self.customers:
            put_on_plan(customer=self.customers[who], plan=self.catalogue.plans[TEAM], at=at)

    def _cancel(self, who: int, at: datetime) -> None:
        subscription = subscription_of(self.customers[who]) if who in self.customers else None
        if subscription is not None:
            request_cancellation(subscription=subscription, at=at)

    def _void_one(self, at: datetime) -> None:
        """Take back the newest request."""
        newest = MeteredRequest.objects.for_merchant(self.merchant).order_by("-id").first()
        if newest is not None:
            void_request(request=newest, at=at, actor=self.actor, reason="The answer was cut off")

    def _day(self, at: datetime) -> float:
        return (at - self.since) / timedelta(days=1)

    def _joined(self, persona: Persona) -> float:
        """The day a persona signs up; a shorter story is told faster."""
        return persona.joined_day * self.days / 90


def steps(since: datetime, until: datetime) -> Iterator[datetime]:
    """The moments at which something happens: every four hours, and lately every twenty-four minutes."""
    at = since
    while at < until:
        yield at
        at += STEP if at < until - LATELY else STEP_LATELY
