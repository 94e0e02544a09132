"""Where Python's own time goes: stacks sampled by CPU time while batches are charged in this process.

Sampling the web process itself would mislead: its threads take turns, and a sampler sees whoever waits for a turn.
One thread alone shows what the work costs; what the real process uses beyond it is HTTP and taking turns.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

EVERY_SECONDS = 0.001
DEPTH_MAX = 80


@dataclass(slots=True)
class Stacks:
    """Sampled stacks of `apps` code, and what was done while they were taken."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    done: int = 0
    outermost_first: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def microseconds(self, samples: int) -> float:
        """CPU time per request that so many samples stand for."""
        total = sum(self.outermost_first.values())
        return samples / total * self.cpu_seconds / self.done * 1e6 if total and self.done else 0.0

    def inclusive(self) -> Iterator[tuple[str, float]]:
        """Functions of ours with the µs of CPU per request spent in and below them, most first."""
        counted: Counter[str] = Counter()
        for stack, samples in self.outermost_first.items():
            for function in set(stack):
                counted[function] += samples
        for function, samples in counted.most_common():
            yield function, self.microseconds(samples)

    def own(self) -> Iterator[tuple[str, float]]:
        """Functions of ours with the µs spent in themselves and the libraries they call."""
        counted: Counter[str] = Counter()
        for stack, samples in self.outermost_first.items():
            counted[stack[-1]] += samples
        for function, samples in counted.most_common():
            yield function, self.microseconds(samples)


def sample(work: Callable[[], int], *, seconds: float) -> Stacks:
    """Repeat `work`, which says how many requests it charged, and sample the stack by CPU time."""
    stacks = Stacks()

    def take(_: int, frame: FrameType | None) -> None:
        stacks.outermost_first[_ours(frame)] += 1

    before = signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        while time.perf_counter() - wall < seconds:
            stacks.done += work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    stacks.wall_seconds = time.perf_counter() - wall
    stacks.cpu_seconds = time.process_time() - cpu
    return stacks


def _ours(frame: FrameType | None) -> tuple[str, ...]:
    """The frames of `apps`, outermost first; a comprehension counts as the function it is in."""
    names: list[str] = []
    while frame is not None and len(names) < DEPTH_MAX:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("apps."):
            qualified = frame.f_code.co_qualname
            name = f"{module.removeprefix('apps.')}.{qualified.partition('.<locals>')[0]}"
            if not names or names[-1] != name:
                names.append(name)
        frame = frame.f_back
    return tuple(reversed(names)) or ("(outside)",)
