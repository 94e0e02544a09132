"""Charge a batch of requests: identify, price, draw down, record, in one transaction and two round trips.

First the balances of the batch's customers are locked and, in later statements of the same round
trip, everything else is read: lots, plans and cycles, tier counters, requests recorded before. Then
every request is priced and drawn down in memory by the pure rules. Then all of it is written and
committed at once. Both doors of `POST /v1/requests`, the batch route and later the gateway call
`charge`; no rule of charging lives anywhere else.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

import psycopg
from django.db import connection

from apps.core.errors import LavaError
from apps.core.metrics import CHARGES
from apps.core.money import ZERO
from apps.core.pg import Pipe, pipelined_transaction
from apps.core.public_ids import CUSTOMER, FreshIds, Id, parse_public_id
from apps.customers.lookup import CustomerNotFound
from apps.customers.models import Customer
from apps.ledger.accounts import Account, AccountKey
from apps.ledger.posting import open_accounts, write
from apps.meters.catalogue import MeterNotFound
from apps.meters.rules.pricing import Price, Priced, price_request
from apps.plans.price_book import PriceBook, PricedMeter, price_book_of
from apps.requests.records import Report, RequestRecord
from apps.requests.storing import (
    CounterKey,
    RequestKey,
    add_to_rollups,
    counters_from,
    insert_requests,
    known_from,
    send_counters,
    send_known,
    set_counters,
)
from apps.subscriptions.renewal import bring_up_to_date
from apps.subscriptions.standing import Standing, send_standings, standings_from

log = logging.getLogger(__name__)

TRIES = 3


class MeterNotOnPlan(LavaError):
    """The customer's plan is not linked to the meter, so its credits do not pay for it."""

    code: ClassVar[str] = "meter_not_on_plan"


class RequestIdConflict(LavaError):
    """The `request_id` was used for something else."""

    code: ClassVar[str] = "request_id_conflict"
    status: ClassVar[int] = 409


class OutOfRange(LavaError):
    """A number is beyond what the books can hold."""

    code: ClassVar[str] = "out_of_range"


class AccountBusy(LavaError):
    """Somebody holds the customer's account for longer than a charge waits; nothing was recorded."""

    code: ClassVar[str] = "temporarily_unavailable"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Charged:
    """A request that is recorded and charged: by this call, or (`created` False) by an earlier one."""

    record: RequestRecord
    created: bool


Outcome = Charged | LavaError


@dataclass(slots=True)
class _Item:
    """One report of the batch, with what was found for it."""

    place: int
    report: Report
    meter: PricedMeter
    book: PriceBook
    account_key: AccountKey
    request_key: RequestKey


def charge(reports: Sequence[Report], *, at: datetime) -> list[Outcome]:
    """Charge every report exactly once, and answer each in its place.

    A report that cannot be charged has its refusal for an answer and leaves no trace; it never holds up the
    others. One whose `request_id` is recorded already gets the recorded request, or RequestIdConflict when it
    said something else. When this returns, what it charged is committed (inside an outer transaction: as
    committed as that). Refusals: CustomerNotFound, MeterNotFound, MeterNotOnPlan, CostUnknown,
    RequestIdConflict, AmountTooLarge, OutOfRange, AccountBusy.
    """
    outcomes: list[Outcome | None] = [None] * len(reports)
    items = _identified(reports, outcomes)
    due = _charge_items(items, outcomes, at, wait_for_due=True)
    for merchant_id, customer_id in sorted({item.account_key for item in due}):
        # A cycle of theirs has ended or credits are over: that comes first, then the charge.
        bring_up_to_date(merchant_id=UUID(merchant_id), customer_id=UUID(customer_id), at=at)
    _charge_items(due, outcomes, at, wait_for_due=False)
    answers = [outcome for outcome in outcomes if outcome is not None]
    for became, times in Counter(map(_became, answers)).items():
        CHARGES.labels(became).inc(times)
    return answers


def charge_batch(items: Sequence[Report | LavaError], *, at: datetime) -> list[Outcome]:
    """Charge a batch in which some items could not even be read: those keep their refusal, in their place."""
    outcomes = iter(charge([item for item in items if isinstance(item, Report)], at=at))
    return [next(outcomes) if isinstance(item, Report) else item for item in items]


def _became(outcome: Outcome) -> str:
    if isinstance(outcome, Charged):
        return "charged" if outcome.created else "repeated"
    return "refused"


