"""What is always true of balances, lots, entries and holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from apps.core.money import ZERO
from apps.core.public_ids import CUSTOMER, GRANT
from apps.ledger.audit import LATE, Books, Finding, invariant, plain
from apps.ledger.kinds import Account
from apps.ledger.models import Balance, Grant, Hold, LedgerEntry
from apps.ledger.references import refers_to
from apps.merchants.models import RateWindow, SecretKey

refers_to(LedgerEntry, "source_id", LedgerEntry, only="kind = 'reversal'")
refers_to(RateWindow, "secret_key_id", SecretKey)

A1 = invariant("A1", "a customer's balance is the sum of their entries, numbered without a gap and added up one by one")

A2 = invariant("A2", "what is left of a grant is the sum of its entries, between zero and its amount")

A3 = invariant("A3", "a balance is what its lots have left less the deficit, and nobody owes while they have credits")

A5 = invariant("A5", "what is held is the sum of the open holds; none outlives its expiry, none released was charged")

A9 = invariant("A9", "what rolls over arrives, once per cycle, and nothing can be spent once it is over")

A16 = invariant("A16", "the double-entry journal sums to zero, and its liability is what customers have")


# --- A1: entries and balances --------------------------------------------------------------------

# Each entry against the one before it: the same as a running sum, but one wrong entry is one difference.
_BROKEN_CHAIN: Final = """
    SELECT * FROM (
        SELECT merchant_id, customer_id, seq, amount, balance_after,
            lag(seq, 1, 0::bigint) OVER account AS seq_before,
            lag(balance_after, 1, 0::numeric) OVER account AS balance_before
        FROM ledger_ledgerentry
        WHERE {scope}
        WINDOW account AS (PARTITION BY merchant_id, customer_id ORDER BY seq)
    ) AS entry
    WHERE seq <> seq_before + 1 OR balance_after <> balance_before + amount
"""


@A1.proved_by(LedgerEntry)
def entries_follow_each_other(books: Books) -> Iterator[Finding]:
    """Every entry has the next number and the balance that the one before it leaves."""
    for row in books.rows(_BROKEN_CHAIN):
        subject = f"{_customer(books, row)}, entry {row.seq}"
        if row.seq != row.seq_before + 1:
            yield Finding(row.merchant_id, subject, f"it follows entry {row.seq_before}, so there is a gap")
        else:
            message = (
                f"the balance after it is {plain(row.balance_after)}, "
                f"but {plain(row.balance_before)} and {plain(row.amount)} are {plain(row.balance_before + row.amount)}"
            )
            yield Finding(row.merchant_id, subject, message)


_WRONG_BALANCES: Final = """
    SELECT merchant_id, customer_id, balance, last_seq,
        coalesce(total, 0) AS total, coalesce(last_entry, 0) AS last_entry
    FROM (
        SELECT merchant_id, customer_id, sum(amount) AS total, max(seq) AS last_entry
        FROM ledger_ledgerentry WHERE {scope} GROUP BY merchant_id, customer_id
    ) AS entries
    FULL JOIN (
        SELECT merchant_id, customer_id, balance, last_seq FROM ledger_balance WHERE {scope}
    ) AS balances USING (merchant_id, customer_id)
    WHERE balance IS DISTINCT FROM coalesce(total, 0) OR last_seq IS DISTINCT FROM coalesce(last_entry, 0)
"""


@A1.proved_by(Balance)
def balances_are_sums(books: Books) -> Iterator[Finding]:
    """The cached balance and the last number are what the entries say."""
    for row in books.rows(_WRONG_BALANCES):
        subject = _customer(books, row)
        if row.balance is None:
            yield Finding(row.merchant_id, subject, f"there is no balance, but entries that sum to {plain(row.total)}")
            continue
        if row.balance != row.total:
            message = f"the balance is {plain(row.balance)}, but the entries sum to {plain(row.total)}"
            yield Finding(row.merchant_id, subject, message)
        if row.last_seq != row.last_entry:
            message = f"the balance counts {row.last_seq} entries, but the last one is number {row.last_entry}"
            yield Finding(row.merchant_id, subject, message)


# --- A2: grants ----------------------------------------------------------------------------------

_WRONG_REMAINDERS: Final = """
    SELECT merchant_id, customer_id, id, amount, remaining, coalesce(total, 0) AS total
    FROM (
        SELECT merchant_id, customer_id, grant_id AS id, sum(amount) AS total
        FROM ledger_ledgerentry WHERE grant_id IS NOT NULL AND {scope} GROUP BY merchant_id, customer_id, grant_id
    ) AS entries
    FULL JOIN (
        SELECT merchant_id, customer_id, id, amount, remaining FROM ledger_grant WHERE {scope}
    ) AS grants USING (merchant_id, customer_id, id)
    WHERE remaining IS DISTINCT FROM coalesce(total, 0) OR remaining NOT BETWEEN 0 AND amount
