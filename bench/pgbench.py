"""The yardstick: PostgreSQL's own load generator charging one request per transaction, in plain SQL."""

from __future__ import annotations

import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.books import Book
from bench.figures import Run

SCRIPTS = Path(__file__).with_name("sql")
IN_STEPS = "charge_in_steps"
IN_ONE_GO = "charge_in_one_go"


def program() -> str:
    """Where pgbench is: on the PATH, which `make bench` sets."""
    found = shutil.which("pgbench")
    if found is None:
        sys.exit("pgbench is not on the PATH. It comes with PostgreSQL (Debian: postgresql-contrib).")
    return found


def pgbench(url: str, script: str, book: Book, *, hot: bool, connections: int, seconds: float, warm_up: float) -> Run:
    """Charge random customers of the book, or its first one only, and count what is committed after the warm-up."""
    variables = {
        "merchant": book.merchant.pk,
        "meter": book.meter_id,
        "rate": book.rate_id,
        "head": book.head,
        "first": 1,
        "last": 1 if hot else book.customers,
    }
    command = [program(), "--no-vacuum", "--protocol=prepared", f"--client={connections}"]
    command += [f"--jobs={min(os.cpu_count() or 1, connections)}", f"--time={math.ceil(warm_up + seconds)}"]
    command += [f"--define={name}={value}" for name, value in variables.items()]
    command += [f"--file={SCRIPTS / f'{script}.sql'}"]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--log", f"--log-prefix={folder}/latency", urlsplit(url).path.strip("/")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        finished = subprocess.run(command, env=_address(url), capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = _log(Path(folder))
    if finished.returncode or not done or "ERROR" in finished.stderr:
        raise RuntimeError(f"pgbench failed:\n{finished.stdout[-2000:]}\n{finished.stderr[-4000:]}")
    counts_from = min(ended_at - took for ended_at, took in done) + warm_up
    counted = sorted(took * 1e3 for ended_at, took in done if ended_at >= counts_from)
    return Run(
        seconds=max(ended_at for ended_at, _ in done) - counts_from,
        charges=len(counted),
        latencies=counted,
        charges_in_all=len(done),
        client_busy=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def _log(folder: Path) -> list[tuple[float, float]]:
    """When each transaction ended and how long it took, in seconds, from pgbench's own log."""
    done = []
    for log in folder.iterdir():
        for line in log.read_bytes().splitlines():
            _client, _number, took, _script, second, microsecond = line.split()
            done.append((int(second) + int(microsecond) / 1e6, int(took) / 1e6))
    return done


def _address(url: str) -> dict[str, str]:
    """The server as libpq's environment names it: as Lava's connection, over TCP."""
    parts = urlsplit(url)
    named = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        # Its connections are short-lived: without this the first five runs of each statement would be planned anew.
        "PGOPTIONS": "-c plan_cache_mode=force_generic_plan",
    }
    return dict(os.environ) | {name: value for name, value in named.items() if value}
