"""How long and how much to measure."""

from dataclasses import dataclass
from typing import Final

CUSTOMERS: Final = 10_000
CONNECTIONS: Final = 64
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Options:
    """One invocation of the benchmark."""

    stored: int
    seconds: float
    rounds: int
    # How long to wait before each run for others on this machine to be quiet.
    patience: float = 10.0
    workers: int = 1
    audit: bool = True
    report: bool = True
    keep: bool = False


FULL = Options(stored=3_000_000, seconds=5.0, rounds=3)
QUICK = Options(stored=300_000, seconds=2.0, rounds=1)
