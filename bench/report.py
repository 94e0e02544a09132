"""What was found, as a page: printed, and kept under bench/reports."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench import cpu
from bench.anatomy import Watched
from bench.figures import Metered, Series
from bench.options import BATCH, CONNECTIONS, CUSTOMERS, Options
from bench.stacks import Stacks

FOLDER: Final = Path(__file__).with_name("reports")

TARGET_ALL: Final = 1.0
TARGET_HOT: Final = 3.0
TARGET_BATCH: Final = 3.0
TARGET_FULL: Final = 0.8  # within 20 %

_SHOWN_MICROSECONDS: Final = 1.0
_PARTS: Final = (cpu.CLIENT, cpu.LOOP, cpu.THREADS, cpu.POSTGRES)


@dataclass(slots=True)
class Row:
    """One load: Lava and pgbench in turns, and where it was measured the batch endpoint."""

    hot: bool
    connections: int
    ours: Series
    theirs: Series
    batch: Series

    @property
    def whom(self) -> str:
        """Who is charged, in words."""
        return "one hot customer" if self.hot else f"{CUSTOMERS:,} customers"

    @property
    def name(self) -> str:
        """The load in words."""
        return f"{self.whom}, {self.connections} connection{'s' if self.connections > 1 else ''}"

    @property
    def ratio(self) -> float:
        """Lava's rate over pgbench's."""
        return self.ours.per_second / self.theirs.per_second

    def summary(self) -> str:
        """One line while it runs."""
        text = (
            f"  {self.name}: Lava {self.ours.per_second:,.0f}/s, pgbench {self.theirs.per_second:,.0f}/s, "
            f"{self.ratio:.2f}x"
        )
        if self.batch.runs:
            text += f"; batches {self.batch.per_second:,.0f}/s, {self.batch.per_second / self.theirs.per_second:.2f}x"
        return text + f" (others took up to {max(self.ours.disturbed, self.theirs.disturbed):.0%} of the machine)"


@dataclass(slots=True)
class Stage:
    """All loads on a database of one size."""

    name: str
    stored_before: int
    stored_after: int = 0
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the proof of the books said."""

    clean: bool
    said: str


@dataclass(slots=True)
class Findings:
    """Everything that goes on the page."""

    machine: dict[str, str]
    settings: dict[str, str]
    options: Options
    ceiling: Series = field(default_factory=lambda: Series(""))
    scripts: dict[bool, Series] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    stored_in_seconds: float = 0.0
    with_cost: Metered | None = None
    watched: list[Watched] = field(default_factory=list)
    stacks: dict[int, Stacks] = field(default_factory=dict)
    hot_updates: dict[str, tuple[int, float]] = field(default_factory=dict)
    took_seconds: float = 0.0


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    packages = ("django", "psycopg", "uvicorn", "uvloop", "httptools", "msgspec")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def write(findings: Findings) -> Path | None:
    """Print the page; unless told otherwise keep it, and return where."""
    page = "\n".join(_page(findings)) + "\n"
    print("\n" + page)
    if not findings.options.report:
        return None
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{datetime.now(UTC):%Y-%m-%d}.md"
    path.write_text(page)
    print(f"Kept as {path.relative_to(FOLDER.parent.parent)}")
    return path


def add_audit(audit: Audit, report: Path | None) -> None:
    """Print what the proof of the books said, and add it to the page that was kept."""
    print(audit.said)
    if report is not None:
        with report.open("a") as page:
            page.write(f"\n## The books afterwards\n\n```text\n{audit.said}\n```\n")


