"""The order of a benchmark: an empty database, then a full one, then where the time goes, then the books' proof."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import psycopg
from django.core.management import call_command

from apps.core import clock
from bench import anatomy, cpu, posts
from bench.books import Book, open_book
from bench.client import UnexpectedAnswer, drive
from bench.database import settings_of, tidy_up
from bench.figures import Metered, Run, Series
from bench.history import signed_up_at, store_history
from bench.options import BATCH, CONNECTIONS, CUSTOMERS, Options
from bench.pgbench import IN_ONE_GO, IN_STEPS, pgbench
from bench.report import Audit, Findings, Row, Stage, add_audit, machine, write
from bench.web import HOST, PROJECT, web_process

# Who sends batches has collected them: a few senders, not many.
BATCH_CONNECTIONS: Final = 4
WARM_UP_SECONDS: Final = 1.0
# Above this share of the machine in other hands a run is repeated.
DISTURBED: Final = 0.05
TRIES: Final = 3

# What is measured in turn: over all customers or for one, on so many connections.
LOADS: Final = ((False, CONNECTIONS), (True, CONNECTIONS), (False, 16), (False, 1))


@dataclass(slots=True)
class Bench:
    """Everything the measurements share."""

    options: Options
    url: str
    ours: Book
    theirs: Book
    address: tuple[str, int] = (HOST, 0)
    web: int = 0
    has_batch_route: bool = True
    # Every run makes request ids of its own.
    salts: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def singles(self, *, hot: bool, connections: int, extra: dict[str, str] | None = None) -> Metered:
        """Single requests through the hot lane."""
        ready = posts.singles(self.ours, hot=hot, salt=next(self.salts), extra=extra)
        return self._metered(lambda: self._drive(ready, connections=connections), web=True)

    def batches(self, *, hot: bool) -> Metered:
        """The batch endpoint."""
        ready = posts.batches(self.ours, hot=hot, salt=next(self.salts), size=BATCH)
        return self._metered(
            lambda: self._drive(ready, connections=BATCH_CONNECTIONS, size=BATCH, expect=b"HTTP/1.1 20"), web=True
        )

    def pgbench(self, script: str, *, hot: bool, connections: int) -> Metered:
        """The same charge by pgbench."""
        return self._metered(
            lambda: pgbench(
                self.url,
                script,
                self.theirs,
                hot=hot,
                connections=connections,
                seconds=self.options.seconds,
                warm_up=WARM_UP_SECONDS,
            ),
            web=False,
        )

    def _drive(
        self, ready: Iterator[bytes], *, connections: int, size: int = 1, expect: bytes = b"HTTP/1.1 201 "
    ) -> Run:
        return drive(
            self.address,
            ready,
            connections=connections,
            seconds=self.options.seconds,
            warm_up=WARM_UP_SECONDS,
            charges_per_post=size,
            expect=expect,
        )

    def _metered(self, run: Callable[[], Run], *, web: bool) -> Metered:
        """Run it, again if others were busy on this machine; the least disturbed run counts.

        Without patience there is one try.
        """
        runs: list[Metered] = []
        tries = TRIES if self.options.patience else 1
        while len(runs) < tries and (not runs or runs[-1].disturbed > DISTURBED):
            cpu.wait_for_calm(DISTURBED, seconds=self.options.patience)
            meter = cpu.meter(self.url, web=self.web if web else None)
            began_at = time.perf_counter()
            meter.start()
            done = run()
            used = meter.used(client_busy=done.client_busy)
            disturbed = cpu.shares(used, seconds=time.perf_counter() - began_at)[cpu.OTHERS]
            runs.append(Metered(done, used, disturbed))
        return min(runs, key=lambda metered: metered.disturbed)


def run(options: Options, url: str) -> None:
    """Measure everything and report."""
    began_at = time.monotonic()
    findings = Findings(machine=machine(), settings=settings_of(url), options=options)
    _say(f"Making the books: two merchants with {CUSTOMERS:,} customers each")
    bench = _prepare(options, url)
    findings.ceiling = _ceiling(bench)
    with web_process(workers=options.workers) as (process, bench.address):
        bench.web = process.pid
        bench.has_batch_route = _has_batch_route(bench)
        findings.scripts = _choose_scripts(bench)
        findings.stages.append(_measure(bench, "empty at first", findings.scripts))
        if options.stored:
            _say(f"Storing {options.stored:,} requests")
            findings.stored_in_seconds = _store(bench)
            findings.stages.append(_measure(bench, "full", findings.scripts))
        _dissect(bench, findings)
    findings.hot_updates = anatomy.hot_updates(url)
    findings.took_seconds = time.monotonic() - began_at
    report = write(findings)
    if options.audit:
        _say("Proving the books: every request of both merchants is computed again, which takes its time")
        audit = _audit()
        add_audit(audit, report)
        if not audit.clean:
            sys.exit("The books do not agree: the figures are worth nothing.")


def _prepare(options: Options, url: str) -> Bench:
    call_command("migrate", verbosity=0)
    at = signed_up_at(clock.now())
    ours = open_book("Charged through the API", customers=CUSTOMERS, at=at)
    theirs = open_book("Charged by pgbench", customers=CUSTOMERS, at=at)
    tidy_up(url)
    return Bench(options, url, ours, theirs)


def _ceiling(bench: Bench) -> Series:
    """What uvicorn and the load generator could do if charging cost nothing."""
    series = Series("an application that only answers")
    with web_process("bench.ceiling:application", workers=bench.options.workers) as (process, bench.address):
        bench.web = process.pid
        series.runs.append(bench.singles(hot=False, connections=CONNECTIONS))
    return series


def _has_batch_route(bench: Bench) -> bool:
    try:
        drive(
            bench.address,
            posts.batches(bench.ours, hot=True, salt=next(bench.salts), size=1),
            connections=1,
            seconds=0.1,
            warm_up=0,
            expect=b"HTTP/1.1 20",
        )
    except UnexpectedAnswer as answer:
        _say(f"No batch endpoint to measure: it answers {str(answer)[:20]!r}")
        return False
    return True


def _choose_scripts(bench: Bench) -> dict[bool, Series]:
    """Which way of charging is pgbench's faster one, over all customers and for a hot one."""
    chosen = {}
    for hot in (False, True):
        tried = [
            Series(script, [bench.pgbench(script, hot=hot, connections=CONNECTIONS)])
            for script in (IN_STEPS, IN_ONE_GO)
        ]
        chosen[hot] = max(tried, key=lambda series: series.per_second)
        rates = ", ".join(f"{series.name} {series.per_second:,.0f}/s" for series in tried)
        _say(f"pgbench, {'one hot customer' if hot else 'all customers'}: {rates}")
    return chosen


