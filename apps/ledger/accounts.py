"""A customer's account while it is locked: every way credits can move, worked out in memory.

`posting` opens accounts (locks and reads them) and writes down what was done to them. In between,
nothing here touches the database, so a batch of charges and a renewal follow the same few rules:

- every movement is an entry on one lot, a grant or the deficit, with the next `seq` and the balance after it;
- a charge takes the lots in burndown order, and what they do not cover goes on the deficit;
- new credits pay the deficit first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from apps.core.money import AMOUNT_MAX, AmountTooLarge
from apps.core.public_ids import FreshIds, Id
from apps.ledger.kinds import GRANTED_BY, Kind, Origin, Pool
from apps.ledger.rules.burndown import Lot, burns_before, draw_down, pay_deficit

AccountKey = tuple[Id, Id]
"""(merchant id, customer id)"""


@dataclass(slots=True)
class NewEntry:
    """A ledger entry to write."""

    id: Id
    seq: int
    kind: Kind
    amount: Decimal
    grant_id: Id | None
    balance_after: Decimal
    source_id: Id | None
    idempotency_key: str
    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A lot of credits to give. `key` names this one gift: giving it twice is refused by the database."""

    origin: Origin
    pool: Pool
    amount: Decimal
    key: str
    expires_at: datetime | None = None
    cycle_id: Id | None = None
    actor: str = "system"
    reason: str = ""


@dataclass(slots=True)
class GrantRow:
    """A grant to insert, with what it has left once this transaction is over."""

    id: Id
    given: NewGrant
    at: datetime


@dataclass(frozen=True, slots=True)
class Movement:
    """What one charge did: its entries are `count` from `first_seq` on."""

    first_seq: int
    count: int
    balance_before: Decimal
    balance_after: Decimal


