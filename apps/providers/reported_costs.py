"""What does the provider itself say this answer costs, in US dollars?

    xAI          "usage": {"cost_in_usd_ticks": 37756000}             $0.0037756
    Perplexity   "usage": {"cost": {"total_cost": 0.006, …}}          $0.006
    OpenRouter   "usage": {"cost": 0.000102, "is_byok": false}        $0.000102
    OpenRouter   "usage": {"cost": 0.00001, "is_byok": true,
                  "cost_details": {"upstream_inference_cost": 0.0003}}   $0.00031

With `is_byok` the upstream provider bills the merchant's own key, and OpenRouter only its fee.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from apps.providers.fields import Fields
from apps.providers.usage import EXACT

TICKS_PER_DOLLAR_LOG10 = 10


def reported_cost(usage: Fields) -> Decimal | None:
    """The cost in an answer's `usage`; None when the provider does not say, zero when it says zero."""
    if usage.has("cost_in_usd_ticks"):
        return Decimal(usage.count("cost_in_usd_ticks")).scaleb(-TICKS_PER_DOLLAR_LOG10)
    if isinstance(usage.values.get("cost"), Mapping):
        return usage.nested("cost").amount("total_cost")
    if usage.has("is_byok", "cost_details"):
        return _openrouter_cost(usage)
    # A bare `cost` could be in any currency.
    return None


def _openrouter_cost(usage: Fields) -> Decimal | None:
    cost = usage.amount("cost")
    if cost is None or usage.values.get("is_byok") is not True:
        return cost
    upstream = usage.nested("cost_details").amount("upstream_inference_cost")
    return EXACT.add(cost, upstream or Decimal(0))
