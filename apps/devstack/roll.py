"""Which processes did an earlier start leave behind, when it was killed and could not stop them?"""

import json
import signal
from collections.abc import Sequence
from pathlib import Path

from apps.devstack.processes import command_line, end_by_number

STOPS_WITHIN_SECONDS = 10.0


class Roll:
    """The numbers of the processes that run, kept in a file for whoever starts next."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def note(self, name: str, pid: int, command: Sequence[str]) -> None:
        """Write down that the part `name` runs `command` as process `pid`."""
        # By the next start the number may be somebody else's; the command tells.
        self._write(self._read() | {name: [str(pid), *command]})

    def strike(self, name: str) -> None:
        """Write down that the part has ended."""
        self._write({other: known for other, known in self._read().items() if other != name})

    def stop_left_over(self) -> list[str]:
        """Stop what is on the roll and still runs; the names of those parts."""
        stopped = []
        for name, (pid, *command) in self._read().items():
            if command_line(int(pid)) == command:
                end_by_number(int(pid), politely=signal.SIGTERM, within_seconds=STOPS_WITHIN_SECONDS)
                stopped.append(name)
        self._write({})
        return stopped

    def _read(self) -> dict[str, list[str]]:
        try:
            known: dict[str, list[str]] = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # an empty file after a power loss
            return {}
        return known

    def _write(self, known: dict[str, list[str]]) -> None:
        self._file.write_text(json.dumps(known))
