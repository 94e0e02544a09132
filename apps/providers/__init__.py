"""What did an AI provider's answer use, and what does the provider ask for it?

`read_response` reads usage out of a provider's raw JSON answer; `cost_of` prices usage, whether it was
read from an answer or reported by an application. Pure Python: no database, no network, no clock.
"""

from apps.providers.costs import Cost, cost_of
from apps.providers.names import canonical_provider
from apps.providers.reading import ReadResponse, read_response
from apps.providers.usage import ProviderUsage, UsageUnreadable

__all__ = [
    "Cost",
    "ProviderUsage",
    "ReadResponse",
    "UsageUnreadable",
    "canonical_provider",
    "cost_of",
    "read_response",
]
