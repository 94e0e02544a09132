"""The load generator counts answers, and takes nothing else for one."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.client import UnexpectedAnswer, drive

POST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def server(*pieces: bytes) -> Iterator[tuple[str, int]]:
    """A server that answers whatever comes with these pieces, each a packet of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while connected.recv(65536):
                    for piece in pieces:
                        connected.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()
        thread.join(timeout=5)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nbody",),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\n", b"bo", b"dy"),
        (b"HTTP/1.1 201 Cre", b"ated\r\ncontent-length: 4\r\n", b"\r\nbody"),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",),
    ],
)
def test_an_answer_in_pieces_is_one_answer(pieces):
    with server(*pieces) as address:
        run = drive(address, itertools.repeat(POST), connections=1, seconds=0.1, warm_up=0)
    assert run.charges == len(run.latencies) > 0
    assert run.latency(50) <= run.latency(99)


def test_a_refusal_ends_the_run():
    with (
        server(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}") as address,
        pytest.raises(UnexpectedAnswer),
    ):
        drive(address, itertools.repeat(POST), connections=1, seconds=0.1, warm_up=0)


def test_a_closed_connection_ends_the_run():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def close() -> None:
            connected, _ = listening.accept()
            connected.close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises((UnexpectedAnswer, ConnectionError)):
            drive(listening.getsockname(), itertools.repeat(POST), connections=1, seconds=0.1, warm_up=0)
        thread.join(timeout=5)
