"""Folders that PostgreSQL's account may or may not enter, and programs whose output can be waited for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apps.devstack.embedded_postgres import EmbeddedPostgres
from apps.devstack.processes import command_line

PROJECT = Path(__file__).resolve().parent.parent.parent
WITHIN_SECONDS = 20.0


class Program:
    """A running program, and what it has printed so far."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._has_ended = False
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text: str, *, after: int = 0, within_seconds: float = WITHIN_SECONDS) -> str:
        """The first line from number `after` on that contains `text`."""

        def found() -> str | None:
            return next((line for line in self.lines[after:] if text in line), None)

        with self._arrived:
            self._arrived.wait_for(lambda: found() or self._has_ended, within_seconds)
            line = found()
            assert line, f"{text!r} is not in:\n" + "\n".join(self.lines)
            return line

    def end(self, number: signal.Signals) -> int:
        """Send it `number` and return its exit code."""
        self.process.send_signal(number)
        return_code = self.process.wait(WITHIN_SECONDS)
        self._reader.join(WITHIN_SECONDS)
        return return_code

    def close(self) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self._reader.join(WITHIN_SECONDS)
        assert self.process.stdout
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._arrived:
                self.lines.append(line.rstrip("\n"))
                self._arrived.notify_all()
        with self._arrived:
            self._has_ended = True
            self._arrived.notify_all()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """Start a command, or Python source with arguments; it is gone when the test is over."""
    with ExitStack() as at_the_end:

        def start(
            source: str = "",
            *arguments: str,
            command: list[str] | None = None,
            environment: Mapping[str, str] = os.environ,
        ) -> Program:
            command = command or [sys.executable, "-c", textwrap.dedent(source), *arguments]
            started = Program(command, environment)
            at_the_end.callback(started.close)
            return started

        yield start


@pytest.fixture
def stranger() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that is none of Lava's business."""
    with ExitStack() as at_the_end:

        def start(**options: Any) -> subprocess.Popen[bytes]:
            process = at_the_end.enter_context(subprocess.Popen(["sleep", "600"], **options))
            at_the_end.callback(process.kill)
            deadline = time.monotonic() + WITHIN_SECONDS
            while not command_line(process.pid):  # the kernel shows it a moment after the start
                assert time.monotonic() < deadline
            return process

        yield start


@pytest.fixture(scope="session")
def shared_place() -> Iterator[Path]:
    """A folder that every account may enter, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="lava-tests-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def open_folder(shared_place: Path) -> Iterator[Path]:
    """A folder of this test's own that every account may enter."""
    folder = Path(tempfile.mkdtemp(dir=shared_place))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def refuge(shared_place: Path) -> Path:
    """Stands for /var/lib/lava. Shared, because programs are copied there once."""
    return shared_place / "refuge"


@pytest.fixture
def cluster(refuge: Path) -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Make embedded databases, which do not wait for the disk unless told to; stopped when the test is over."""
    with ExitStack() as at_the_end:

        def make(root: Path, *, durable: bool = False) -> EmbeddedPostgres:
            made = EmbeddedPostgres(root, durable=durable, refuge=refuge)
            at_the_end.callback(made.stop)
            return made

        yield make


@pytest.fixture
def postgres(cluster: Callable[..., EmbeddedPostgres], open_folder: Path) -> EmbeddedPostgres:
    """A database that runs."""
    made = cluster(open_folder / "postgres")
    made.start()
    return made
