"""What happens to the credits left at the end of a cycle: which roll over, and which expire.

A customer has $6 promotional and $10 of plan credits left, and the plan rolls over at most $12. The $10 roll
over whole; of the promotional credits $2 roll over and $4 expire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.ledger.rules.burndown import Lot, burns_before


@dataclass(frozen=True, slots=True)
class RolloverSplit:
    """What is left of one grant at the end of a cycle: `rolled` moves on, `expired` is lost."""

    grant_id: str
    rolled: Decimal
    expired: Decimal


def rollover_split(remaining: Sequence[Lot], *, cap: Decimal | None) -> list[RolloverSplit]:
    """Divide what is left of each lot, in burndown order, so that at most `cap` rolls over.

    None rolls over all of it, zero nothing. A cap takes from the front of the burndown order, as spending
    would have: the credits that would have been spent first expire, and what the customer keeps is what would
    have lasted longest. So promotional credits are lost before paid ones. Each lot's `rolled` and `expired`
    add up to its remainder.
    """
    room = sum((lot.remaining for lot in remaining), Decimal(0)) if cap is None else cap
    splits = []
    for lot in sorted(remaining, key=burns_before, reverse=True):
        rolled = min(lot.remaining, room)
        splits.append(RolloverSplit(lot.grant_id, rolled, lot.remaining - rolled))
        room -= rolled
    return splits[::-1]