"""


@A2.proved_by(LedgerEntry, Grant)
def remainders_are_sums(books: Books) -> Iterator[Finding]:
    """A grant's remaining is the sum of its customer's entries on it, and possible."""
    for row in books.rows(_WRONG_REMAINDERS):
        subject = f"grant {books.public_id(GRANT, row.merchant_id, row.id)}"
        if row.remaining is None:
            message = f"it is not a lot of {_customer(books, row)}, whose entries on it sum to {plain(row.total)}"
            yield Finding(row.merchant_id, subject, message)
            continue
        if row.remaining != row.total:
            message = f"{plain(row.remaining)} remain, but its entries sum to {plain(row.total)}"
            yield Finding(row.merchant_id, subject, message)
        if not 0 <= row.remaining <= row.amount:
            yield Finding(row.merchant_id, subject, f"{plain(row.remaining)} remain of {plain(row.amount)}")


# The entry that gives a lot carries the lot's own key.
_WRONG_GIFTS: Final = """
    SELECT merchant_id, grants.id, grants.amount, entry.amount AS given
    FROM (SELECT merchant_id, id, amount, idempotency_key FROM ledger_grant WHERE {scope}) AS grants
    LEFT JOIN ledger_ledgerentry AS entry USING (merchant_id, idempotency_key)
    WHERE entry.grant_id IS DISTINCT FROM grants.id OR entry.amount IS DISTINCT FROM grants.amount
"""


@A2.proved_by(Grant)
def grants_are_given_by_an_entry(books: Books) -> Iterator[Finding]:
    """One entry gives the whole amount of a grant."""
    for row in books.rows(_WRONG_GIFTS):
        given = "no entry gives it" if row.given is None else f"its entry gives {plain(row.given)}"
        subject = f"grant {books.public_id(GRANT, row.merchant_id, row.id)}"
        yield Finding(row.merchant_id, subject, f"its amount is {plain(row.amount)}, but {given}")


# --- A3: lots and the deficit --------------------------------------------------------------------

# A lot that will be over within minutes does not count as spendable: a charge in this moment may have been
# made by a machine whose clock is ahead of ours.
_WRONG_DEFICITS: Final = """
    SELECT merchant_id, customer_id, balance, deficit, left_in_lots, spendable, owed
    FROM (
        SELECT merchant_id, customer_id, balance, deficit,
            coalesce(left_in_lots, 0) AS left_in_lots, coalesce(spendable, 0) AS spendable, coalesce(owed, 0) AS owed
        FROM (
            SELECT merchant_id, customer_id, balance, deficit FROM ledger_balance WHERE {scope}
        ) AS balances
        LEFT JOIN (
            SELECT merchant_id, customer_id, sum(remaining) AS left_in_lots,
                sum(remaining) FILTER (WHERE expires_at IS NULL OR expires_at > %(soon)s) AS spendable
            FROM ledger_grant WHERE remaining <> 0 AND {scope} GROUP BY merchant_id, customer_id
        ) AS lots USING (merchant_id, customer_id)
        LEFT JOIN (
            SELECT merchant_id, customer_id, -sum(amount) AS owed
            FROM ledger_ledgerentry WHERE grant_id IS NULL AND {scope} GROUP BY merchant_id, customer_id
        ) AS debts USING (merchant_id, customer_id)
    ) AS account
    WHERE balance <> left_in_lots - deficit OR deficit <> owed OR (deficit > 0 AND spendable > 0)
