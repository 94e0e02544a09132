"""Which grants pay a charge, in what order, and what is left for the deficit.

A customer has $2 of cycle credits that expire on the 31st, $5 promotional and $10 bought, both without expiry.
A charge of $4 takes the $2 that would be lost first, then $2 of the promotional $5. A charge of $20 takes all
$17, and the other $3 become a deficit, which the next grant pays before anything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

BurndownKey = tuple[datetime, bool, datetime, str]

# Where credits without expiry stand in the order: after every real date.
NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one grant, zero or more, and what decides when it is spent."""

    grant_id: str
    remaining: Decimal
    expires_at: datetime | None
    promotional: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Draw:
    """One movement of a charge: `amount` off a grant, or onto the deficit when `grant_id` is None."""

    grant_id: str | None
    amount: Decimal


def burns_before(lot: Lot) -> BurndownKey:
    """The key that sorts lots into burndown order, a total order whatever the lots.

    The soonest to expire first and those without expiry last, so that customers lose as little as possible;
    among equals promotional before paid, so that what they paid for lasts longest; then the oldest.
    """
    return (lot.expires_at or NEVER, not lot.promotional, lot.created_at, lot.grant_id)


def draw_down(lots_in_order: Sequence[Lot], charge: Decimal) -> list[Draw]:
    """Spread `charge` over lots that are in burndown order; what they do not cover is one draw on the deficit.

    The draws add up to the charge, no lot gives more than it has, and a charge of zero draws nothing.
    """
    draws = []
    unpaid = charge
    for lot in lots_in_order:
        if unpaid <= 0:
            break
        if lot.remaining > 0:
            amount = min(lot.remaining, unpaid)
            draws.append(Draw(lot.grant_id, amount))
            unpaid -= amount
    if unpaid > 0:
        draws.append(Draw(None, unpaid))
    return draws


def pay_deficit(deficit: Decimal, amount: Decimal) -> Decimal:
    """How much of a new grant of `amount` goes to pay a `deficit`, given as the sum owed: zero or more."""
    return min(deficit, amount)
