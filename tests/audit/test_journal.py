"""The double-entry journal: a view whose words must stay those of the ledger's kinds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection, transaction

from apps.ledger.kinds import RULES, Account, Kind
from apps.ledger.models import Balance
from tests.audit.conftest import Book
from tests.factories.books import unlocked_ledger


def totals(book: Book) -> dict[str, Decimal]:
    """What each account of Acme's journal sums to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account, sum(amount) FROM ledger_journal WHERE merchant_id = %s GROUP BY account", [book.acme.pk]
        )
        return dict(cursor.fetchall())


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_the_counter_account_of_its_rule(book, kind):
    amount = -7 if RULES[kind].sign < 0 else 7
    with unlocked_ledger(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_ledgerentry SET kind = %s, amount = %s WHERE customer_id = %s AND seq = 1",
            [kind, amount, book.ada.pk],
        )
        cursor.execute("SELECT account, amount FROM ledger_journal WHERE customer_id = %s AND seq = 1", [book.ada.pk])
        lines = dict(cursor.fetchall())
    assert lines == {Account.CREDITS: -amount, RULES[kind].counter_account: amount}


def test_a_month_of_business_reads_as_an_accountant_would_book_it(book):
    owed = sum(balance.balance for balance in Balance.objects.for_merchant(book.acme))
    assert totals(book) == {
        Account.CREDITS: -owed,
        Account.CASH: Decimal(50),  # three cycles of Ada's, two of Ben's, at 10
        Account.PROMOTION: Decimal("4.5"),  # 5 given, 1 taken back, 0.5 given again
        Account.REVENUE: Decimal("-17.8"),
        Account.BREAKAGE: Decimal("-9.2"),  # 1 of Ada's and 5 of Ben's over the cap, 3.2 promotional
        Account.TRANSFER: Decimal(0),
    }


def test_a_correction_is_an_entry_never_an_edit(book):
    with pytest.raises(Exception, match=r"append-only|permission denied"), transaction.atomic():
        connection.cursor().execute("UPDATE ledger_ledgerentry SET amount = 1")
