"""What is always true of requests: their charges, their receipts, and the sums made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.core.errors import LavaError
from apps.core.money import ZERO
from apps.core.public_ids import CUSTOMER, CYCLE, METER
from apps.ledger.audit import Books, Finding, invariant, plain
from apps.ledger.invariants import A5
from apps.ledger.models import LedgerEntry
from apps.ledger.references import refers_to
from apps.meters.models import Rate
from apps.meters.rules.pricing import Price, Priced, price_request
from apps.meters.rules.usage import Usage
from apps.requests.models import HourlyRollup, MeterCounter, MeteredRequest
from apps.subscriptions.models import Cycle

refers_to(MeteredRequest, "cycle_id", Cycle)
refers_to(MeterCounter, "cycle_id", Cycle)
refers_to(LedgerEntry, "source_id", MeteredRequest, only="kind = 'usage'")

A4 = invariant("A4", "a request's usage entries sum to its charge, and every usage entry is one request's")

A6 = invariant("A6", "a receipt adds up to the charge, and computing it again from the stored rate gives the same")

A12 = invariant("A12", "hourly rollups and tier counters are the sums of their requests")


# --- A4: requests and entries --------------------------------------------------------------------

# Usage only ever lowers a balance: the highest before and the lowest after are those of the whole charge.
_WRONG_CHARGES: Final = """
    SELECT merchant_id, customer_id, id, request_id, charge, coalesce(drawn, 0) AS drawn,
        first_entry_seq, entry_count, first_seq, last_seq, coalesce(entries, 0) AS entries,
        balance_before, balance_after, entries_before, entries_after
    FROM (
        SELECT merchant_id, customer_id, source_id AS id, -sum(amount) AS drawn,
            min(seq) AS first_seq, max(seq) AS last_seq, count(*) AS entries,
            max(balance_after - amount) AS entries_before, min(balance_after) AS entries_after
        FROM ledger_ledgerentry WHERE kind = 'usage' AND {scope} GROUP BY merchant_id, customer_id, source_id
    ) AS usage
    FULL JOIN (
        SELECT merchant_id, customer_id, id, request_id, charge, first_entry_seq, entry_count,
            balance_before, balance_after
        FROM requests_meteredrequest WHERE {scope}
    ) AS request USING (merchant_id, customer_id, id)
    WHERE charge IS DISTINCT FROM coalesce(drawn, 0)
        OR entry_count <> coalesce(entries, 0)
        OR first_seq <> first_entry_seq OR last_seq <> first_entry_seq + entry_count - 1
        OR entries_before <> balance_before OR entries_after <> balance_after
"""


@A4.proved_by(LedgerEntry, MeteredRequest)
def charges_are_sums_of_entries(books: Books) -> Iterator[Finding]:
    """What a request says was charged, and where, is what its entries say; no entry is without its request."""
    for row in books.rows(_WRONG_CHARGES):
        if row.request_id is None:
            subject = f"{_customer(books, row)}, entry {row.first_seq}"
            message = f"it takes {plain(row.drawn)} for request {row.id}, which is none of theirs"
            yield Finding(row.merchant_id, subject, message)
            continue
        for message in _charge_problems(row):
            yield Finding(row.merchant_id, f"request {row.request_id!r}", message)


def _charge_problems(row: Any) -> Iterator[str]:
    if row.charge != row.drawn:
        yield f"it is charged {plain(row.charge)}, but its usage entries sum to {plain(row.drawn)}"
    if row.entry_count != row.entries:
        yield f"its number of entries is {row.entry_count}, but there are {row.entries}"
    elif row.entries and (row.first_seq, row.last_seq) != _numbers(row):
        yield f"it names entries {_numbers(row)[0]} to {_numbers(row)[1]}, but has {row.first_seq} to {row.last_seq}"
    if row.entries and (row.balance_before, row.balance_after) != (row.entries_before, row.entries_after):
        yield (
            f"it says the balance went from {plain(row.balance_before)} to {plain(row.balance_after)}, "
            f"its entries from {plain(row.entries_before)} to {plain(row.entries_after)}"
        )


def _numbers(row: Any) -> tuple[int, int]:
    """The first and the last entry that a request names."""
    return row.first_entry_seq, row.first_entry_seq + row.entry_count - 1


# A request that costs nothing has no entry of its own; the balance it saw is that of the entry before.
_WRONG_FREE_REQUESTS: Final = """
    SELECT merchant_id, request_id, balance_before, balance_after, coalesce(entry_balance, 0) AS entry_balance
    FROM (
        SELECT merchant_id, customer_id, first_entry_seq - 1 AS seq, request_id, balance_before, balance_after
        FROM requests_meteredrequest WHERE entry_count = 0 AND {scope}
    ) AS request
    LEFT JOIN (
        SELECT merchant_id, customer_id, seq, balance_after AS entry_balance FROM ledger_ledgerentry WHERE {scope}
    ) AS entry USING (merchant_id, customer_id, seq)
    WHERE balance_before <> balance_after OR balance_before <> coalesce(entry_balance, 0)
