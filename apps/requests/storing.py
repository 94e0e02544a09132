"""The statements of a charge: what it reads besides the account, and the rows it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
import psycopg

from apps.core.money import ZERO
from apps.core.pg import Pipe, array, text_array, timestamp_array
from apps.core.public_ids import Id
from apps.requests.models import MeteredRequest
from apps.requests.records import RequestRecord

RequestKey = tuple[Id, str]
"""(merchant id, request_id)"""

CounterKey = tuple[Id, Id, Id, Id]
"""(merchant id, customer id, meter id, cycle id)"""

Summed = RequestRecord | MeteredRequest

_encode = msgspec.json.Encoder(decimal_format="string").encode

# Column by column, as RequestRecord has them: its name, its type, and whether its text needs quoting.
_COLUMNS: Final = (
    ("id", "uuid", False),
    ("merchant_id", "uuid", False),
    ("customer_id", "uuid", False),
    ("request_id", "text", True),
    ("meter_id", "uuid", False),
    ("rate_id", "uuid", False),
    ("cycle_id", "uuid", False),
    ("status", "text", False),
    ("provider", "text", True),
    ("provider_key_type", "text", False),
    ("model", "text", True),
    ("endpoint", "text", True),
    ("response_id", "text", True),
    ("input_tokens", "bigint", False),
    ("output_tokens", "bigint", False),
    ("input_characters", "bigint", False),
    ("output_characters", "bigint", False),
    ("input_seconds", "numeric", False),
    ("output_seconds", "numeric", False),
    ("currency", "text", False),
    ("input_cost", "numeric", False),
    ("output_cost", "numeric", False),
    ("cost", "numeric", False),
    ("charge", "numeric", False),
    ("used_before", "numeric", False),
    ("quantity", "numeric", False),
    ("breakdown", "jsonb", True),
    ("balance_before", "numeric", False),
    ("balance_after", "numeric", False),
    ("first_entry_seq", "bigint", False),
    ("entry_count", "smallint", False),
    ("metadata", "jsonb", True),
    ("created_at", "timestamptz", True),
)
_row = attrgetter(*[name for name, _, _ in _COLUMNS])
_NAMES: Final = ", ".join(name for name, _, _ in _COLUMNS)
_TYPES: Final = ", ".join(f"%s::{kind}[]" for _, kind, _ in _COLUMNS)

_INSERT: Final = f"INSERT INTO requests_meteredrequest ({_NAMES}) SELECT * FROM unnest({_TYPES})"

_KNOWN: Final = f"""
    SELECT {", ".join(f"r.{name}" for name, _, _ in _COLUMNS)}, r.voided_at, m.rate_type, m.tier_type
    FROM unnest(%s::uuid[], %s::text[]) AS wanted (merchant_id, request_id)
    JOIN requests_meteredrequest r USING (merchant_id, request_id)
    JOIN meters_meter m ON m.merchant_id = r.merchant_id AND m.id = r.meter_id
"""

_COUNTERS: Final = """
    SELECT k.merchant_id, k.customer_id, k.meter_id, k.cycle_id, k.quantity
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS wanted (merchant_id, customer_id, meter_id)
    JOIN subscriptions_cycle y USING (merchant_id, customer_id)
    JOIN requests_metercounter k
        ON k.merchant_id = y.merchant_id AND k.customer_id = y.customer_id
        AND k.meter_id = wanted.meter_id AND k.cycle_id = y.id
    WHERE y.closed_at IS NULL
"""

_SET_COUNTERS: Final = """
    INSERT INTO requests_metercounter (merchant_id, customer_id, meter_id, cycle_id, quantity)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::numeric[])
    ON CONFLICT (merchant_id, customer_id, meter_id, cycle_id) DO UPDATE SET quantity = excluded.quantity
"""

_ADD_TO_ROLLUPS: Final = """
    INSERT INTO requests_hourlyrollup AS old (merchant_id, customer_id, hour_at, meter_id, provider, model,
        requests, requests_without_cost, tokens, characters, seconds, cost, charge)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::text[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[])
    ON CONFLICT (merchant_id, customer_id, hour_at, meter_id, provider, model) DO UPDATE SET
        requests = old.requests + excluded.requests,
        requests_without_cost = old.requests_without_cost + excluded.requests_without_cost,
        tokens = old.tokens + excluded.tokens,
        characters = old.characters + excluded.characters,
        seconds = old.seconds + excluded.seconds,
        cost = old.cost + excluded.cost,
        charge = old.charge + excluded.charge
