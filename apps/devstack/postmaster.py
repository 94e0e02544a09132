"""Does a PostgreSQL server of this data folder run, on which port, and is it ready?"""

from dataclasses import dataclass
from pathlib import Path

from apps.devstack.processes import command_line, is_alive

# Lines of postmaster.pid, counted from 0 (src/include/utils/pidfile.h).
PID, PORT, STATUS = 0, 3, 7


@dataclass(frozen=True)
class Postmaster:
    """A running server's first process."""

    pid: int
    port: int
    is_ready: bool


def running_postmaster(data: Path) -> Postmaster | None:
    """The server of `data`, if one runs; never a stranger who was given its old process number."""
    lines = _pid_file_lines(data)
    if len(lines) <= PORT or not _is_postmaster_of(data, int(lines[PID])):
        return None
    is_ready = len(lines) > STATUS and lines[STATUS].strip() == "ready"
    return Postmaster(pid=int(lines[PID]), port=int(lines[PORT]), is_ready=is_ready)


def remove_stale_pid_file(data: Path) -> None:
    """Remove a pid file whose number now belongs to a stranger: PostgreSQL would refuse to start.

    The file of a server that is simply gone stays: PostgreSQL finds in it what else may be left over.
    """
    lines = _pid_file_lines(data)
    if lines and is_alive(pid := int(lines[PID])) and not _is_postmaster_of(data, pid):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_postmaster_of(data: Path, pid: int) -> bool:
    words = command_line(pid)
    return bool(words) and Path(words[0]).name == "postgres" and f"-D {data}" in " ".join(words)