def _page(findings: Findings) -> Iterator[str]:
    yield f"# Charges per second, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    yield ""
    yield (
        f"Lava: `POST /v1/requests` on {_processes(findings.options.workers)}, with authentication, pricing, entries, "
        "counters, rollups and the JSON answer. pgbench: one charge per transaction in plain SQL, on the same tables "
        "of the same database, for customers of a second merchant of the same shape, prepared, in the faster of two "
        f"ways ({', '.join(sorted({series.name for series in findings.scripts.values()}))}). "
        "Load generator, web process and PostgreSQL share the machine. Every commit is durable. "
        f"Each figure is the median of {findings.options.rounds} runs of {findings.options.seconds:g} s, "
        "the two taking turns."
    )
    yield ""
    settings = [(f"PostgreSQL {name}", value) for name, value in findings.settings.items()]
    yield from _table(("", ""), [*findings.machine.items(), *settings])
    for stage in findings.stages:
        yield from _stage(stage)
    if len(findings.stages) == 2:
        yield from _full_against_empty(*findings.stages, stored_in_seconds=findings.stored_in_seconds)
    yield from _where_the_time_goes(findings)
    yield from ("", f"All of it took {findings.took_seconds / 60:.1f} minutes.")


def _processes(workers: int) -> str:
    return "one uvicorn process" if workers == 1 else f"{workers} uvicorn processes"


def _stage(stage: Stage) -> Iterator[str]:
    yield from ("", f"## With {stage.stored_before:,} to {stage.stored_after:,} requests stored ({stage.name})", "")
    rows = []
    for row in stage.rows:
        target = None if row.connections < CONNECTIONS else TARGET_HOT if row.hot else TARGET_ALL
        rows.append(_rates(row.name, row.ours, row.theirs, target))
        if row.batch.runs:
            rows.append(_rates(f"batches of {BATCH}: {row.whom}", row.batch, row.theirs, TARGET_BATCH))
    head = ("charges/s", "Lava", "min to max", "pgbench", "min to max", "ratio", "target", "others' CPU")
    yield from _table(head, rows)
    yield ""
    yield from _table(
        ("latency in ms", "Lava p50", "p99", "pgbench p50", "p99"),
        [
            (row.name, *(f"{series.latency(percent):.2f}" for series in (row.ours, row.theirs) for percent in (50, 99)))
            for row in stage.rows
        ],
    )


def _rates(name: str, ours: Series, theirs: Series, target: float | None) -> tuple[str, ...]:
    ratio = ours.per_second / theirs.per_second
    verdict = "" if target is None else f"{target:.1f}x {_verdict(ratio, target)}"
    return (
        name,
        f"{ours.per_second:,.0f}",
        "{:,.0f} to {:,.0f}".format(*ours.spread),
        f"{theirs.per_second:,.0f}",
        "{:,.0f} to {:,.0f}".format(*theirs.spread),
        f"{ratio:.2f}x",
        verdict,
        f"{max(ours.disturbed, theirs.disturbed):.0%}",
    )


def _full_against_empty(empty: Stage, full: Stage, *, stored_in_seconds: float) -> Iterator[str]:
    yield from ("", f"## Full against empty (storing them took {stored_in_seconds:.0f} s)", "")
    pairs = []
    for before, after in zip(empty.rows, full.rows, strict=True):
        pairs.append((before.name, before.ours, after.ours))
        if before.batch.runs:
            pairs.append((f"batches of {BATCH}: {before.whom}", before.batch, after.batch))
    yield from _table(
        ("charges/s", "empty", "full", "ratio", "target"),
        [(name, *_compared(was.per_second, now.per_second, TARGET_FULL)) for name, was, now in pairs],
    )


def _compared(was: float, now: float, target: float) -> tuple[str, ...]:
    return f"{was:,.0f}", f"{now:,.0f}", f"{now / was:.2f}", f"{target:.1f} {_verdict(now / was, target)}"


def _verdict(ratio: float, target: float) -> str:
    return "met" if ratio >= target else "MISSED"


def _where_the_time_goes(findings: Findings) -> Iterator[str]:
    yield from ("", "## Where the time goes", "")
    yield from _cpu_table(findings)
    yield from _with_cost(findings)
    for watched in findings.watched:
        yield from _statements(watched)
    yield from _functions(findings.stacks)
    yield from ("", "Updates that touched no index (HOT):", "")
    yield from _table(
        ("table", "updates", "HOT"),
        [(table, f"{updates:,}", f"{share:.1%}") for table, (updates, share) in findings.hot_updates.items()],
    )


