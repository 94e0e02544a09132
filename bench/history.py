"""What a merchant has behind it: requests of the last weeks, as if the same customers had been charged for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg

from bench.books import Book

DAYS = 20
# A customer works in sessions: this many requests in one hour, then nothing for a while.
SESSION = 5

# Each customer uses the same quantity each time, so what they have used and spent before is a product. The
# requests follow what is charged already: their numbers, balances and tier positions go on from there.
_REQUESTS = """
    CREATE TEMPORARY TABLE history AS
    SELECT account.*, nth, account.input_tokens + account.output_tokens AS quantity,
        (account.input_tokens + account.output_tokens) * 0.000002 AS charge,
        uuidv7(at - now()) AS id, uuidv7(at - now()) AS entry_id, at
    FROM (
        SELECT b.merchant_id, b.customer_id, b.currency, b.balance, b.last_seq, g.id AS grant_id, y.id AS cycle_id,
            coalesce(k.quantity, 0) AS used, row_number() OVER (ORDER BY b.customer_id) AS number,
            1000 + row_number() OVER (ORDER BY b.customer_id) * 7919 %% 3000 AS input_tokens,
            100 + row_number() OVER (ORDER BY b.customer_id) * 7919 %% 900 AS output_tokens
        FROM ledger_balance b
        JOIN ledger_grant g USING (merchant_id, customer_id)
        JOIN subscriptions_cycle y USING (merchant_id, customer_id)
        LEFT JOIN requests_metercounter k
            ON k.merchant_id = b.merchant_id AND k.customer_id = b.customer_id AND k.cycle_id = y.id
        WHERE b.merchant_id = %(merchant)s
    ) AS account
    CROSS JOIN generate_series(0, %(each)s - 1) AS nth
    CROSS JOIN LATERAL (
        SELECT %(starts_at)s::timestamptz
            + (nth / %(session)s) * (interval '1 day' * %(days)s / (%(each)s / %(session)s + 1))
            + (nth %% %(session)s) * interval '7 minutes'
            + (number * 7919 %% 1500) * interval '1 second' AS at
    ) AS moment
    ORDER BY at
"""

_INSERT_REQUESTS = """
    INSERT INTO requests_meteredrequest (id, merchant_id, customer_id, request_id, meter_id, rate_id, cycle_id, status,
        provider, provider_key_type, model, endpoint, response_id, input_tokens, output_tokens, input_characters,
        output_characters, input_seconds, output_seconds, currency, charge, used_before, quantity, breakdown,
        balance_before, balance_after, first_entry_seq, entry_count, metadata, created_at)
    SELECT id, merchant_id, customer_id, left(md5(id::text), 16) || '-charged-in-history.', %(meter)s, %(rate)s,
        cycle_id, 'completed', '', 'unmanaged', '', '', '', input_tokens, output_tokens, 0, 0, 0, 0, currency, charge,
        used + nth * quantity, quantity,
        jsonb_build_array(jsonb_build_object('start', '0', 'rate', '2', 'quantity', quantity::text,
            'amount', charge::numeric(20, 10)::text)),
        balance - nth * charge, balance - (nth + 1) * charge, last_seq + nth + 1, 1, '{"feature": "chat"}', at
    FROM history
"""

_INSERT_ENTRIES = """
    INSERT INTO ledger_ledgerentry (id, merchant_id, customer_id, currency, seq, kind, amount, grant_id, balance_after,
        source_id, idempotency_key, created_at, actor, reason)
    SELECT entry_id, merchant_id, customer_id, currency, last_seq + nth + 1, 'usage', -charge, grant_id,
        balance - (nth + 1) * charge, id, 'request:' || left(id::text, 26) || '/0', at, 'system', ''
    FROM history
"""

_INSERT_ROLLUPS = """
    INSERT INTO requests_hourlyrollup (merchant_id, customer_id, hour_at, meter_id, provider, model, requests,
        requests_without_cost, tokens, characters, seconds, cost, charge)
    SELECT merchant_id, customer_id, date_trunc('hour', at, 'UTC'), %(meter)s, '', '', count(*), count(*),
        sum(quantity), 0, 0, 0, sum(charge)
    FROM history GROUP BY merchant_id, customer_id, date_trunc('hour', at, 'UTC')
"""

_ADD_UP = """
    CREATE TEMPORARY TABLE total AS
    SELECT merchant_id, customer_id, grant_id, cycle_id, sum(charge) AS charge, sum(quantity) AS quantity,
        count(*) AS requests
    FROM history GROUP BY 1, 2, 3, 4
"""

_UPDATE_BALANCES = """
    UPDATE ledger_balance b SET balance = b.balance - t.charge, last_seq = b.last_seq + t.requests
    FROM total t WHERE b.merchant_id = t.merchant_id AND b.customer_id = t.customer_id
"""

_UPDATE_GRANTS = """
    UPDATE ledger_grant g SET remaining = g.remaining - t.charge
    FROM total t WHERE g.merchant_id = t.merchant_id AND g.id = t.grant_id
"""

_ADD_TO_COUNTERS = """
    INSERT INTO requests_metercounter AS k (merchant_id, customer_id, meter_id, cycle_id, quantity)
    SELECT merchant_id, customer_id, %(meter)s, cycle_id, quantity FROM total
    ON CONFLICT (merchant_id, customer_id, meter_id, cycle_id) DO UPDATE SET quantity = k.quantity + excluded.quantity
"""

_STATEMENTS = (
    _REQUESTS,
    "ANALYZE history",
    _INSERT_REQUESTS,
    _INSERT_ENTRIES,
    _INSERT_ROLLUPS,
    _ADD_UP,
    _UPDATE_BALANCES,
    _UPDATE_GRANTS,
    _ADD_TO_COUNTERS,
)


def signed_up_at(now: datetime) -> datetime:
    """When the customers came, so that the history falls into their first cycle."""
    return now - timedelta(days=DAYS + 1)


def store_history(url: str, books: list[Book], *, requests: int, now: datetime) -> None:
    """Store about `requests` requests in all, with their entries, rollups, counters, grants and balances."""
    with ThreadPoolExecutor(len(books)) as threads:
        each = [requests // len(books) // book.customers for book in books]
        list(threads.map(_store, [url] * len(books), books, each, [now] * len(books)))


def _store(url: str, book: Book, each: int, now: datetime) -> None:
    """Give every customer of a book `each` requests."""
    starts_at = (now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    values = {
        "merchant": book.merchant.pk,
        "meter": book.meter_id,
        "rate": book.rate_id,
        "each": each,
        "session": SESSION,
        "days": DAYS,
        "starts_at": starts_at,
    }
    # CREATE TABLE AS takes no parameters, so they are written into the statements.
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET work_mem = '256MB'")
        for statement in _STATEMENTS:
            connection.execute(statement, values)
