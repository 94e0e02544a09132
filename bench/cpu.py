"""Whose CPU time was used while a run went on: load generator, web process, PostgreSQL, or somebody else.

Read from Linux's /proc. On other systems, or when PostgreSQL is on another machine, its share is not known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_PROC = Path("/proc")
_LOOK_SECONDS = 0.5
_TICK = os.sysconf("SC_CLK_TCK")

LOOP = "web: event loop"
THREADS = "web: charging threads"
POSTGRES = "PostgreSQL"
CLIENT = "load generator"
OTHERS = "others on this machine"


@dataclass(slots=True)
class Meter:
    """Reads CPU seconds by part."""

    postmaster: int | None
    web: int | None = None
    _at_start: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Begin to count."""
        self._at_start = self._read()

    def used(self, *, client_busy: float) -> dict[str, float]:
        """CPU seconds by part since the start; what is used by none of ours is somebody else's."""
        now = self._read()
        used = {part: now[part] - before for part, before in self._at_start.items()}
        machine = used.pop(_MACHINE)
        used = {CLIENT: client_busy, **used}
        used[OTHERS] = max(machine - sum(used.values()), 0.0)
        return used

    def _read(self) -> dict[str, float]:
        seconds = {_MACHINE: _machine_busy()}
        if self.web is not None:
            web = [self.web, *_children(self.web)]
            # The first thread has the process's number and runs the loop; threads that ended count in the whole.
            seconds[LOOP] = sum(_own(_fields(_PROC / f"{pid}/task/{pid}/stat")) for pid in web)
            seconds[THREADS] = sum(_own(_fields(_PROC / f"{pid}/stat")) for pid in web) - seconds[LOOP]
        if self.postmaster is not None:
            seconds[POSTGRES] = _tree(self.postmaster)
        return seconds


_MACHINE = "machine"


def meter(url: str, *, web: int | None = None) -> Meter:
    """A meter for the server at `url` and a web process."""
    return Meter(_postmaster(url) if _PROC.joinpath("stat").exists() else None, web)


def _postmaster(url: str) -> int | None:
    """The server's main process, when it runs here."""
    with psycopg.connect(url) as connection:
        [(pid,)] = connection.execute("SELECT pg_backend_pid()").fetchall()
        try:
            fields = _fields(_PROC / str(pid) / "stat")
        except OSError:
            return None
        name = (_PROC / str(pid) / "comm").read_text()
        return int(fields[_PARENT]) if name.startswith("postgres") else None


# Fields of /proc/…/stat as they stand behind the command, which is in parentheses and may hold blanks.
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def _fields(stat: Path) -> list[str]:
    return stat.read_text().rpartition(") ")[2].split()


def _own(fields: list[str]) -> float:
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICK


def _tree(parent: int) -> float:
    """A process, its children, and those of its children that have ended."""
    fields = _fields(_PROC / f"{parent}/stat")
    ended = (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) / _TICK
    return _own(fields) + ended + sum(_own(child) for child in _children(parent).values())


def _children(parent: int) -> dict[int, list[str]]:
    """The processes that a process has started, and their figures."""
    children = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = _fields(entry / "stat")
            except OSError:  # it has just ended
                continue
            if int(fields[_PARENT]) == parent:
                children[int(entry.name)] = fields
    return children


def _machine_busy() -> float:
    # Interrupts are left out: no process is charged for them either.
    user, nice, system = map(int, (_PROC / "stat").read_text().split()[1:4])
    return (user + nice + system) / _TICK


def wait_for_calm(share: float, *, seconds: float) -> None:
    """Wait until less than this share of the machine is in use, but no longer than so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        before = _machine_busy()
        time.sleep(_LOOK_SECONDS)
        if (_machine_busy() - before) / _LOOK_SECONDS / (os.cpu_count() or 1) < share:
            return


def shares(used: Mapping[str, float], *, seconds: float) -> dict[str, float]:
    """The same as parts of the machine's whole time."""
    whole = seconds * (os.cpu_count() or 1)
    return {part: busy / whole for part, busy in used.items()}