"""


@A4.proved_by()
def free_requests_move_nothing(books: Books) -> Iterator[Finding]:
    """A request without entries left the balance as it was."""
    for row in books.rows(_WRONG_FREE_REQUESTS):
        message = (
            f"it has no entries, but says the balance went from {plain(row.balance_before)} to "
            f"{plain(row.balance_after)} when it was {plain(row.entry_balance)}"
        )
        yield Finding(row.merchant_id, f"request {row.request_id!r}", message)


_WRONG_VOIDS: Final = """
    SELECT merchant_id, request_id, voided_at, charge, coalesce(returned, 0) AS returned
    FROM (
        SELECT merchant_id, id, request_id, charge, voided_at FROM requests_meteredrequest WHERE {scope}
    ) AS request
    LEFT JOIN (
        SELECT merchant_id, usage.source_id AS id, sum(reversal.amount) AS returned
        FROM (
            SELECT merchant_id, source_id AS id, amount FROM ledger_ledgerentry WHERE kind = 'reversal' AND {scope}
        ) AS reversal
        JOIN ledger_ledgerentry AS usage USING (merchant_id, id)
        WHERE usage.kind = 'usage'
        GROUP BY merchant_id, usage.source_id
    ) AS void USING (merchant_id, id)
    WHERE coalesce(returned, 0) <> CASE WHEN voided_at IS NULL THEN 0 ELSE charge END
"""


@A4.proved_by()
def voids_give_the_charge_back(books: Books) -> Iterator[Finding]:
    """The reversals of a voided request sum to its charge; no other request has any."""
    for row in books.rows(_WRONG_VOIDS):
        state = "is not voided" if row.voided_at is None else f"is voided and was charged {plain(row.charge)}"
        message = f"it {state}, but the reversals of its entries sum to {plain(row.returned)}"
        yield Finding(row.merchant_id, f"request {row.request_id!r}", message)


# --- A5: released holds --------------------------------------------------------------------------

_CHARGED_THOUGH_RELEASED: Final = """
    SELECT merchant_id, request_id, hold.amount, hold.ended_at, request.charge
    FROM (
        SELECT merchant_id, request_id, amount, ended_at FROM ledger_hold WHERE outcome = 'released' AND {scope}
    ) AS hold
    JOIN requests_meteredrequest AS request USING (merchant_id, request_id)
    WHERE request.charge > 0 AND request.voided_at IS NULL AND request.created_at <= hold.ended_at
"""


@A5.proved_by()
def released_holds_carry_no_charge(books: Books) -> Iterator[Finding]:
    """A hold whose request was charged while it was open is settled, not released as if nothing had been used."""
    for row in books.rows(_CHARGED_THOUGH_RELEASED):
        message = f"its {plain(row.amount)} went free unused, though the request was charged {plain(row.charge)} before"
        yield Finding(row.merchant_id, f"hold for request {row.request_id!r}", message)


# --- A6: receipts --------------------------------------------------------------------------------

_RECEIPTS: Final = """
    SELECT merchant_id, id, request_id, rate_id, input_tokens, output_tokens, input_characters, output_characters,
        input_seconds, output_seconds, cost, charge, used_before, quantity, breakdown::text AS breakdown
    FROM requests_meteredrequest {page}
