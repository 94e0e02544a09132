"""The only writer of the books: locks accounts, reads them, and writes down what was done to them.

    with pipelined_transaction() as pipe:
        account = open_account(pipe, merchant_id, customer_id, at=at)
        account.grant(...)
        write(pipe, [account])

Every posting for a customer queues on the customer's balance row. Accounts are locked in the order
of their ids, so two batches never wait for each other in a circle. What an account holds is read by a
later statement than the lock: under READ COMMITTED a statement sees the world as it was when it
began, which may be before the lock it then waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from apps.core.errors import LavaError
from apps.core.pg import Pipe, array, text_array, timestamp_array
from apps.core.public_ids import FreshIds, Id
from apps.ledger.accounts import Account, AccountKey, GrantRow, NewEntry
from apps.ledger.kinds import Origin
from apps.ledger.rules.burndown import Lot, burns_before


class AccountMissing(LavaError):
    """There is no such customer at this merchant."""

    code: ClassVar[str] = "customer_not_found"
    status: ClassVar[int] = 404


_LOCK = """
    SELECT b.merchant_id, b.customer_id, b.currency, b.balance, b.deficit, b.held, b.last_seq
    FROM unnest(%s::uuid[], %s::uuid[]) AS wanted (merchant_id, customer_id)
    JOIN ledger_balance b USING (merchant_id, customer_id)
    ORDER BY b.merchant_id, b.customer_id
    FOR UPDATE OF b
"""

_LOTS = """
    SELECT g.merchant_id, g.customer_id, g.id, g.remaining, g.expires_at, g.origin, g.created_at
    FROM unnest(%s::uuid[], %s::uuid[]) AS wanted (merchant_id, customer_id)
    JOIN ledger_grant g USING (merchant_id, customer_id)
    WHERE g.spent_at IS NULL AND g.remaining > 0
