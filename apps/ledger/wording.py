"""How the reasons for which credits move are said on pages."""

from typing import Final

from apps.ledger.kinds import Kind

KIND_WORDS: Final = {
    Kind.GRANT_CYCLE: "cycle credits",
    Kind.GRANT_BUNDLE: "bundle bought",
    Kind.GRANT_OVERAGE: "overage paid",
    Kind.GRANT_PROMOTIONAL: "credits given",
    Kind.DEFICIT_PAID: "deficit paid",
    Kind.ADJUSTMENT: "adjustment",
    Kind.ROLLOVER_IN: "rolled over, in",
    Kind.ROLLOVER_OUT: "rolled over, out",
    Kind.USAGE: "usage",
    Kind.EXPIRY: "expired",
    Kind.REFUND_CLAWBACK: "refund",
    Kind.REVERSAL: "reversal",
}
