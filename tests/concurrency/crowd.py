"""Many threads that do something at the same moment, each over a database connection of its own."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connection, connections

from apps.core.errors import LavaError

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]], *, within_seconds: float = 60) -> list[T | LavaError]:
    """Start all calls together and return what each answered, in their order; a refusal is an answer too.

    Any other exception is raised here. So is an AssertionError, saying where each thread stands, when they
    have not all ended in time.
    """
    answers: list[T | LavaError | None] = [None] * len(calls)
    failures: list[Exception] = []
    everybody_is_here = threading.Barrier(len(calls))

    def act(place: int) -> None:
        try:
            connection.ensure_connection()
            everybody_is_here.wait(within_seconds)
            answers[place] = calls[place]()
        except LavaError as refusal:
            answers[place] = refusal
        except Exception as failure:
            failures.append(failure)
            everybody_is_here.abort()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(place,), daemon=True) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    _wait_for(threads, within_seconds)
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(calls)} threads failed", failures)
    return answers  # type: ignore[return-value]


def _wait_for(threads: Sequence[threading.Thread], within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    stuck = [thread for thread in threads if thread.is_alive()]
    if stuck:
        frames = sys._current_frames()
        places = ["".join(traceback.format_stack(frames[thread.ident])) for thread in stuck if thread.ident in frames]
        raise AssertionError(f"{len(stuck)} threads still run after {within_seconds:g} s:\n\n" + "\n".join(places[:3]))
