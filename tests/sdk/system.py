"""A whole Lava for one test: a fresh database, a web process and a worker process, as an operator starts them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60

_OPEN = """
import json, django
django.setup()
from apps.core import clock
from apps.merchants.opening import open_merchant
from apps.merchants.secret_keys import create_secret_key
merchant = open_merchant(name="Acme", at=clock.now()).sandbox
print(json.dumps(create_secret_key(merchant=merchant, name="test", at=clock.now())[1]))
"""


@dataclass
class System:
    """Where it runs, and its processes by name."""

    database_url: str
    folder: Path
    port: int = 0
    key: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "DJANGO_SETTINGS_MODULE": "lava.settings",
            "PYTHONPATH": str(ROOT),
            "LAVA_SWEEP_SECONDS": "1",
        }

    def run(self, *command: str) -> str:
        """Run a Python command of the project to its end; its output."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_web(self) -> None:
        """Start the web process and wait until it is ready."""
        command = ("-m", "uvicorn", "lava.asgi:application", "--port", str(self.port), "--no-access-log")
        self._start("web", *command, "--loop", "uvloop", "--http", "httptools")
        self._until_ready()

    def start_worker(self) -> None:
        """Start a Celery worker with its beat."""
        schedule = str(self.folder / "beat-schedule")
        self._start("worker", "-m", "celery", "-A", "lava", "worker", "--beat", "--pool", "solo", "-s", schedule)

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(timeout=DEADLINE_SECONDS)

    def stop(self) -> None:
        """Ask every process to end, and see that it did."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=DEADLINE_SECONDS)

    def post(self, path: str, body: object) -> tuple[int, dict[str, object]]:
        """POST JSON with the key; the status and the answer, refusals included."""
        request = urllib.request.Request(
            self.base_url + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def _start(self, name: str, *command: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )

    def _until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            assert self.processes["web"].poll() is None, (self.folder / "web.log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return
            except OSError:
                self.processes["web"].poll()
        raise AssertionError((self.folder / "web.log").read_text())


@contextmanager
def fresh_system(database_url: str, folder: Path) -> Iterator[System]:
    """A System on a database of its own beside `database_url`'s; stopped and dropped afterwards."""
    name = f"lava_test_{uuid4().hex[:12]}"
    _execute(database_url, f"CREATE DATABASE {name}")
    system = System(urlunsplit(urlsplit(database_url)._replace(path=f"/{name}")), folder, _free_port())
    try:
        system.run("manage.py", "migrate", "--verbosity", "0")
        system.key = json.loads(system.run("-c", _OPEN))
        system.start_web()
        yield system
    finally:
        system.stop()
        _execute(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(statement)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
