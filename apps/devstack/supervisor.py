"""How are several processes kept running, and stopped together?

One thread does everything: it reads the parts' output, notices ends, starts again what died and listens
for Ctrl-C. So every part is forked from the main thread, with nothing else going on at that moment.
"""

import os
import selectors
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from apps.devstack import processes
from apps.devstack.errors import CannotStart
from apps.devstack.roll import Roll
from apps.devstack.stop_requests import StopRequests
from apps.devstack.terminal import Lines, say

TICK_SECONDS = 0.1
RESTART_SECONDS_MIN, RESTART_SECONDS_MAX = 0.5, 30.0
# A part that ran this long had started well: its next death counts as a first one.
STEADY_AFTER_SECONDS = 30.0
# Before everything is ready, this many deaths of one part say that trying again will not help.
DEATHS_MAX = 5


class StopAsked(Exception):
    """Ctrl-C, SIGTERM, or the terminal has gone away."""


class StepFailed(CannotStart):
    """A command that had to succeed before the rest can start did not."""


class PartKeepsDying(CannotStart):
    """A part ended again and again before everything was ready."""


@dataclass(frozen=True)
class Part:
    """Something to run. `launch` starts it, with its output going to the file descriptor it is given."""

    name: str
    launch: Callable[[int], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    stops_within_seconds: float = 15.0


@dataclass
class Run:
    """One process of a part, from its start to its end."""

    part: Part
    process: subprocess.Popen[bytes]
    output: int
    started: float
    lines: Lines = field(default_factory=Lines)
    answer: str | None = None
    is_silent: bool = False


class Supervisor:
    """Keeps parts running inside its `with` block and stops them at its end, the last started first."""

    def __init__(self, *, roll: Roll) -> None:
        self._roll = roll
        self._stop_requests = StopRequests()
        self._selector = selectors.DefaultSelector()
        self._runs: list[Run] = []
        self._due: list[tuple[float, Part]] = []
        self._deaths_in_a_row: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._stop_requests.__enter__()
        self._selector.register(self._stop_requests.wakeup, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        for run in reversed(self._runs):
            self._stop(run)
        self._selector.close()
        self._stop_requests.__exit__()

    def start(self, part: Part) -> None:
        """Start `part`, and from now on start it again whenever it ends."""
        self._runs.append(self._launch(part))

    def complete(self, step: Part) -> str:
        """Run `step` to its end while the parts go on; its last line is its answer, and is not shown.

        Raises `StepFailed` when it ends with an error, `StopAsked` when we are asked to stop meanwhile.
        """
        run = self._launch(step, answer="")
        try:
            while run.process.poll() is None:
                self._look_after_parts()
        finally:
            self._stop(run)
        if run.process.returncode != 0:
            say(run.answer or "", name=step.name)
            raise StepFailed(f"{step.name} failed ({processes.how_it_ended(run.process.returncode)}).")
        return run.answer or ""

    def run_until(self, ready: Callable[[], bool]) -> None:
        """Look after the parts until `ready()`. Raises `PartKeepsDying` if that seems never to come."""
        while not ready():
            self._look_after_parts()
            for name, deaths in self._deaths_in_a_row.items():
                if deaths >= DEATHS_MAX:
                    raise PartKeepsDying(f"{name} ended {deaths} times in a row; its lines above say why.")

    def run(self) -> None:
        """Look after the parts until we are asked to stop, which raises `StopAsked`."""
        while True:
            self._look_after_parts()

    # --- How --------------------------------------------------------------------------------------

    def _launch(self, part: Part, *, answer: str | None = None) -> Run:
        read_end, write_end = os.pipe()
        try:
            process = part.launch(write_end)
        finally:
            os.close(write_end)
        os.set_blocking(read_end, False)
        run = Run(part=part, process=process, output=read_end, started=time.monotonic(), answer=answer)
        self._selector.register(read_end, selectors.EVENT_READ, run)
        self._roll.note(part.name, process.pid, processes.command_of(process))
        return run

    def _look_after_parts(self) -> None:
        if self._stop_requests.asked:
            raise StopAsked
        self._pass_on_output()
        for run in self._runs:
            if run.process.poll() is not None:
                self._plan_restart(run)
        self._runs = [run for run in self._runs if run.process.returncode is None]
        for moment, part in self._due.copy():
            if moment <= time.monotonic():
                self._due.remove((moment, part))
                self.start(part)

    def _plan_restart(self, run: Run) -> None:
        self._close(run)
        name, now = run.part.name, time.monotonic()
        if now - run.started >= STEADY_AFTER_SECONDS:
            del self._deaths_in_a_row[name]
        wait = min(RESTART_SECONDS_MIN * 2 ** self._deaths_in_a_row[name], RESTART_SECONDS_MAX)
        self._deaths_in_a_row[name] += 1
        self._due.append((now + wait, run.part))
        how = processes.how_it_ended(run.process.returncode)
        say(f"{name} ended ({how}); starting it again in {wait:g} s.")

    def _stop(self, run: Run) -> None:
        """Ask it to stop and pass on its last words; kill it at its deadline or at a second Ctrl-C."""
        deadline = time.monotonic() + run.part.stops_within_seconds
        if run.process.poll() is None:
            run.process.send_signal(run.part.stop_signal)
        while run.process.poll() is None:
            self._pass_on_output()
            if time.monotonic() > deadline or self._stop_requests.insisted:
                say(f"{run.part.name} does not stop; killing it.")
                run.process.kill()
                run.process.wait()
        self._close(run)

    def _close(self, run: Run) -> None:
        """What is to do after a process has ended."""
        processes.end_rest_of_group(run.process)
        while self._read(run):
            pass
        self._say(run, run.lines.last())
        if not run.is_silent:
            self._selector.unregister(run.output)
        os.close(run.output)
        self._roll.strike(run.part.name)

    def _pass_on_output(self) -> None:
        """Print what the parts say, waiting a moment for something to happen."""
        for key, _ in self._selector.select(TICK_SECONDS):
            if isinstance(key.data, Run):
                self._read(key.data)
            else:
                self._stop_requests.silence()

    def _read(self, run: Run) -> bool:
        """Pass on what has arrived; whether there was anything."""
        try:
            arrived = b"" if run.is_silent else os.read(run.output, 65_536)
        except BlockingIOError:
            return False
        self._say(run, run.lines.add(arrived))
        if not arrived and not run.is_silent:
            # It closed its output but lives on; an ended stream would wake us for ever.
            self._selector.unregister(run.output)
            run.is_silent = True
        return bool(arrived)

    def _say(self, run: Run, lines: list[str]) -> None:
        for line in lines:
            if run.answer is None:
                say(line, name=run.part.name)
                continue
            if run.answer:
                say(run.answer, name=run.part.name)
            run.answer = line
