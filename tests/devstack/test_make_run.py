"""The whole start, as `make run` does it: it introduces itself, heals, stops without a trace and remembers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
import urllib.request

import pytest

from apps.devstack.processes import command_line
from tests.devstack.conftest import PROJECT

WHOLE_START_SECONDS = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(url, *, key=""):
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(asked, timeout=10) as response:
        return json.load(response)


def wait_until_answers(url):
    deadline = time.monotonic() + 30
    while True:
        try:
            return answer(url)
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not come back"


# Tests have a database and secrets of their own, which this start must not use.
NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "LAVA_SECRET_KEY", "LAVA_KEY_PEPPER", "LAVA_BASE_URL"}


@pytest.fixture
def devstack(program, open_folder):
    """`python -m apps.devstack`, with a port and a folder of the test's own."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    environment |= {"LAVA_FOLDER": str(open_folder / ".lava"), "LAVA_PORT": str(free_port())}
    return lambda *arguments: program(
        command=[sys.executable, "-m", "apps.devstack", *arguments], environment=environment
    )


@pytest.fixture
def start(devstack):
    """Start everything and wait until it introduces itself. The first start finds a short history."""
    assert devstack("seed", "--days", "1", "--people", "2").process.wait(WHOLE_START_SECONDS) == 0

    def start():
        running = devstack()
        running.wait_for("Lava is ready", within_seconds=WHOLE_START_SECONDS)
        return running

    return start


def shown(running, label):
    """A value from the box that the start ends with."""
    return re.search(rf"{label} +(\S+)", running.wait_for(f" {label} "))[1]


def part_pids(open_folder):
    return {
        name: int(pid) for name, (pid, *_) in json.loads((open_folder / ".lava" / "parts.json").read_text()).items()
    }


def test_it_introduces_itself_heals_and_the_next_start_knows_what_the_first_did(start, devstack, open_folder):
    first = start()
    api, key = shown(first, "API"), shown(first, "secret key")
    customers = answer(f"{api}/customers", key=key)
    before = part_pids(open_folder)

    second = devstack()
    second.wait_for(f"Lava already runs from {PROJECT}")
    assert second.process.wait(10) == 1

    for name in ("web", "worker", "postgres"):
        seen = len(first.lines)
        os.kill(before[name], signal.SIGKILL)
        first.wait_for(f"{name} ended (killed by SIGKILL); starting it again", after=seen)
    wait_until_answers(api.replace("/v1", "/readyz"))
    assert answer(f"{api}/customers", key=key) == customers

    after = part_pids(open_folder)
    assert first.end(signal.SIGINT) == 0
    assert not any(command_line(pid) for pid in (*before.values(), *after.values()))

    third = start()
    assert shown(third, "secret key") == key
    assert shown(third, "password") == shown(first, "password")
    assert answer(f"{api}/customers", key=key) == customers
    assert third.end(signal.SIGTERM) == 0