def _identified(reports: Sequence[Report], outcomes: list[Outcome | None]) -> list[_Item]:
    """Find each report's meter and customer id; refuse those that have none."""
    references = _by_reference(reports)
    books = {merchant_id: price_book_of(merchant_id) for merchant_id in {report.merchant.pk for report in reports}}
    items = []
    for place, report in enumerate(reports):
        merchant = report.merchant
        book = books[merchant.pk]
        meter = book.meters.get(report.meter_slug)
        customer_id = parse_public_id(CUSTOMER, merchant.mode, report.customer) or references.get(
            (merchant.pk, report.customer)
        )
        if customer_id is None:
            outcomes[place] = _no_customer(report)
        elif meter is None:
            outcomes[place] = MeterNotFound(f"There is no meter with the slug {report.meter_slug!r}.")
        else:
            merchant_id = str(merchant.pk)
            items.append(
                _Item(place, report, meter, book, (merchant_id, customer_id), (merchant_id, report.request_id))
            )
    return items


def _no_customer(report: Report) -> CustomerNotFound:
    return CustomerNotFound(f"There is no customer {report.customer!r}.")


def _by_reference(reports: Sequence[Report]) -> dict[tuple[UUID, str], Id]:
    """The ids of customers that reports name by the merchant's own reference."""
    named = [report for report in reports if not report.customer.startswith("con_")]
    if not named:
        return {}
    customers = Customer.across_merchants.filter(
        merchant_id__in={report.merchant.pk for report in named},
        reference_id__in={report.customer for report in named},
        deleted_at__isnull=True,
    )
    return {
        (merchant_id, reference): str(customer_id)
        for merchant_id, reference, customer_id in customers.values_list("merchant_id", "reference_id", "id")
        if reference is not None
    }


def _charge_items(
    items: list[_Item], outcomes: list[Outcome | None], at: datetime, *, wait_for_due: bool
) -> list[_Item]:
    """Charge these in one transaction; returns those left for later because something is due first."""
    if not items:
        return []
    for tried in range(1, TRIES + 1):
        try:
            with pipelined_transaction() as pipe:
                batch = _Batch(pipe, items, at, wait_for_due=wait_for_due)
                batch.read()
                answers = batch.charge_all()
                batch.write()
        except psycopg.errors.DataError:
            return _one_by_one(items, outcomes, at, wait_for_due=wait_for_due)
        except psycopg.errors.LockNotAvailable:
            return _customer_by_customer(items, outcomes, at, wait_for_due=wait_for_due)
        except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
            # Somebody recorded one of these request ids for another customer in this moment: read again.
            if tried == TRIES:
                raise
        except psycopg.OperationalError:
            # The connection is gone. Whether the batch was committed is not known, and need not be:
            # charging the same request ids again finds what was. Inside an outer transaction it was not.
            if tried == TRIES or connection.in_atomic_block:
                raise
            log.warning("The connection was lost in mid-charge; trying once more.", exc_info=True)
            connection.close()
        else:
            for place, answer in answers.items():
                outcomes[place] = answer
            return batch.due
    raise AssertionError("unreachable")


def _one_by_one(items: list[_Item], outcomes: list[Outcome | None], at: datetime, *, wait_for_due: bool) -> list[_Item]:
    """A number of the batch was more than a column can hold: find whose it was, and charge the others."""
    if len(items) == 1:
        outcomes[items[0].place] = OutOfRange("A number of this request is beyond what the books can hold.")
        return []
    return [late for item in items for late in _charge_items([item], outcomes, at, wait_for_due=wait_for_due)]


def _customer_by_customer(
    items: list[_Item], outcomes: list[Outcome | None], at: datetime, *, wait_for_due: bool
) -> list[_Item]:
    """One of these accounts is held by somebody else and not let go: find whose it is, and charge the others."""
    groups: dict[AccountKey, list[_Item]] = {}
    for item in items:
        groups.setdefault(item.account_key, []).append(item)
    if len(groups) > 1:
        return [
            late for group in groups.values() for late in _charge_items(group, outcomes, at, wait_for_due=wait_for_due)
        ]
    for item in items:
        outcomes[item.place] = AccountBusy("The account is busy now. Send the request again with the same request_id.")
    return []


