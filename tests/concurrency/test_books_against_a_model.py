"""Whatever happens to a customer, in whatever order, their credits are what a far simpler model says.

Hypothesis invents the stories: charges, retries, voids, gifts, adjustments, plan changes and cancellations
while days go by. The model keeps a list of lots and knows nothing of databases, entries or locks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from apps.ledger.audit import run_audit
from apps.ledger.granting import adjust_credits, give_credits
from apps.ledger.statements import credits_of
from apps.meters.rules.usage import Usage
from apps.plans.catalogue import free_plan_of
from apps.requests.charging import Charged, MeterNotOnPlan, charge
from apps.requests.models import MeteredRequest
from apps.requests.records import Report
from apps.requests.voiding import void_request
from apps.subscriptions.enrolment import put_on_plan, request_cancellation
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import subscription_of
from tests.factories.catalogue import make_meter, make_plan, tier
from tests.factories.people import make_customer, make_merchant

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MILLION = 1_000_000

# --- The model -----------------------------------------------------------------------------------


@dataclass(eq=False)
class Lot:
    left: Decimal
    until: datetime | None = None
    is_gift: bool = False
    cycle: int | None = None  # the number of the cycle it ends with


@dataclass(frozen=True)
class Terms:
    """A plan: included credit, and how much of it may roll over (None: all)."""

    included: Decimal
    rolls_over_at_most: Decimal | None
    length: timedelta
    has_meter: bool = True


FREE = Terms(Decimal(0), Decimal(0), 31 * DAY, has_meter=False)
PLANS = {
    "full": Terms(Decimal(4), None, DAY),
    "capped": Terms(Decimal("4.5"), Decimal(2), DAY),
    "none": Terms(Decimal(7), Decimal(0), 7 * DAY),
    "Free": FREE,
}


@dataclass
class Model:
    """What a customer has, in as few words as possible."""

    plan: str = "Free"
    cycle: int = 0
    ends_at: datetime = START + FREE.length
    is_cancelling: bool = False
    lots: list[Lot] = field(default_factory=list)
    deficit: Decimal = Decimal(0)
    used: int = 0
    draws: dict[str, list[tuple[Lot | None, Decimal]]] = field(default_factory=dict)
    used_by: dict[str, tuple[int, int]] = field(default_factory=dict)  # tokens, and in which cycle

    def total(self) -> Decimal:
        return sum((lot.left for lot in self.lots), -self.deficit)

    def of_cycle(self) -> Decimal:
        return sum((lot.left for lot in self.lots if lot.cycle is not None), -self.deficit)

    def take(self, amount: Decimal) -> list[tuple[Lot | None, Decimal]]:
        draws: list[tuple[Lot | None, Decimal]] = []
        for lot in sorted(self.lots, key=lambda lot: (lot.until or START + 9999 * DAY, not lot.is_gift)):
            if taken := min(lot.left, amount):
                lot.left -= taken
                amount -= taken
                draws.append((lot, taken))
        self.deficit += amount
        return [*draws, (None, amount)]

    def give(self, lot: Lot) -> None:
        self.lots.append(lot)
        self.pay_deficit_from(lot)

    def pay_deficit_from(self, lot: Lot) -> None:
        paid = min(lot.left, self.deficit)
        lot.left -= paid
        self.deficit -= paid

    def give_back(self, request_id: str, at: datetime) -> None:
        for lot, amount in self.draws.pop(request_id):
            if lot is None:
                forgiven = min(self.deficit, amount)
                self.deficit -= forgiven
                self.give(Lot(amount - forgiven))
            elif lot.cycle not in (None, self.cycle):
                self.give(Lot(amount, self.ends_at, cycle=self.cycle))
            elif lot.until is not None and lot.until <= at:
                self.give(Lot(amount))
            else:
                lot.left += amount
                self.pay_deficit_from(lot)
        tokens, cycle = self.used_by[request_id]
        self.used -= tokens if cycle == self.cycle else 0

    def catch_up(self, at: datetime) -> None:
        while self.ends_at <= at:
            self.begin("Free" if self.is_cancelling else self.plan, self.ends_at)
        for lot in self.lots:
            if lot.until is not None and lot.until <= at:
                lot.left = Decimal(0)

    def begin(self, plan: str, at: datetime) -> None:
        """End the open cycle and begin one on `plan`."""
        ending = [lot for lot in self.lots if lot.cycle == self.cycle]
        left = sum((lot.left for lot in ending), Decimal(0))
        cap = PLANS[self.plan].rolls_over_at_most
        for lot in ending:
            lot.left = Decimal(0)
        self.plan, self.cycle, self.used, self.is_cancelling = plan, self.cycle + 1, 0, False
        self.ends_at = at + PLANS[plan].length
        for amount in (left if cap is None else min(left, cap), PLANS[plan].included):
            self.give(Lot(amount, self.ends_at, cycle=self.cycle))


def price(used: int, tokens: int) -> Decimal:
    """$2 per million up to three million in a cycle, then $1: what comes on top of `used`."""
    return _priced(used + tokens) - _priced(used)


def _priced(tokens: int) -> Decimal:
    return Decimal(2 * min(tokens, 3 * MILLION) + max(tokens - 3 * MILLION, 0)) / MILLION


# --- The real thing, step by step beside it ------------------------------------------------------

# Charges are large beside credits, so that most stories have deficits, and gifts that pay them.
amounts = st.integers(1, 30).map(lambda steps: steps * Decimal("0.131"))
tokens = st.integers(0, 16).map(lambda steps: steps * 700_001)
# Time goes by before most steps, so that every kind of step meets cycles and gifts that are over.
hours_later = st.sampled_from([0, 0, 1, 7, 26, 80])


class Customer(RuleBasedStateMachine):
    requests = Bundle("requests")

    @initialize()
    def sign_up(self) -> None:
        self.at, self.steps, self.model = START, 0, Model()
        self.merchant = make_merchant("Acme", at=START).sandbox
        meter = make_meter(self.merchant, at=START, tiers=(tier("0", "2"), tier(str(3 * MILLION), "1")))
        self.plans = {"Free": free_plan_of(self.merchant)}
        for name, terms in PLANS.items():
            if name != "Free":
                self.plans[name] = make_plan(
                    self.merchant,
                    meters=[meter],
                    at=START,
                    name=name,
                    included_credit=terms.included,
                    billing_interval="day" if terms.length == DAY else "week",
                    rollover_type="none" if terms.rolls_over_at_most == 0 else "full",
                    rollover_cap=terms.rolls_over_at_most or None,
                )
        self.customer = make_customer(self.merchant, at=START)
        self.change_plan("full", 0)

    def step(self, hours: int) -> str:
        """Let time go by; returns a name for what happens then."""
        self.at += timedelta(hours=hours)
        self.steps += 1
        return f"step-{self.steps}"

    def report(self, request_id: str, tokens: int) -> Report:
        return Report(self.merchant, request_id, self.customer.public_id, "tokens", Usage(input_tokens=tokens))

    @rule(target=requests, tokens=tokens, hours=hours_later)
    def charge(self, tokens: int, hours: int) -> tuple[str, int]:
        request_id = self.step(hours)
        self.model.catch_up(self.at)
        [outcome] = charge([self.report(request_id, tokens)], at=self.at)
        if not PLANS[self.model.plan].has_meter:
            assert isinstance(outcome, MeterNotOnPlan)
            return "", tokens
        assert isinstance(outcome, Charged)
        assert outcome.record.charge == price(self.model.used, tokens)
        self.model.draws[request_id] = self.model.take(outcome.record.charge)
        self.model.used += tokens
        self.model.used_by[request_id] = (tokens, self.model.cycle)
        return request_id, tokens

    @rule(request=requests)
    def charge_again(self, request: tuple[str, int]) -> None:
        request_id, tokens = request
        if request_id:
            [outcome] = charge([self.report(request_id, tokens)], at=self.at)
            assert isinstance(outcome, Charged)
            assert not outcome.created

    @rule(request=requests, hours=hours_later)
    def void(self, request: tuple[str, int], hours: int) -> None:
        self.step(hours)
        request_id, _ = request
        if request_id:
            self.model.catch_up(self.at)
            stored = MeteredRequest.objects.for_merchant(self.merchant).get(request_id=request_id)
            void_request(request=stored, at=self.at, actor="test")
            if request_id in self.model.draws:
                self.model.give_back(request_id, self.at)

    @rule(amount=amounts, hours=hours_later, lasts=st.sampled_from([None, 5, 24, 100]))
    def give(self, amount: Decimal, hours: int, lasts: int | None) -> None:
        key = self.step(hours)
        until = None if lasts is None else self.at + timedelta(hours=lasts)
        self.do_what_is_due()
        give_credits(
            customer=self.customer, amount=amount, at=self.at, key=key, actor="test", reason="fair", expires_at=until
        )
        self.model.give(Lot(amount, until, is_gift=True))

    @rule(amount=amounts, up=st.booleans(), hours=hours_later)
    def adjust(self, amount: Decimal, up: bool, hours: int) -> None:
        key, signed = self.step(hours), amount if up else -amount
        self.do_what_is_due()
        adjust_credits(customer=self.customer, amount=signed, at=self.at, key=key, actor="test", reason="miscounted")
        if up:
            self.model.give(Lot(amount))
        else:
            self.model.take(amount)

    @rule(name=st.sampled_from(list(PLANS)), hours=hours_later)
    def change_plan(self, name: str, hours: int) -> None:
        self.step(hours)
        self.model.catch_up(self.at)
        put_on_plan(customer=self.customer, plan=self.plans[name], at=self.at)
        if name != self.model.plan or self.model.is_cancelling:
            self.model.begin(name, self.at)

    @rule()
    def cancel(self) -> None:
        self.do_what_is_due()
        request_cancellation(subscription=subscription_of(self.customer), at=self.at)
        self.model.is_cancelling = self.model.plan != "Free"

    def do_what_is_due(self) -> None:
        self.model.catch_up(self.at)
        bring_up_to_date(merchant_id=self.merchant.pk, customer_id=self.customer.pk, at=self.at)

    @invariant()
    def credits_are_what_the_model_says(self) -> None:
        self.do_what_is_due()
        credits = credits_of(self.customer, at=self.at)
        assert (credits.total_remaining, credits.cycle_remaining, credits.deficit) == (
            self.model.total(),
            self.model.of_cycle(),
            self.model.deficit,
        )

    def teardown(self) -> None:
        report = run_audit(at=self.at, merchant=self.merchant)
        assert not report.differences, report.differences


@pytest.mark.django_db
def test_credits_are_what_the_model_says():
    bounded = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # with Phase.shrink it takes minutes to find the shortest story that fails
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Customer, settings=bounded)