"""


class Opening:
    """Accounts that are being locked and read: the statements are sent, the answers not yet fetched."""

    def __init__(self, balances: psycopg.Cursor[Any], lots: psycopg.Cursor[Any], at: datetime) -> None:
        self._balances = balances
        self._lots = lots
        self._at = at

    def accounts(self) -> dict[AccountKey, Account]:
        """The accounts that exist, by (merchant id, customer id)."""
        ids = FreshIds(self._at)
        accounts: dict[AccountKey, Account] = {}
        for merchant_id, customer_id, currency, balance, deficit, held, seq in self._balances.fetchall():
            accounts[merchant_id, customer_id] = Account(
                merchant_id, customer_id, currency, balance, deficit, held, seq, ids
            )
        for (
            merchant_id,
            customer_id,
            grant_id,
            remaining,
            expires_at,
            origin,
            created_at,
        ) in self._lots.fetchall():
            account = accounts[merchant_id, customer_id]
            is_over = expires_at is not None and expires_at <= self._at
            lots = account.over if is_over else account.lots
            lots.append(Lot(grant_id, remaining, expires_at, origin == Origin.PROMOTIONAL, created_at))
        for account in accounts.values():
            if len(account.lots) > 1:
                account.lots.sort(key=burns_before)
        return accounts


def open_accounts(pipe: Pipe, keys: Iterable[AccountKey], *, at: datetime) -> Opening:
    """Lock the accounts of these customers and read them, without waiting for the answer yet."""
    wanted = sorted(set(keys))
    parameters = (array(key[0] for key in wanted), array(key[1] for key in wanted))
    return Opening(pipe.send(_LOCK, parameters), pipe.send(_LOTS, parameters), at)


def open_account(pipe: Pipe, merchant_id: UUID | Id, customer_id: UUID | Id, *, at: datetime) -> Account:
    """Lock one account and read it. Raises AccountMissing."""
    key = (str(merchant_id), str(customer_id))
    account = open_accounts(pipe, [key], at=at).accounts().get(key)
    if account is None:
        raise AccountMissing("There is no such customer.")
    return account


def write(pipe: Pipe, accounts: Sequence[Account]) -> None:
    """Write what was done to these accounts. Nothing is there for those to which nothing was done."""
    moved = [account for account in accounts if account.entries]
    if not moved:
        return
    _insert_grants(pipe, [(account, row) for account in moved for row in account.new_grants])
    _insert_entries(pipe, [(account, entry) for account in moved for entry in account.entries])
    _update_grants(pipe, moved)
    _update_balances(pipe, moved)


def _insert_grants(pipe: Pipe, rows: list[tuple[Account, GrantRow]]) -> None:
    if not rows:
        return
    pipe.send(
        """
        INSERT INTO ledger_grant (merchant_id, customer_id, currency, id, origin, pool, amount, remaining,
            expires_at, cycle_id, created_at, idempotency_key, actor, reason)
        SELECT m, c, currency, id, origin, pool, amount, amount, expires_at, cycle_id, at, key, actor, reason
        FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::numeric[],
            %s::timestamptz[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
            AS t (m, c, currency, id, origin, pool, amount, expires_at, cycle_id, at, key, actor, reason)
        """,
        (
            array(account.merchant_id for account, _ in rows),
            array(account.customer_id for account, _ in rows),
            array(account.currency for account, _ in rows),
            array(row.id for _, row in rows),
            array(row.given.origin.value for _, row in rows),
            array(row.given.pool.value for _, row in rows),
            array(row.given.amount for _, row in rows),
            array(_timestamp(row.given.expires_at) for _, row in rows),
            array(row.given.cycle_id for _, row in rows),
            timestamp_array(row.at for _, row in rows),
            text_array(row.given.key for _, row in rows),
            text_array(row.given.actor for _, row in rows),
            text_array(row.given.reason for _, row in rows),
        ),
    )


def _timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else f'"{moment.isoformat()}"'


_plain_of = attrgetter("id", "seq", "kind", "amount", "grant_id", "balance_after", "source_id")
_texts_of = attrgetter("idempotency_key", "actor", "reason")


def _insert_entries(pipe: Pipe, rows: list[tuple[Account, NewEntry]]) -> None:
    plain = zip(*[_plain_of(entry) for _, entry in rows], strict=True)
    texts = zip(*[_texts_of(entry) for _, entry in rows], strict=True)
    pipe.send(
        """
        INSERT INTO ledger_ledgerentry (merchant_id, customer_id, currency, id, seq, kind, amount, grant_id,
            balance_after, source_id, idempotency_key, actor, reason, created_at)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::bigint[], %s::text[],
            %s::numeric[], %s::uuid[], %s::numeric[], %s::uuid[], %s::text[], %s::text[], %s::text[],
            %s::timestamptz[])
        """,
        (
            array([account.merchant_id for account, _ in rows]),
            array([account.customer_id for account, _ in rows]),
            array([account.currency for account, _ in rows]),
            *(array(column) for column in plain),
            *(text_array(column) for column in texts),
            timestamp_array(entry.at for _, entry in rows),
        ),
    )


def _update_grants(pipe: Pipe, accounts: list[Account]) -> None:
    rows = [
        (account.merchant_id, grant_id, remaining, account.entries[-1].at)
        for account in accounts
        for grant_id, remaining in account.changed.items()
    ]
    if not rows:
        return
    pipe.send(
        """
        UPDATE ledger_grant g
        SET remaining = t.remaining, spent_at = CASE WHEN t.remaining = 0 THEN t.at END
        FROM unnest(%s::uuid[], %s::uuid[], %s::numeric[], %s::timestamptz[]) AS t (merchant_id, id, remaining, at)
        WHERE g.merchant_id = t.merchant_id AND g.id = t.id
        """,
        (
            array([row[0] for row in rows]),
            array([row[1] for row in rows]),
            array([row[2] for row in rows]),
            timestamp_array(row[3] for row in rows),
        ),
    )


def _update_balances(pipe: Pipe, accounts: list[Account]) -> None:
    pipe.send(
        """
        UPDATE ledger_balance b
        SET balance = t.balance, deficit = t.deficit, held = t.held, last_seq = t.last_seq
        FROM unnest(%s::uuid[], %s::uuid[], %s::numeric[], %s::numeric[], %s::numeric[], %s::bigint[])
            AS t (merchant_id, customer_id, balance, deficit, held, last_seq)
        WHERE b.merchant_id = t.merchant_id AND b.customer_id = t.customer_id
        """,
        (
            array([account.merchant_id for account in accounts]),
            array([account.customer_id for account in accounts]),
            array([account.balance for account in accounts]),
            array([account.deficit for account in accounts]),
            array([account.held for account in accounts]),
            array([account.seq for account in accounts]),
        ),
    )
