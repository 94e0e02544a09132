"""Are the books right? Recomputes from the rows themselves what must always be true, and says every difference.

Each app states what must be true of its rows in its `invariants.py`, with the checks that prove it:

    A1 = invariant("A1", "a customer's balance is the sum of their entries")

    @A1.proved_by(LedgerEntry)
    def entries_follow_each_other(books: Books) -> Iterator[Finding]: ...

A check reads with one statement, which sees one moment: a charge made meanwhile is wholly in it or not at all, and
never looks like a difference. It takes no lock and writes nothing, so it holds no charge up. Moments are short on
purpose: as long as one is looked at, PostgreSQL keeps every version of every row since, and a busy customer's
balance has a thousand a second; one moment for a whole audit made their charges five times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any, ClassVar, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from django.db import connection, transaction
from psycopg import sql
from psycopg.rows import namedtuple_row

from apps.core.errors import LavaError
from apps.core.public_ids import public_id
from apps.ledger.models import AuditRun
from apps.merchants.models import Merchant
from apps.merchants.tenancy import TenantRow

LATE: Final = timedelta(minutes=15)
"""How long a sweep may take to do what is due before its absence is a difference."""

MOST_KEPT: Final = 1_000
"""How many differences of one run are stored; one broken import can make millions."""

PAGE_ROWS: Final = 20_000

# On a large book an audit takes minutes; it then runs less often, and leaves most of the time to the charges.
SHARE_OF_TIME: Final = 5


class NoSuchInvariant(LavaError):
    """There is no invariant with this id."""

    code: ClassVar[str] = "no_such_invariant"


def plain(number: Decimal) -> str:
    """A number as a finding says it: exact, and without the zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Finding(NamedTuple):
    """Where a check finds that its invariant does not hold: whose row, which, and both numbers."""

    merchant_id: UUID
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding, and the invariant that it breaks."""

    invariant: str
    merchant_id: UUID
    subject: str
    message: str


Check = Callable[["Books"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence about the books that is always true, and the checks that look for where it is not."""

    id: str
    sentence: str
    checks: dict[Check, tuple[type[TenantRow], ...]] = field(default_factory=dict)

    def proved_by(self, *models: type[TenantRow]) -> Callable[[Check], Check]:
        """Register a check, which examines all rows of these models. Apps above may add theirs."""

        def register(check: Check) -> Check:
            self.checks[check] = models
            return check

        return register


_invariants: dict[str, Invariant] = {}


def invariant(id: str, sentence: str) -> Invariant:
    """State an invariant; its id is its own for good, because reports and runbooks name it."""
    assert id not in _invariants, f"two invariants are called {id}"
    _invariants[id] = stated = Invariant(id, sentence)
    return stated


def invariants(only: Collection[str] = ()) -> list[Invariant]:
    """Every invariant in the order of the ids, or `only` these. Raises NoSuchInvariant."""
    unknown = sorted(set(only) - _invariants.keys())
    if unknown:
        raise NoSuchInvariant(f"There is no invariant {', '.join(unknown)}; there are {', '.join(_invariants)}.")
    return sorted((_invariants[id] for id in set(only) or _invariants), key=lambda stated: int(stated.id[1:]))


