"""What a run measured, and what several runs of the same say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was answered after the warm-up, and what all of it cost."""

    seconds: float
    charges: int
    latencies: Sequence[float] = field(repr=False)  # in milliseconds, sorted
    charges_in_all: int  # with those of the warm-up
    client_busy: float  # CPU seconds of the load generator, with the warm-up

    @property
    def per_second(self) -> float:
        """Charges per second."""
        return self.charges / self.seconds

    def latency(self, percent: float) -> float:
        """The latency in milliseconds that `percent` of the answers do not exceed."""
        if not self.latencies:
            return math.nan
        return self.latencies[min(int(len(self.latencies) * percent / 100), len(self.latencies) - 1)]


@dataclass(frozen=True, slots=True)
class Metered:
    """A run, and whose CPU time it took: seconds by part, and the share of the machine that others took."""

    run: Run
    cpu: Mapping[str, float]
    disturbed: float

    def microseconds(self, part: str) -> float:
        """CPU time of a part per charge."""
        return self.cpu.get(part, 0.0) / self.run.charges_in_all * 1e6


@dataclass(slots=True)
class Series:
    """Several runs of the same."""

    name: str
    runs: list[Metered] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """The median."""
        return median(metered.run.per_second for metered in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The slowest and the fastest run."""
        rates = [metered.run.per_second for metered in self.runs]
        return min(rates), max(rates)

    @property
    def disturbed(self) -> float:
        """The share of the machine that others took in the worst run."""
        return max(metered.disturbed for metered in self.runs)

    def latency(self, percent: float) -> float:
        """The median of the runs' percentiles, in milliseconds."""
        return median(metered.run.latency(percent) for metered in self.runs)

    def microseconds(self, part: str) -> float:
        """The median CPU time of a part per charge."""
        return median(metered.microseconds(part) for metered in self.runs)
