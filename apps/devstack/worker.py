"""`python -m apps.devstack.worker SCHEDULE_FILE READY_FILE`: Celery's worker and its beat in one process.

Celery's own `worker --beat` makes beat a second process, and what that one sends over the in-memory broker
never leaves it. Here beat is a thread, so that it works with and without Redis.
"""

import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.app.utils import find_app
from celery.beat import Service
from celery.exceptions import SecurityWarning
from celery.signals import worker_ready


class BeatThread(bootsteps.StartStopStep):
    """The part of the worker that sends tasks when the clock says so."""

    schedule_file: str

    def start(self, worker: Any) -> None:
        """Begin to send, as the worker starts."""
        # It sleeps this many seconds at most, so that it soon notices that it should stop.
        self.beat = Service(worker.app, max_interval=1, schedule_filename=self.schedule_file)
        threading.Thread(target=self.beat.start, name="beat", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Stop sending; the schedule is saved."""
        self.beat.stop(wait=True)


def main(schedule_file: str, ready_file: str) -> None:
    """Work until SIGTERM; tasks that have begun are finished. Makes `ready_file` once it takes tasks."""
    app = find_app("lava")
    worker_ready.connect(lambda **_: Path(ready_file).touch(), weak=False)
    BeatThread.schedule_file = schedule_file
    app.steps["worker"].add(BeatThread)
    # On this machine everything may run as root: PostgreSQL, which must not, takes care of itself.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # Threads: tasks wait for PostgreSQL most of the time, and processes would each need Django's memory.
    app.worker_main(["--quiet", "worker", "--pool=threads", "--concurrency=4", "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    main(*sys.argv[1:])
