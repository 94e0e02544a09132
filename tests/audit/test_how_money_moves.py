"""The page that explains the books tells a story that these tests have lived through."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from decimal import Decimal
from pathlib import Path

from django.db import connection

from apps.customers.models import Customer
from apps.ledger.audit import invariants
from apps.ledger.kinds import RULES
from apps.ledger.models import LedgerEntry
from tests.audit.conftest import Book

PAGE = (Path(__file__).parents[2] / "docs" / "how-money-moves.md").read_text(encoding="utf-8")


def table(*heads: str) -> list[list[str]]:
    """The rows of the page's table with these column heads, as plain texts."""
    _, _, after = PAGE.partition(f"| {' | '.join(heads)} |\n")
    rows = after.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]


def story() -> list[list[str]]:
    return table("#", "day", "what happens", "kind", "lot", "amount", "balance")


def entries_of(customer: Customer) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.for_merchant(customer.merchant).filter(customer_id=customer.pk).order_by("seq"))


def places(lots: Iterable[Hashable]) -> list[int]:
    """Which lot each entry is on: the first, the second and so on to appear."""
    order: dict[Hashable, int] = {}
    return [order.setdefault(lot, len(order)) for lot in lots]


def test_every_entry_of_the_story_is_real(book: Book) -> None:
    told = [
        (int(number), day, kind, Decimal(amount), Decimal(balance))
        for number, day, _, kind, _, amount, balance in story()
    ]
    assert told == [
        (entry.seq, f"{entry.created_at:%-d %B}", entry.kind, entry.amount, entry.balance_after)
        for entry in entries_of(book.ada)
    ]


def test_the_lots_of_the_story_are_real(book: Book) -> None:
    told = places(lot for _, _, _, _, lot, _, _ in story())
    assert told == places(entry.grant_id for entry in entries_of(book.ada))


def test_the_journal_of_the_story_is_real(book: Book) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account, sum(amount) FROM ledger_journal WHERE customer_id = %s GROUP BY account", [book.ada.pk]
        )
        real = dict(cursor.fetchall())
    assert {account: Decimal(total) for account, total, _ in table("account", "sum", "reads")} == real


def test_every_kind_and_every_invariant_is_on_the_page() -> None:
    told = {kind: account for kind, _, account in table("kind", "moves credits", "counter-account")}
    assert told == {kind.value: rule.counter_account.value for kind, rule in RULES.items()}
    assert dict(table("id", "what is always true")) == {stated.id: stated.sentence for stated in invariants()}