def _measure(bench: Bench, name: str, scripts: dict[bool, Series]) -> Stage:
    """Every load in turn, Lava and pgbench taking turns within it."""
    stage = Stage(name, stored_before=_stored(bench.url))
    for hot, connections in LOADS:
        row = Row(hot, connections, Series("Lava"), Series("pgbench"), Series("batch"))
        for _ in range(bench.options.rounds):
            row.ours.runs.append(bench.singles(hot=hot, connections=connections))
            row.theirs.runs.append(bench.pgbench(scripts[hot].name, hot=hot, connections=connections))
            if connections == CONNECTIONS and bench.has_batch_route:
                row.batch.runs.append(bench.batches(hot=hot))
        stage.rows.append(row)
        _say(row.summary())
    stage.stored_after = _stored(bench.url)
    return stage


def _store(bench: Bench) -> float:
    began_at = time.monotonic()
    store_history(bench.url, [bench.ours, bench.theirs], requests=bench.options.stored, now=clock.now())
    took = time.monotonic() - began_at
    tidy_up(bench.url)
    return took


def _dissect(bench: Bench, findings: Findings) -> None:
    """Watch one more run of each, and charge in this process to see what Python does."""
    _say("Looking where the time goes")
    findings.with_cost = bench.singles(
        hot=False, connections=CONNECTIONS, extra={"provider": "openai", "model": "gpt-4o-mini"}
    )
    findings.watched = [
        anatomy.watch("Lava", bench.url, bench.ours, lambda: bench.singles(hot=False, connections=CONNECTIONS)),
        anatomy.watch(
            "pgbench",
            bench.url,
            bench.theirs,
            lambda: bench.pgbench(findings.scripts[False].name, hot=False, connections=CONNECTIONS),
        ),
    ]
    usual = max(round(findings.watched[0].charges_per_commit), 2)
    findings.stacks = anatomy.in_process(
        bench.ours, sizes=(1, usual, BATCH), seconds=2 * bench.options.seconds, salt=next(bench.salts) + 1000
    )


def _stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM requests_meteredrequest").fetchall()
    return int(count)


def _audit() -> Audit:
    command = [sys.executable, "manage.py", "audit_books"]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False)
    return Audit(done.returncode == 0, (done.stdout + done.stderr[-2000:]).strip())


def _say(text: str) -> None:
    print(text, flush=True)