"""


def send_known(pipe: Pipe, keys: Iterable[RequestKey]) -> psycopg.Cursor[Any]:
    """Ask which of these requests are recorded, without waiting for the answer yet."""
    wanted = list(keys)
    return pipe.send(_KNOWN, (array([key[0] for key in wanted]), text_array([key[1] for key in wanted])))


def known_from(cursor: psycopg.Cursor[Any]) -> dict[RequestKey, RequestRecord]:
    """The answer: the recorded requests."""
    return {(record.merchant_id, record.request_id): record for record in map(_record, cursor.fetchall())}


def _record(row: tuple[Any, ...]) -> RequestRecord:
    record = RequestRecord(*row)
    record.breakdown = msgspec.json.decode(cast(str, record.breakdown))
    record.metadata = msgspec.json.decode(cast(str, record.metadata))
    return record


def send_counters(pipe: Pipe, keys: Iterable[tuple[Id, Id, Id]]) -> psycopg.Cursor[Any]:
    """Ask how much of these meters these customers have used in their open cycles."""
    wanted = list(keys)
    return pipe.send(_COUNTERS, tuple(array([key[column] for key in wanted]) for column in range(3)))


def counters_from(cursor: psycopg.Cursor[Any]) -> dict[CounterKey, Decimal]:
    """The answer; a meter not used in this cycle is not in it."""
    return {(row[0], row[1], row[2], row[3]): row[4] for row in cursor.fetchall()}


def insert_requests(pipe: Pipe, records: Sequence[RequestRecord]) -> None:
    """Record these requests; one that is recorded already makes the whole transaction fail."""
    columns = zip(*map(_row, records), strict=True)
    pipe.send(
        _INSERT,
        [_literal(kind, quoted, values) for (_, kind, quoted), values in zip(_COLUMNS, columns, strict=True)],
    )


def _literal(kind: str, quoted: bool, values: tuple[Any, ...]) -> str:
    if kind == "jsonb":
        return text_array([_encode(value).decode() for value in values])
    if kind == "timestamptz":
        return timestamp_array(values)
    return text_array(values) if quoted else array(values)


def set_counters(pipe: Pipe, counters: dict[CounterKey, Decimal]) -> None:
    """Write down where these customers now stand in the tiers of these meters."""
    keys = list(counters)
    columns = [array([key[column] for key in keys]) for column in range(4)]
    pipe.send(_SET_COUNTERS, (*columns, array(counters.values())))


@dataclass(slots=True)
class _Sums:
    requests: int = 0
    requests_without_cost: int = 0
    tokens: int = 0
    characters: int = 0
    seconds: Decimal = ZERO
    cost: Decimal = ZERO
    charge: Decimal = ZERO

    def add(self, record: Summed) -> None:
        self.requests += 1
        self.tokens += record.input_tokens + record.output_tokens
        self.characters += record.input_characters + record.output_characters
        self.seconds += record.input_seconds + record.output_seconds
        self.charge += record.charge
        if record.cost is None:
            self.requests_without_cost += 1
        else:
            self.cost += record.cost


def add_to_rollups(pipe: Pipe, records: Sequence[Summed], *, sign: int = 1) -> None:
    """Add these requests to the sums of their hours; `sign=-1` takes them out again."""
    sums: dict[tuple[Id, Id, datetime, Id, str, str], _Sums] = {}
    for record in records:
        hour_at = record.created_at.replace(minute=0, second=0, microsecond=0)
        key = (
            str(record.merchant_id),
            str(record.customer_id),
            hour_at,
            str(record.meter_id),
            record.provider,
            record.model,
        )
        sums.setdefault(key, _Sums()).add(record)
    keys, totals = list(sums), list(sums.values())
    pipe.send(
        _ADD_TO_ROLLUPS,
        (
            array([key[0] for key in keys]),
            array([key[1] for key in keys]),
            timestamp_array(key[2] for key in keys),
            array([key[3] for key in keys]),
            text_array([key[4] for key in keys]),
            text_array([key[5] for key in keys]),
            array([sign * total.requests for total in totals]),
            array([sign * total.requests_without_cost for total in totals]),
            array([sign * total.tokens for total in totals]),
            array([sign * total.characters for total in totals]),
            array([sign * total.seconds for total in totals]),
            array([sign * total.cost for total in totals]),
            array([sign * total.charge for total in totals]),
        ),
    )
