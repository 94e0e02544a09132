"""How fast does a server answer? A closed loop over keep-alive connections that costs as little as Python can.

It shares the machine with what it measures, so it is one process and one epoll, sends ready-made bytes, and reads of
an answer only its status and its length. What it still costs is measured and reported.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.figures import Run

_LENGTH: Final = b"content-length: "
_HEAD_ENDS: Final = b"\r\n\r\n"
_READ_BYTES: Final = 262_144


class UnexpectedAnswer(RuntimeError):
    """The server did something else than charge: a figure made of refusals would mean nothing."""


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent_at: int = 0
    received: list[bytes] = field(default_factory=list)
    missing: int = 0  # bytes of the body still to come, once the head is known


def drive(
    address: tuple[str, int],
    posts: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    warm_up: float,
    charges_per_post: int = 1,
    expect: bytes = b"HTTP/1.1 201 ",
) -> Run:
    """Post on every connection, again as soon as it is answered, and count what is answered after the warm-up.

    Raises UnexpectedAnswer when an answer begins otherwise than expected.
    """
    opened = [_connect(address) for _ in range(connections)]
    poll = select.epoll()
    by_number = {one.socket.fileno(): one for one in opened}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    try:
        for one in opened:
            _post(one, next(posts))
        busy_before = time.process_time()
        warming_up = _loop(poll, by_number, posts, seconds=warm_up, expect=expect)
        began_at = time.perf_counter()
        latencies = _loop(poll, by_number, posts, seconds=seconds, expect=expect)
        took, busy = time.perf_counter() - began_at, time.process_time() - busy_before
        _drain(poll, by_number, expect)
    finally:
        poll.close()
        for one in opened:
            one.socket.close()
    return Run(
        seconds=took,
        charges=len(latencies) * charges_per_post,
        latencies=sorted(nanoseconds / 1e6 for nanoseconds in latencies),
        charges_in_all=(len(warming_up) + len(latencies) + connections) * charges_per_post,
        client_busy=busy,
    )


def _loop(
    poll: select.epoll,
    by_number: dict[int, _Connection],
    posts: Iterator[bytes],
    *,
    seconds: float,
    expect: bytes,
) -> list[int]:
    """Keep every connection busy for some seconds; returns the latencies in nanoseconds."""
    now = time.perf_counter_ns
    latencies: list[int] = []
    until = now() + int(seconds * 1e9)
    while now() < until:
        for number, _ in poll.poll(1.0):
            one = by_number[number]
            if _is_answered(one, expect):
                latencies.append(now() - one.sent_at)
                _post(one, next(posts))
    return latencies


def _drain(poll: select.epoll, by_number: dict[int, _Connection], expect: bytes) -> None:
    """Wait for the answers that are still on their way, so the next run does not meet them."""
    open_ones = set(by_number)
    until = time.perf_counter() + 10
    while open_ones and time.perf_counter() < until:
        for number, _ in poll.poll(1.0):
            if _is_answered(by_number[number], expect):
                open_ones.discard(number)


def _connect(address: tuple[str, int]) -> _Connection:
    connected = socket.create_connection(address)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Connection(connected)


def _post(one: _Connection, post: bytes) -> None:
    one.sent_at = time.perf_counter_ns()
    one.socket.sendall(post)


def _is_answered(one: _Connection, expect: bytes) -> bool:
    """Read what is there; whether the answer is complete."""
    data = one.socket.recv(_READ_BYTES)
    if not data:
        raise UnexpectedAnswer("the server closed the connection")
    if one.missing:
        one.missing -= len(data)
    else:
        if one.received:  # a head in pieces: rare
            data = b"".join((*one.received, data))
        end = data.find(_HEAD_ENDS)
        if end < 0:
            one.received.append(data)
            return False
        one.received.clear()
        if not data.startswith(expect):
            raise UnexpectedAnswer(data[:2000].decode(errors="replace"))
        at = data.find(_LENGTH) + len(_LENGTH)
        one.missing = int(data[at : data.find(b"\r", at)]) - (len(data) - end - len(_HEAD_ENDS))
    return one.missing == 0