class Books:
    """What the checks read: one merchant's rows, or everybody's, looked at as of `at`.

    In a query `{scope}` is the condition that limits a table to the rows looked at.
    """

    def __init__(self, at: datetime, merchant: Merchant | None) -> None:
        self.at = at
        self._scope: sql.Composable = sql.SQL("TRUE")
        if merchant is not None:
            self._scope = sql.SQL("merchant_id = {}").format(merchant.pk)
        self._modes: dict[UUID, str] = dict(Merchant.objects.values_list("id", "mode"))
        self._counted: dict[type[TenantRow], int] = {}

    def rows(self, query: str, **parameters: object) -> Iterable[Any]:
        """The rows of a query that finds differences."""
        return _read(sql.SQL(query).format(scope=self._scope), parameters)

    def pages(self, query: str) -> Iterator[Any]:
        """Every row of a table, some thousands at a time, for a check that needs Python and no other row.

        In the query `{page}` stands behind the table's name and says which rows are next. It must drop none of
        them and return them in the order of their `merchant_id` and `id`.
        """
        page = sql.SQL("WHERE {} AND {} ORDER BY merchant_id, id LIMIT {}")
        after: sql.Composable = sql.SQL("TRUE")
        while True:
            row = None
            for row in _read(sql.SQL(query).format(page=page.format(self._scope, after, PAGE_ROWS)), {}):
                yield row
            if row is None:
                return
            after = sql.SQL("(merchant_id, id) > ({}, {})").format(row.merchant_id, row.id)

    def count(self, model: type[TenantRow]) -> int:
        """How many rows of a model are looked at."""
        if model not in self._counted:
            [row] = self.rows(f"SELECT count(*) AS examined FROM {model._meta.db_table} WHERE {{scope}}")
            self._counted[model] = row.examined
        return self._counted[model]

    def public_id(self, prefix: str, merchant_id: UUID, id: UUID) -> str:
        """The id as the API and the dashboard show it, so that a finding can be looked up."""
        return public_id(prefix, self._modes.get(merchant_id, "unknown"), id)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of proving one invariant: no differences is what it should be."""

    invariant: Invariant
    differences: list[Difference]
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found, invariant by invariant."""

    at: datetime
    proofs: list[Proof]

    @property
    def differences(self) -> list[Difference]:
        return [difference for proof in self.proofs for difference in proof.differences]

    @property
    def seconds(self) -> float:
        return sum(proof.seconds for proof in self.proofs)

    @property
    def rows(self) -> int:
        return sum(proof.rows for proof in self.proofs)


def run_audit(*, at: datetime, merchant: Merchant | None = None, only: Collection[str] = ()) -> AuditReport:
    """Prove every invariant, or `only` some, for everybody or one merchant. Writes nothing. Raises NoSuchInvariant."""
    chosen, books = invariants(only), Books(at, merchant)
    return AuditReport(at, [_prove(stated, books) for stated in chosen])


def audit_and_store(*, at: datetime) -> AuditReport:
    """Prove every invariant for everybody and store what was found, where the dashboard shows it."""
    report = run_audit(at=at)
    AuditRun.objects.create(
        started_at=at,
        seconds=report.seconds,
        differences=len(report.differences),
        detail=[{**asdict(found), "merchant_id": str(found.merchant_id)} for found in report.differences[:MOST_KEPT]],
    )
    return report


def audit_is_due(*, at: datetime) -> bool:
    """Whether enough time has passed since the last audit for another one to take a fifth of it at most."""
    last = AuditRun.objects.order_by("-started_at").first()
    return last is None or at >= last.started_at + timedelta(seconds=SHARE_OF_TIME * last.seconds)


def _prove(stated: Invariant, books: Books) -> Proof:
    started = perf_counter()
    differences = [Difference(stated.id, *finding) for check in stated.checks for finding in check(books)]
    rows = sum(books.count(model) for models in stated.checks.values() for model in models)
    return Proof(stated, differences, rows, perf_counter() - started)


def _read(query: sql.Composed, parameters: dict[str, object]) -> Iterable[Any]:
    """The rows of one statement, with the columns' names, as of the moment it begins.

    All of them have been received, but each becomes Python's only when its turn comes, which is three times cheaper.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            _allow_long_reads()
        raw = cast("psycopg.Connection[Any]", connection.connection)
        return psycopg.ClientCursor(raw, row_factory=namedtuple_row).execute(query, parameters)


def _allow_long_reads() -> None:
    """In this transaction, which only reads: the limits that keep a web request short are not for a whole book."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '128MB'")