"""


class _StoredLine(msgspec.Struct, frozen=True):
    """A line of a stored breakdown."""

    start: Decimal
    rate: Decimal
    quantity: Decimal
    amount: Decimal


_breakdown = msgspec.json.Decoder(list[_StoredLine])


@A6.proved_by(MeteredRequest)
def charges_can_be_computed_again(books: Books) -> Iterator[Finding]:
    """The stored rate, usage and tier position give the stored charge, quantity and breakdown."""
    prices = _Prices()
    for row in books.pages(_RECEIPTS):
        problem = _receipt_problem(row, prices[row.merchant_id, row.rate_id])
        if problem is not None:
            yield Finding(row.merchant_id, f"request {row.request_id!r}", problem)


class _Prices(dict[tuple[UUID, UUID], Price | None]):
    """Versions of meters' prices by (merchant id, rate id), each looked up once; None is not there."""

    def __missing__(self, key: tuple[UUID, UUID]) -> Price | None:
        rates = Rate.across_merchants.select_related("meter")
        rate = rates.filter(merchant_id=key[0], pk=key[1]).first()
        self[key] = price = None if rate is None else rate.price(rate.meter)
        return price


def _receipt_problem(row: Any, price: Price | None) -> str | None:
    if price is None:
        return f"its rate {row.rate_id} is not there, so its charge of {plain(row.charge)} cannot be computed again"
    usage = Usage(
        row.input_tokens,
        row.output_tokens,
        row.input_characters,
        row.output_characters,
        row.input_seconds,
        row.output_seconds,
    )
    try:
        priced = price_request(price, usage=usage, cost=row.cost, used_before=row.used_before)
        lines = _breakdown.decode(row.breakdown)
    except (LavaError, msgspec.DecodeError) as problem:
        return f"its charge of {plain(row.charge)} cannot be computed again: {problem}"
    return _receipt_difference(row, priced, lines)


def _receipt_difference(row: Any, priced: Priced, lines: list[_StoredLine]) -> str | None:
    if row.charge != priced.amount:
        return f"it is charged {plain(row.charge)}, but its rate and usage give {plain(priced.amount)}"
    if row.quantity != priced.quantity:
        return f"it counts {plain(row.quantity)}, but its usage gives {plain(priced.quantity)}"
    total = sum([line.amount for line in lines], ZERO)
    if total != row.charge:
        return f"its breakdown adds up to {plain(total)}, but it is charged {plain(row.charge)}"
    stored = [(line.start, line.rate, line.quantity, line.amount) for line in lines]
    computed = [(line.start, line.rate, line.quantity, line.amount) for line in priced.lines]
    if stored != computed:
        return f"its breakdown is {_spelled(stored)}, but its rate and usage give {_spelled(computed)}"
    return None


def _spelled(lines: Sequence[tuple[Decimal, Decimal, Decimal, Decimal]]) -> str:
    """`400000 at 5 from 0 makes 2`, line by line."""
    return "; ".join(
        f"{plain(quantity)} at {plain(rate)} from {plain(start)} makes {plain(amount)}"
        for start, rate, quantity, amount in lines
    )


# Each request begins where the one before it left the counter. A void takes its quantity out again, so the
# requests of that cycle no longer lie end to end, and are left to the check of the counter (A12).
_WRONG_POSITIONS: Final = """
    SELECT merchant_id, request_id, used_before, expected
    FROM (
        SELECT merchant_id, request_id, used_before, voided_at,
            coalesce(lag(used_before + quantity) OVER in_order, 0) AS expected,
            bool_or(voided_at IS NOT NULL) OVER (PARTITION BY merchant_id, customer_id, meter_id, cycle_id) AS voids
        FROM requests_meteredrequest WHERE {scope}
        WINDOW in_order AS (
            PARTITION BY merchant_id, customer_id, meter_id, cycle_id ORDER BY used_before, quantity
        )
    ) AS request
    WHERE NOT voids AND used_before <> expected
"""


@A6.proved_by()
def tiers_are_counted_from_where_the_cycle_stood(books: Books) -> Iterator[Finding]:
    """The requests of a cycle on a meter take up its tiers one after another, none twice and none left out."""
    for row in books.rows(_WRONG_POSITIONS):
        message = f"it is priced as if {plain(row.used_before)} had been used before, but {plain(row.expected)} had"
        yield Finding(row.merchant_id, f"request {row.request_id!r}", message)


