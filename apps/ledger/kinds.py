"""Why credits move, and from what they came: the words of the ledger.

Kept in code and checked there, not as field choices, so a new reason needs no migration.
"""

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Where a grant's credits came from."""

    CYCLE = "cycle"
    BUNDLE = "bundle"
    OVERAGE = "overage"
    PROMOTIONAL = "promotional"
    ROLLOVER = "rollover"
    ADJUSTMENT = "adjustment"


class Pool(StrEnum):
    """Which of the API's two figures a grant counts towards; a rollover stays in its pool."""

    CYCLE = "cycle"
    BUNDLE = "bundle"


class Account(StrEnum):
    """The accounts of the double-entry journal derived from the ledger."""

    CREDITS = "customer_credits"  # the liability: what customers may still use
    CASH = "cash"
    PROMOTION = "promotional_expense"
    REVENUE = "revenue"
    BREAKAGE = "breakage_revenue"
    TRANSFER = "transfers"  # between a customer's own lots; always sums to zero


class Kind(StrEnum):
    """Why one entry moved credits."""

    GRANT_CYCLE = "grant_cycle"
    GRANT_BUNDLE = "grant_bundle"
    GRANT_OVERAGE = "grant_overage"
    GRANT_PROMOTIONAL = "grant_promotional"
    DEFICIT_PAID = "deficit_paid"
    ADJUSTMENT = "adjustment"
    ROLLOVER_IN = "rollover_in"
    ROLLOVER_OUT = "rollover_out"
    USAGE = "usage"
    EXPIRY = "expiry"
    REFUND_CLAWBACK = "refund_clawback"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an entry of a kind may look like: its sign (0 for either) and its counter-account."""

    sign: int
    counter_account: Account


RULES: dict[Kind, Rule] = {
    Kind.GRANT_CYCLE: Rule(+1, Account.CASH),
    Kind.GRANT_BUNDLE: Rule(+1, Account.CASH),
    Kind.GRANT_OVERAGE: Rule(+1, Account.CASH),
    Kind.GRANT_PROMOTIONAL: Rule(+1, Account.PROMOTION),
    Kind.DEFICIT_PAID: Rule(0, Account.TRANSFER),
    Kind.ADJUSTMENT: Rule(0, Account.PROMOTION),
    Kind.ROLLOVER_IN: Rule(+1, Account.TRANSFER),
    Kind.ROLLOVER_OUT: Rule(-1, Account.TRANSFER),
    Kind.USAGE: Rule(-1, Account.REVENUE),
    Kind.EXPIRY: Rule(-1, Account.BREAKAGE),
    Kind.REFUND_CLAWBACK: Rule(-1, Account.CASH),
    Kind.REVERSAL: Rule(0, Account.REVENUE),
}

GRANTED_BY: dict[Origin, Kind] = {
    Origin.CYCLE: Kind.GRANT_CYCLE,
    Origin.BUNDLE: Kind.GRANT_BUNDLE,
    Origin.OVERAGE: Kind.GRANT_OVERAGE,
    Origin.PROMOTIONAL: Kind.GRANT_PROMOTIONAL,
    Origin.ROLLOVER: Kind.ROLLOVER_IN,
    Origin.ADJUSTMENT: Kind.ADJUSTMENT,
}