class _Batch:
    """The state of one transaction: what was read, and what is to be written."""

    def __init__(self, pipe: Pipe, items: list[_Item], at: datetime, *, wait_for_due: bool) -> None:
        self.pipe = pipe
        self.items = items
        self.at = at
        self.ids = FreshIds(at)
        self.wait_for_due = wait_for_due
        self.due: list[_Item] = []
        self.recorded: list[RequestRecord] = []
        self.counted: dict[CounterKey, Decimal] = {}

    def read(self) -> None:
        """Lock the accounts, then read everything that depends on them."""
        keys = {item.account_key for item in self.items}
        opening = open_accounts(self.pipe, keys, at=self.at)
        standings = send_standings(self.pipe, keys)
        counters = send_counters(self.pipe, {(*item.account_key, item.meter.meter_id) for item in self.items})
        known = send_known(self.pipe, {item.request_key for item in self.items})
        self.accounts = opening.accounts()
        self.standings = standings_from(standings)
        self.counters = counters_from(counters)
        self.known = known_from(known)

    def charge_all(self) -> dict[int, Outcome]:
        """Charge the items in their order; what is due first is put aside."""
        answers: dict[int, Outcome] = {}
        for item in self.items:
            try:
                answer = self._answer(item)
            except LavaError as refusal:
                answers[item.place] = refusal
            else:
                if answer is None:
                    self.due.append(item)
                else:
                    answers[item.place] = answer
        return answers

    def write(self) -> None:
        """Write what was charged."""
        if self.recorded:
            insert_requests(self.pipe, self.recorded)
            set_counters(self.pipe, self.counted)
            add_to_rollups(self.pipe, self.recorded)
            write(self.pipe, list(self.accounts.values()))

    def _answer(self, item: _Item) -> Charged | None:
        account = self.accounts.get(item.account_key)
        if account is None:
            raise _no_customer(item.report)
        earlier = self.known.get(item.request_key)
        if earlier is not None:
            return _repeated(item, earlier)
        standing = self.standings.get(item.account_key)
        if standing is None:
            raise _no_customer(item.report)
        if self.wait_for_due and (standing.ends_at <= self.at or account.over):
            return None
        return Charged(self._charge(item, account, standing), created=True)

    def _charge(self, item: _Item, account: Account, standing: Standing) -> RequestRecord:
        report, meter = item.report, item.meter
        if not item.book.draws_on(standing.plan_id, meter.meter_id):
            raise MeterNotOnPlan(f"The meter {meter.slug!r} is not linked to the customer's plan.")
        counter = (*item.account_key, meter.meter_id, standing.cycle_id)
        used_before = self.counters.get(counter, ZERO)
        priced = price_report(meter.price, report, used_before=used_before)
        id = self.ids.next()
        moved = account.charge(amount=priced.amount, request_id=id, at=self.at)
        self.counters[counter] = self.counted[counter] = used_before + priced.quantity
        usage, cost = report.usage, report.cost
        record = RequestRecord(
            id=id,
            merchant_id=item.account_key[0],
            customer_id=item.account_key[1],
            request_id=report.request_id,
            meter_id=meter.meter_id,
            rate_id=meter.rate_id,
            cycle_id=standing.cycle_id,
            status="completed",
            provider=report.provider,
            provider_key_type=report.provider_key_type,
            model=report.model,
            endpoint=report.endpoint,
            response_id=report.response_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            input_characters=usage.input_characters,
            output_characters=usage.output_characters,
            input_seconds=usage.input_seconds,
            output_seconds=usage.output_seconds,
            currency=account.currency,
            input_cost=None if cost is None else cost.input,
            output_cost=None if cost is None else cost.output,
            cost=None if cost is None else cost.total,
            charge=priced.amount,
            used_before=used_before,
            quantity=priced.quantity,
            breakdown=breakdown_of(priced),
            balance_before=moved.balance_before,
            balance_after=moved.balance_after,
            first_entry_seq=moved.first_seq,
            entry_count=moved.count,
            metadata=report.metadata or {},
            created_at=self.at,
            voided_at=None,
            rate_type=meter.price.rate_type.value,
            tier_type=meter.price.tier_type.value,
        )
        self.recorded.append(record)
        self.known[item.request_key] = record
        return record


def price_report(price: Price, report: Report, *, used_before: Decimal) -> Priced:
    """What a report is charged at a price. Raises CostUnknown and AmountTooLarge."""
    cost = None if report.cost is None else report.cost.total
    return price_request(price, usage=report.usage, cost=cost, used_before=used_before)


def breakdown_of(priced: Priced) -> list[dict[str, str]]:
    """The lines of a charge as they are stored and as a receipt recomputes them."""
    return [
        {
            "start": f"{line.start:f}",
            "rate": f"{line.rate:f}",
            "quantity": f"{line.quantity:f}",
            "amount": f"{line.amount:f}",
        }
        for line in priced.lines
    ]


def _repeated(item: _Item, earlier: RequestRecord) -> Charged:
    if not earlier.repeats(item.report, item.account_key[1], item.meter.meter_id):
        raise RequestIdConflict(
            f"The request_id {item.report.request_id!r} is recorded with another customer, meter or usage."
        )
    return Charged(earlier, created=False)