"""


@A3.proved_by(Balance, Grant, LedgerEntry)
def deficits_are_what_lots_do_not_cover(books: Books) -> Iterator[Finding]:
    """Lots and deficit make up the balance, the deficit is a sum of entries, and credits pay it at once."""
    for row in books.rows(_WRONG_DEFICITS, soon=books.at + LATE):
        subject = _customer(books, row)
        if row.balance != row.left_in_lots - row.deficit:
            makes = f"{plain(row.left_in_lots)} in lots less {plain(row.deficit)} owed"
            message = f"the balance is {plain(row.balance)}, but {makes} is {plain(row.left_in_lots - row.deficit)}"
            yield Finding(row.merchant_id, subject, message)
        if row.deficit != row.owed:
            message = f"the deficit is {plain(row.deficit)}, but the entries on it sum to {plain(row.owed)} owed"
            yield Finding(row.merchant_id, subject, message)
        if row.deficit > 0 and row.spendable > 0:
            message = f"{plain(row.deficit)} is owed, though lots that are not over have {plain(row.spendable)} left"
            yield Finding(row.merchant_id, subject, message)


# --- A5: holds -----------------------------------------------------------------------------------

_WRONG_HELD: Final = """
    SELECT merchant_id, customer_id, coalesce(held, 0) AS held, coalesce(total, 0) AS total
    FROM (
        SELECT merchant_id, customer_id, sum(amount) AS total
        FROM ledger_hold WHERE ended_at IS NULL AND {scope} GROUP BY merchant_id, customer_id
    ) AS holds
    FULL JOIN (
        SELECT merchant_id, customer_id, held FROM ledger_balance WHERE held <> 0 AND {scope}
    ) AS balances USING (merchant_id, customer_id)
    WHERE coalesce(held, 0) <> coalesce(total, 0)
"""

_FORGOTTEN_HOLDS: Final = """
    SELECT merchant_id, request_id, amount, expires_at
    FROM ledger_hold WHERE ended_at IS NULL AND expires_at < %(long_ago)s AND {scope}
