"""An application written with the public SDK bills its customers through this Lava, and every number agrees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import redis

from tests.sdk.system import System, fresh_system

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Path:
    """The script with the SDK installed beside it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("sdk")
    for name in ("package.json", "billing.mjs"):
        shutil.copy(HERE / name, folder)
    installed = subprocess.run(
        [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"the SDK cannot be installed here: {installed.stderr[-300:]}")
    return folder


@pytest.fixture
def system(tmp_path):
    with fresh_system(os.environ["DATABASE_URL"], tmp_path) as system:
        system.start_worker()
        yield system


def tell(system: System, story: Path) -> dict[str, str]:
    told = subprocess.run(
        ["node", "billing.mjs", system.base_url, system.key],
        cwd=story,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    summary: dict[str, str] = json.loads(told.stdout.splitlines()[-1])
    return summary


@contextmanager
def broker_wiped_again_and_again() -> Iterator[None]:
    """Empty the broker over and over: losing it loses nothing.

    Only a Redis that LAVA_TEST_REDIS_MAY_BE_WIPED says is there for this; REDIS_URL may be somebody's own.
    """
    if "REDIS_URL" not in os.environ or "LAVA_TEST_REDIS_MAY_BE_WIPED" not in os.environ:
        yield
        return
    over = threading.Event()

    def wipe() -> None:
        with redis.from_url(os.environ["REDIS_URL"]) as broker:
            while not over.wait(0.2):
                broker.flushall()

    wiping = threading.Thread(target=wipe)
    wiping.start()
    yield
    over.set()
    wiping.join(10)


def test_the_sdk_tells_the_main_story_and_the_books_agree(system, story):
    with broker_wiped_again_and_again():
        told = tell(system, story)
    with psycopg.connect(system.database_url) as books:
        [(requests, tokens, charged)] = books.execute(
            "SELECT count(*), sum(input_tokens + output_tokens), sum(charge) FROM requests_meteredrequest"
        ).fetchall()
        [(balance,)] = books.execute("SELECT balance FROM ledger_balance").fetchall()
    assert (requests, tokens) == (told["requests"], told["tokens"]) == (300, told["tokens"])
    assert charged == Decimal(told["charged"])
    assert balance == Decimal(told["remaining"]) == Decimal(5) - charged
    system.run("manage.py", "audit_books")
