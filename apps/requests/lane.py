"""The hot door of `POST /v1/requests` and its batches: it charges together what is waiting together.

The event loop collects what came in and hands it, as one batch, to a thread, which charges it in one
transaction, so with one commit for all of it. While the threads are busy the next batch grows: alone, a
request waits for nobody, and under load the batches become as large as they need to be. Everything that
decides something is shared with the other door: `reporting` reads the body, `charging` charges,
`presenting` answers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection

from apps.core import clock
from apps.core.errors import LavaError
from apps.core.metrics import observe
from apps.merchants.authentication import key_in_header
from apps.merchants.secret_keys import Caller, authenticate, note_use
from apps.requests.charging import Charged, charge, charge_batch
from apps.requests.presenting import batch_json, encode, refusal_json, request_json, status_of
from apps.requests.records import Report
from apps.requests.reporting import parse_batch, parse_report

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Post = tuple[str | None, bytes]
"""An Authorization header and a body."""

Answer = tuple[int, bytes]
"""A status and a body."""

Answering = Callable[[Sequence[Post]], list[Answer]]

BATCH_MAX: Final = 500
# One: larger batches cost less than what a second thread gains by pricing while the first waits for its commit. A
# machine with more cores runs more processes.
THREADS: Final = 1

_JSON: Final = (b"content-type", b"application/json")
_TOO_LARGE: Final[Answer] = (
    413,
    encode({"error": {"message": "The body is too large.", "code": "body_too_large", "status": 413}}),
)
_UNAVAILABLE: Final[Answer] = (
    503,
    encode(
        {
            "error": {
                "message": "The charge could not be recorded now. Send it again with the same request_id.",
                "code": "temporarily_unavailable",
                "status": 503,
            }
        }
    ),
)


@dataclass(slots=True)
class _Waiting:
    """One request as it came, and where its answer goes."""

    authorization: str | None
    body: bytes
    answer: asyncio.Future[Answer]
    route: str
    since: float


class Lane:
    """What is waiting, the threads that charge it, and the ASGI callable in front of them.

    `answer` takes what is waiting, at most `most` at once, and answers each in its place.
    """

    def __init__(self, answer: Answering | None = None, *, most: int = BATCH_MAX) -> None:
        self._answer = answer or answer_together
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._idle = 0
        self._dispatching = False

    def start(self) -> None:
        """Start the threads, for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="charging")
        self._idle = THREADS

    async def stop(self) -> None:
        """End the threads and their connections, once what they are charging is charged.

        The server calls this when every request it took is answered.
        """
        # Each thread waits for the others here, so each closes its own connection.
        together = threading.Barrier(THREADS)
        await asyncio.gather(
            *(self._loop.run_in_executor(self._threads, _disconnect, together) for _ in range(THREADS))
        )
        self._threads.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        body = await _body(receive)
        if body is None:
            status, answer = _TOO_LARGE
        else:
            answered = self._loop.create_future()
            authorization = _header(scope, b"authorization")
            waiting = _Waiting(authorization, body, answered, scope["path"], time.monotonic())
            self._waiting.append(waiting)
            self._dispatch_soon()
            status, answer = await waiting.answer
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [_JSON, (b"content-length", str(len(answer)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    def _dispatch_soon(self) -> None:
        """Make a batch in the loop's next turn, when all that arrived in this one is waiting."""
        if self._idle and not self._dispatching:
            self._dispatching = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        if self._waiting and self._idle:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
            self._idle -= 1
            self._threads.submit(self._serve, batch)
            if self._waiting:
                self._dispatch_soon()

    def _serve(self, batch: Sequence[_Waiting]) -> None:
        answers = self._answers([(waiting.authorization, waiting.body) for waiting in batch])
        self._loop.call_soon_threadsafe(self._hand_back, batch, answers)

    def _answers(self, posts: Sequence[Post]) -> list[Answer]:
        try:
            close_old_connections()
            return self._answer(posts)
        except Exception as failure:
            log.exception("A batch of %d requests could not be charged.", len(posts))
            connection.close()
            if len(posts) == 1 or isinstance(failure, OperationalError | psycopg.OperationalError):
                return [_UNAVAILABLE] * len(posts)
        # It is not the database: one of them is what fails, and must not spoil the others' answers.
        return [answer for post in posts for answer in self._answers([post])]

    def _hand_back(self, batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
        now = time.monotonic()
        for waiting, answer in zip(batch, answers, strict=True):
            observe(route=waiting.route, method="POST", status=answer[0], seconds=now - waiting.since)
            if not waiting.answer.done():  # the client may be gone
                waiting.answer.set_result(answer)
        self._idle += 1
        if self._waiting:
            self._dispatch_soon()


def _disconnect(together: threading.Barrier) -> None:
    together.wait(timeout=30)
    connection.close()


def answer_together(posts: Sequence[Post]) -> list[Answer]:
    """Answer several `POST /v1/requests`, charging them in one batch."""
    at = clock.now()
    callers = Callers(at)
    answers: list[Answer | None] = [None] * len(posts)
    reports: list[Report] = []
    places: list[int] = []
    for place, (authorization, body) in enumerate(posts):
        try:
            reports.append(parse_report(body, callers.of(authorization).merchant, at=at))
            places.append(place)
        except LavaError as refusal:
            answers[place] = _refusal(refusal)
    for place, report, outcome in zip(places, reports, charge(reports, at=at), strict=True):
        answers[place] = _charged(outcome, report.merchant.mode) if isinstance(outcome, Charged) else _refusal(outcome)
    return [answer for answer in answers if answer is not None]


def answer_batches(posts: Sequence[Post]) -> list[Answer]:
    """Answer several `POST /v1/requests/batch`, one after the other: each is a batch already."""
    return [_answer_batch(authorization, body) for authorization, body in posts]


def _answer_batch(authorization: str | None, body: bytes) -> Answer:
    at = clock.now()
    try:
        merchant = Callers(at).of(authorization).merchant
        items = parse_batch(body, merchant, at=at)
    except LavaError as refusal:
        return _refusal(refusal)
    return (200, encode(batch_json(charge_batch(items, at=at), mode=merchant.mode)))


class Callers:
    """Whose keys these are: many requests of one batch come with the same one."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._known: dict[str | None, Caller] = {}

    def of(self, authorization: str | None) -> Caller:
        """Whose key this header holds. Raises AuthHeaderMissing and KeyRefused."""
        caller = self._known.get(authorization)
        if caller is None:
            caller = self._known[authorization] = authenticate(key_in_header(authorization))
            note_use(caller, at=self._at)
        return caller


def _charged(outcome: Charged, mode: str) -> Answer:
    return (status_of(outcome), encode(request_json(outcome.record, mode=mode)))


def _refusal(refusal: LavaError) -> Answer:
    return (refusal.status, encode(refusal_json(refusal)))


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value.decode("latin-1"))
    return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is longer than is taken; the rest is read and dropped."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= settings.BODY_BYTES_MAX else None
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= settings.BODY_BYTES_MAX:
            parts.append(part)
    return b"".join(parts) if size <= settings.BODY_BYTES_MAX else None