"""


@A5.proved_by(Balance, Hold)
def held_is_a_sum(books: Books) -> Iterator[Finding]:
    """What a balance keeps back is what its open holds reserve."""
    for row in books.rows(_WRONG_HELD):
        message = f"{plain(row.held)} is held, but the open holds sum to {plain(row.total)}"
        yield Finding(row.merchant_id, _customer(books, row), message)


@A5.proved_by()
def holds_end(books: Books) -> Iterator[Finding]:
    """A hold that nobody came back for is released soon after it expires."""
    for row in books.rows(_FORGOTTEN_HOLDS, long_ago=books.at - LATE):
        message = f"it still reserves {plain(row.amount)}, though it expired at {row.expires_at:%Y-%m-%d %H:%M:%S}"
        yield Finding(row.merchant_id, f"hold for request {row.request_id!r}", message)


# --- A9: rollover and expiry ---------------------------------------------------------------------

# A renewal posts what leaves the old cycle, then what arrives in the new one: so the rollover entries of a
# customer, in their order, fall into runs that each end with an arrival and sum to zero.
_WRONG_ROLLOVERS: Final = """
    SELECT merchant_id, customer_id, min(seq) AS first_seq,
        coalesce(-sum(amount) FILTER (WHERE kind = 'rollover_out'), 0) AS left_behind,
        coalesce(sum(amount) FILTER (WHERE kind = 'rollover_in'), 0) AS arrived,
        count(DISTINCT source_id) FILTER (WHERE kind = 'rollover_out') AS cycles
    FROM (
        SELECT merchant_id, customer_id, seq, kind, amount, source_id,
            count(*) FILTER (WHERE kind = 'rollover_in') OVER (
                PARTITION BY merchant_id, customer_id ORDER BY seq
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS renewal
        FROM ledger_ledgerentry
        WHERE kind IN ('rollover_out', 'rollover_in') AND {scope}
    ) AS rollover
    GROUP BY merchant_id, customer_id, renewal
    HAVING sum(amount) <> 0 OR count(DISTINCT source_id) FILTER (WHERE kind = 'rollover_out') <> 1
"""

_SPENT_TOO_LATE: Final = """
    SELECT merchant_id, entry.customer_id, entry.seq, entry.amount, entry.created_at, lot.id, lot.expires_at
    FROM (
        SELECT merchant_id, customer_id, grant_id, seq, amount, created_at
        FROM ledger_ledgerentry WHERE kind = 'usage' AND grant_id IS NOT NULL AND {scope}
    ) AS entry
    JOIN ledger_grant AS lot USING (merchant_id)
    WHERE lot.id = entry.grant_id AND entry.created_at >= lot.expires_at
"""

_NOT_EXPIRED: Final = """
    SELECT merchant_id, id, remaining, expires_at
    FROM ledger_grant WHERE remaining > 0 AND cycle_id IS NULL AND expires_at < %(long_ago)s AND {scope}
"""


@A9.proved_by(LedgerEntry)
def rollovers_arrive(books: Books) -> Iterator[Finding]:
    """What a renewal takes out of one cycle's lots, it puts into the next cycle."""
    for row in books.rows(_WRONG_ROLLOVERS):
        subject = f"{_customer(books, row)}, renewal from entry {row.first_seq}"
        if row.left_behind != row.arrived:
            message = f"{plain(row.left_behind)} leaves the old cycle, but {plain(row.arrived)} arrives in the new one"
            yield Finding(row.merchant_id, subject, message)
        elif row.cycles != 1:
            message = f"{plain(row.arrived)} arrives from {row.cycles} cycles instead of one"
            yield Finding(row.merchant_id, subject, message)


@A9.proved_by(LedgerEntry)
def nothing_is_spent_after_expiry(books: Books) -> Iterator[Finding]:
    """Usage draws on a lot only before it is over."""
    for row in books.rows(_SPENT_TOO_LATE):
        message = (
            f"{plain(-row.amount)} was spent at {row.created_at:%Y-%m-%d %H:%M:%S} "
            f"out of {books.public_id(GRANT, row.merchant_id, row.id)}, over since {row.expires_at:%Y-%m-%d %H:%M:%S}"
        )
        yield Finding(row.merchant_id, f"{_customer(books, row)}, entry {row.seq}", message)


@A9.proved_by(Grant)
def what_is_over_expires(books: Books) -> Iterator[Finding]:
    """A lot with an expiry of its own is emptied soon after; one that ends with a cycle is the renewal's."""
    for row in books.rows(_NOT_EXPIRED, long_ago=books.at - LATE):
        message = f"{plain(row.remaining)} remain, though it expired at {row.expires_at:%Y-%m-%d %H:%M:%S}"
        yield Finding(row.merchant_id, f"grant {books.public_id(GRANT, row.merchant_id, row.id)}", message)


# --- A16: the journal ----------------------------------------------------------------------------

_JOURNAL: Final = """
    SELECT 'journal' AS source, merchant_id, currency, account, sum(amount) AS total
    FROM ledger_journal WHERE {scope} GROUP BY merchant_id, currency, account
    UNION ALL
    SELECT 'balances', merchant_id, currency, NULL, sum(balance)
    FROM ledger_balance WHERE {scope} GROUP BY merchant_id, currency
"""


@A16.proved_by(LedgerEntry, Balance)
def the_journal_balances(books: Books) -> Iterator[Finding]:
    """All accounts sum to zero, transfers do so alone, and the liability is what customers have."""
    accounts: dict[tuple[UUID, str], dict[str | None, Decimal]] = defaultdict(dict)
    owed: dict[tuple[UUID, str], Decimal] = defaultdict(lambda: ZERO)
    for row in books.rows(_JOURNAL):
        book = (row.merchant_id, row.currency)
        if row.source == "journal":
            accounts[book][row.account] = row.total
        else:
            owed[book] = row.total
    for book in accounts.keys() | owed.keys():
        for message in _imbalances(accounts[book], owed[book]):
            yield Finding(book[0], f"journal in {book[1]}", message)


def _imbalances(totals: dict[str | None, Decimal], owed: Decimal) -> Iterator[str]:
    total = sum(totals.values(), ZERO)
    transfers = totals.get(Account.TRANSFER, ZERO)
    liability = -totals.get(Account.CREDITS, ZERO)
    if total:
        yield f"its accounts sum to {plain(total)} instead of zero"
    if transfers:
        yield f"transfers between customers' own lots sum to {plain(transfers)} instead of zero"
    if liability != owed:
        yield f"it owes customers {plain(liability)}, but their balances sum to {plain(owed)}"
    if None in totals:
        yield f"{plain(totals[None])} was moved by entries of a kind that has no counter-account"


def _customer(books: Books, row: Any) -> str:
    return f"customer {books.public_id(CUSTOMER, row.merchant_id, row.customer_id)}"