def _cpu_table(findings: Findings) -> Iterator[str]:
    yield (
        f"Without charging, the same server and load generator answer {findings.ceiling.per_second:,.0f} requests/s. "
        "CPU time per charge in µs, over all cores:"
    )
    yield ""
    series = [(findings.ceiling.name, findings.ceiling)]
    for stage in findings.stages:
        for row in stage.rows:
            measured = [one for one in (row.ours, row.theirs, row.batch) if one.runs]
            series += [(f"{one.name}: {row.name} ({stage.name})", one) for one in measured]
    yield from _table(("", *_PARTS, "sum"), [(name, *_cpu_figures(one)) for name, one in series])


def _cpu_figures(series: Series) -> Iterator[str]:
    microseconds = [series.microseconds(part) for part in _PARTS]
    return (f"{figure:.1f}" for figure in (*microseconds, sum(microseconds)))


def _with_cost(findings: Findings) -> Iterator[str]:
    if findings.with_cost and findings.stages:
        without = findings.stages[-1].rows[0].ours
        yield ""
        yield (
            f"With a provider and a model, whose cost is looked up: {findings.with_cost.run.per_second:,.0f}/s "
            f"instead of {without.per_second:,.0f}/s, {findings.with_cost.microseconds(cpu.THREADS):.1f} µs in the "
            f"charging threads instead of {without.microseconds(cpu.THREADS):.1f}."
        )


def _statements(watched: Watched) -> Iterator[str]:
    total = sum(watched.seen.values()) or 1
    by_statement: Counter[str] = Counter()
    waits: dict[str, Counter[str]] = {}
    for (statement, doing), count in watched.seen.items():
        by_statement[statement] += count
        waits.setdefault(statement, Counter())[doing] += count
    yield ""
    yield (
        f"{watched.name}: {watched.charges_per_commit:.1f} charges per commit; what PostgreSQL's sessions were doing "
        "in a transaction:"
    )
    yield ""
    yield from _table(
        ("statement", "share", "of it"),
        [
            (statement, f"{count / total:.1%}", _shares(waits[statement]))
            for statement, count in by_statement.most_common()
            if count / total > 0.005
        ],
    )


def _shares(doing: Counter[str]) -> str:
    total = sum(doing.values())
    return ", ".join(f"{what} {count / total:.0%}" for what, count in doing.most_common(3))


def _functions(stacks: dict[int, Stacks]) -> Iterator[str]:
    if not stacks:
        return
    sizes = list(stacks)
    yield from ("", "Charging in one thread, in batches of a fixed size: µs per request.", "")
    yield from _table(
        ("", *(f"batch of {size}" for size in sizes)),
        [
            ("charges/s", *(f"{one.done / one.wall_seconds:,.0f}" for one in stacks.values())),
            ("wall time", *(f"{one.wall_seconds / one.done * 1e6:.1f}" for one in stacks.values())),
            ("of it Python's CPU", *(f"{one.cpu_seconds / one.done * 1e6:.1f}" for one in stacks.values())),
        ],
    )
    for title, figures in (
        ("In and below each function", {size: dict(one.inclusive()) for size, one in stacks.items()}),
        ("In each function and the libraries it calls", {size: dict(one.own()) for size, one in stacks.items()}),
    ):
        usual = figures[sizes[len(sizes) // 2]]
        names = [name for name, microseconds in usual.items() if microseconds >= _SHOWN_MICROSECONDS]
        yield from ("", f"{title}:", "")
        yield from _table(
            ("function", *(f"batch of {size}" for size in sizes)),
            [(name, *(f"{figures[size].get(name, 0.0):.1f}" for size in sizes)) for name in names],
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table that is also a table to the eye."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for number, line in enumerate(lines):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