@dataclass(slots=True)
class Account:
    """A customer's balance and lots, locked until the transaction ends."""

    merchant_id: Id
    customer_id: Id
    currency: str
    balance: Decimal
    deficit: Decimal
    held: Decimal
    seq: int
    ids: FreshIds
    # Lots with credits left, in burndown order; those over at `at` are apart and are not spent.
    lots: list[Lot] = field(default_factory=list)
    over: list[Lot] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)
    new_grants: list[GrantRow] = field(default_factory=list)
    changed: dict[Id, Decimal] = field(default_factory=dict)

    @property
    def key(self) -> AccountKey:
        return (self.merchant_id, self.customer_id)

    @property
    def available(self) -> Decimal:
        """What a new hold could reserve."""
        return self.balance - self.held

    def lot(self, lot: Lot) -> Lot:
        """The lot as it is now, after what was done to it in this transaction."""
        return replace(lot, remaining=self.changed.get(lot.grant_id, lot.remaining))

    def charge(self, *, amount: Decimal, request_id: Id, at: datetime) -> Movement:
        """Take `amount` for a request: always, below zero when the lots do not cover it.

        Raises AmountTooLarge, having moved nothing, when the balance would leave what the books can hold.
        """
        if self.balance - amount < -AMOUNT_MAX:
            raise AmountTooLarge("this charge would take the balance beyond what the books can hold")
        before, first_seq = self.balance, self.seq + 1
        self._take(amount, Kind.USAGE, f"request:{request_id}", request_id, at, "system", "")
        return Movement(first_seq, self.seq + 1 - first_seq, before, self.balance)

    def take(self, *, amount: Decimal, kind: Kind, key: str, at: datetime, actor: str, reason: str) -> None:
        """Take credits for another reason than usage, in burndown order and below zero if need be."""
        self._take(amount, kind, key, None, at, actor, reason)

    def grant(self, given: NewGrant, *, at: datetime, source_id: Id | None = None) -> Id:
        """Give a lot of credits, which pays the deficit first. Returns the grant's id."""
        return self._give(given, GRANTED_BY[given.origin], at, source_id)

    def expire(self, lot: Lot, *, amount: Decimal, key: str, at: datetime, source_id: Id | None = None) -> None:
        """Take what is left unused of a lot that is over."""
        self._move_out(Kind.EXPIRY, lot, amount, f"{key}/expiry/{lot.grant_id}", at, source_id)

    def roll_over(self, lot: Lot, *, amount: Decimal, key: str, at: datetime, source_id: Id) -> None:
        """Take credits out of a lot to carry them into the next cycle, where a rollover grant takes them in."""
        self._move_out(Kind.ROLLOVER_OUT, lot, amount, f"{key}/rollover_out/{lot.grant_id}", at, source_id)

    def give_back(self, *, lot: Lot | None, amount: Decimal, entry_id: Id, instead: NewGrant, at: datetime) -> None:
        """Reverse one usage entry, on the lot it was drawn from (None: the deficit).

        What cannot go back there, because the deficit was paid meanwhile, comes as a fresh lot, `instead`.
        """
        if lot is not None:
            self._post(Kind.REVERSAL, amount, lot.grant_id, f"{instead.key}/lot", entry_id, at, instead)
            self._set_remaining(lot, lot.remaining + amount)
            self._pay_deficit_from(lot.grant_id, f"{instead.key}/deficit_paid", at)
            return
        forgiven = min(self.deficit, amount)
        if forgiven:
            self.deficit -= forgiven
            self._post(Kind.REVERSAL, forgiven, None, f"{instead.key}/deficit", entry_id, at, instead)
        if amount > forgiven:
            self.give_back_as(replace(instead, amount=amount - forgiven), entry_id=entry_id, at=at)

    def give_back_as(self, given: NewGrant, *, entry_id: Id, at: datetime) -> None:
        """Reverse one usage entry into a fresh lot, because the one it was drawn from is over."""
        self._give(given, Kind.REVERSAL, at, entry_id)

    def _move_out(self, kind: Kind, lot: Lot, amount: Decimal, key: str, at: datetime, source_id: Id | None) -> None:
        if amount:
            self._post(kind, -amount, lot.grant_id, key, source_id, at)
            self._set_remaining(lot, lot.remaining - amount)

    def _take(
        self,
        amount: Decimal,
        kind: Kind,
        key: str,
        source_id: Id | None,
        at: datetime,
        actor: str,
        reason: str,
    ) -> None:
        for line, draw in enumerate(draw_down(self.lots, amount)):
            self._post(kind, -draw.amount, draw.grant_id, f"{key}/{line}", source_id, at, actor=actor, reason=reason)
            if draw.grant_id is None:
                self.deficit += draw.amount
            else:
                # Lots are drawn from the front, and one that is empty leaves the list.
                self._set_remaining(self.lots[0], self.lots[0].remaining - draw.amount)

    def _give(self, given: NewGrant, kind: Kind, at: datetime, source_id: Id | None) -> Id:
        grant_id = self.ids.next()
        self.new_grants.append(GrantRow(grant_id, given, at))
        self._post(kind, given.amount, grant_id, given.key, source_id, at, given)
        lot = Lot(grant_id, given.amount, given.expires_at, given.origin is Origin.PROMOTIONAL, at)
        self.lots.append(lot)
        self.lots.sort(key=burns_before)
        self.changed[grant_id] = given.amount
        self._pay_deficit_from(grant_id, f"{given.key}/deficit_paid", at)
        return grant_id

    def _pay_deficit_from(self, grant_id: Id, key: str, at: datetime) -> None:
        lot = next(lot for lot in self.lots if lot.grant_id == grant_id)
        paid = pay_deficit(self.deficit, lot.remaining)
        if paid:
            self._post(Kind.DEFICIT_PAID, -paid, grant_id, f"{key}/out", None, at)
            self._set_remaining(lot, lot.remaining - paid)
            self.deficit -= paid
            self._post(Kind.DEFICIT_PAID, paid, None, f"{key}/in", None, at)

    def _set_remaining(self, lot: Lot, remaining: Decimal) -> None:
        self.changed[lot.grant_id] = remaining
        for lots in (self.lots, self.over):
            for place, held in enumerate(lots):
                if held.grant_id == lot.grant_id:
                    if remaining:
                        lots[place] = Lot(held.grant_id, remaining, held.expires_at, held.promotional, held.created_at)
                    else:
                        del lots[place]
                    return
        # A lot that was spent and is given credits back.
        self.lots.append(replace(lot, remaining=remaining))
        self.lots.sort(key=burns_before)

    def _post(
        self,
        kind: Kind,
        amount: Decimal,
        grant_id: Id | None,
        key: str,
        source_id: Id | None,
        at: datetime,
        given: NewGrant | None = None,
        *,
        actor: str = "system",
        reason: str = "",
    ) -> None:
        self.seq += 1
        self.balance += amount
        if given is not None:
            actor, reason = given.actor, given.reason
        self.entries.append(
            NewEntry(self.ids.next(), self.seq, kind, amount, grant_id, self.balance, source_id, key, at, actor, reason)
        )
