"""`python -m bench`: measure, print, and write a report. `DATABASE_URL` says on which server.

A database of its own is made there and dropped again, so nothing that is on the server is touched.
"""

import argparse
import os
import sys

import django

from bench.database import own_database
from bench.options import FULL, QUICK, Options


def parse(arguments: list[str]) -> Options:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes: a look, not a measurement")
    parser.add_argument("--stored", type=int, help="requests to store before the second half (default 3,000,000)")
    parser.add_argument("--seconds", type=float, help="length of one run")
    parser.add_argument("--rounds", type=int, help="runs per figure")
    parser.add_argument("--workers", type=int, default=1, help="web processes (default 1)")
    parser.add_argument("--patience", type=float, help="seconds to wait before each run for a calm machine")
    parser.add_argument("--keep", action="store_true", help="do not drop the database afterwards")
    parser.add_argument("--no-audit", action="store_true", help="do not prove the books afterwards")
    parser.add_argument("--no-report", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    plain = QUICK if asked.quick else FULL
    return Options(
        stored=plain.stored if asked.stored is None else asked.stored,
        seconds=asked.seconds or plain.seconds,
        rounds=asked.rounds or plain.rounds,
        patience=plain.patience if asked.patience is None else asked.patience,
        workers=asked.workers,
        audit=not asked.no_audit,
        report=not asked.no_report,
        keep=asked.keep,
    )


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    with own_database(os.environ.get("DATABASE_URL", ""), keep=options.keep) as url:
        os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "lava.settings"
        django.setup()

        # Models can be imported only now.
        from bench.run import run

        run(options, url)