# --- A12: sums -----------------------------------------------------------------------------------

_SUMS: Final = {
    "requests": "count(*)",
    "requests_without_cost": "count(*) FILTER (WHERE cost IS NULL)",
    "tokens": "sum(input_tokens + output_tokens)",
    "characters": "sum(input_characters + output_characters)",
    "seconds": "sum(input_seconds + output_seconds)",
    "cost": "sum(coalesce(cost, 0))",
    "charge": "sum(charge)",
}

_WRONG_ROLLUPS: Final = f"""
    SELECT merchant_id, customer_id, hour_at, meter_id, provider, model,
        {", ".join(f"coalesce(stored.{name}, 0) AS {name}" for name in _SUMS)},
        {", ".join(f"coalesce(summed.{name}, 0) AS {name}_summed" for name in _SUMS)}
    FROM (
        SELECT merchant_id, customer_id, date_trunc('hour', created_at, 'UTC') AS hour_at, meter_id, provider, model,
            {", ".join(f"{total} AS {name}" for name, total in _SUMS.items())}
        FROM requests_meteredrequest WHERE voided_at IS NULL AND {{scope}}
        GROUP BY merchant_id, customer_id, date_trunc('hour', created_at, 'UTC'), meter_id, provider, model
    ) AS summed
    FULL JOIN (SELECT * FROM requests_hourlyrollup WHERE {{scope}}) AS stored
        USING (merchant_id, customer_id, hour_at, meter_id, provider, model)
    WHERE {" OR ".join(f"coalesce(stored.{name}, 0) <> coalesce(summed.{name}, 0)" for name in _SUMS)}
"""


@A12.proved_by(MeteredRequest, HourlyRollup)
def rollups_are_sums(books: Books) -> Iterator[Finding]:
    """Every column of an hour's rollup is the sum over that hour's requests, voided ones left out."""
    for row in books.rows(_WRONG_ROLLUPS):
        wrong = [
            f"{name} {plain(getattr(row, name))} instead of {plain(getattr(row, f'{name}_summed'))}"
            for name in _SUMS
            if getattr(row, name) != getattr(row, f"{name}_summed")
        ]
        hour = f"hour {row.hour_at:%Y-%m-%d %H}, {row.provider or 'no provider'}, {row.model or 'no model'}"
        subject = f"{_customer(books, row)}, {_meter(books, row)}, {hour}"
        yield Finding(row.merchant_id, subject, ", ".join(wrong))


_WRONG_COUNTERS: Final = """
    SELECT merchant_id, customer_id, meter_id, cycle_id,
        coalesce(stored.quantity, 0) AS quantity, coalesce(summed.quantity, 0) AS summed
    FROM (
        SELECT merchant_id, customer_id, meter_id, cycle_id, sum(quantity) AS quantity
        FROM requests_meteredrequest WHERE voided_at IS NULL AND {scope}
        GROUP BY merchant_id, customer_id, meter_id, cycle_id
    ) AS summed
    FULL JOIN (SELECT * FROM requests_metercounter WHERE {scope}) AS stored
        USING (merchant_id, customer_id, meter_id, cycle_id)
    WHERE coalesce(stored.quantity, 0) <> coalesce(summed.quantity, 0)
"""


@A12.proved_by(MeterCounter)
def counters_are_sums(books: Books) -> Iterator[Finding]:
    """A cycle's tier counter is the quantity of its requests, voided ones left out."""
    for row in books.rows(_WRONG_COUNTERS):
        cycle = f"cycle {books.public_id(CYCLE, row.merchant_id, row.cycle_id)}"
        subject = f"{_customer(books, row)}, {_meter(books, row)}, {cycle}"
        message = f"the counter stands at {plain(row.quantity)}, but its requests sum to {plain(row.summed)}"
        yield Finding(row.merchant_id, subject, message)


def _customer(books: Books, row: Any) -> str:
    return f"customer {books.public_id(CUSTOMER, row.merchant_id, row.customer_id)}"


def _meter(books: Books, row: Any) -> str:
    return f"meter {books.public_id(METER, row.merchant_id, row.meter_id)}"
