"""The web process under test: uvicorn, started as production starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
STARTS_WITHIN_SECONDS = 60
PROJECT = Path(__file__).resolve().parent.parent

Web = tuple[subprocess.Popen[bytes], tuple[str, int]]
"""The process, and where it listens."""


@contextmanager
def web_process(application: str = "lava.asgi:application", *, workers: int = 1) -> Iterator[Web]:
    """Run the application until the block ends. What it logs is shown if it does not start or dies."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--host", HOST, "--port", str(port)]
    command += ["--workers", str(workers), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--log-level", "warning", "--backlog", "2048"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=os.environ, stdout=log, stderr=log)
        try:
            _wait_until_it_listens(process, port)
            yield process, (HOST, port)
            if process.poll() is not None:
                raise RuntimeError(f"the web process ended by itself with {process.returncode}")
        finally:
            process.terminate()
            process.wait(30)
            log.seek(0)
            logged = log.read().decode(errors="replace")
            if logged.strip():
                print(f"--- the web process logged ---\n{logged[-4000:]}\n---")


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the web process did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
