"""What keeps Lava from starting is said in words, with what to do about it."""

from __future__ import annotations

import socket

import pytest

from apps.devstack import preflight


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_named_with_one_that_is_free(taken_port):
    with pytest.raises(preflight.PortInUse) as refused:
        preflight.check_port_is_free("127.0.0.1", taken_port)

    assert f"Port {taken_port} is in use" in str(refused.value)
    other = int(str(refused.value).rsplit("LAVA_PORT=", 1)[1])
    preflight.check_port_is_free("127.0.0.1", other)


@pytest.mark.parametrize("text", ["eighty", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("LAVA_PORT", text)
    with pytest.raises(preflight.BadPort, match="a number from 1 to 65535"):
        preflight.wanted_port()


def test_the_port_is_8000_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("LAVA_PORT", raising=False)
    assert preflight.wanted_port() == 8000
    monkeypatch.setenv("LAVA_PORT", "8010")
    assert preflight.wanted_port() == 8010


def test_a_database_that_does_not_answer_is_said_readably(taken_port):
    unreachable = f"postgresql://lava:secret@127.0.0.1:{taken_port + 1}/lava"
    with pytest.raises(preflight.DatabaseUnusable, match="does not let us in") as refused:
        preflight.check_database(unreachable)
    assert "secret" not in str(refused.value)


def test_a_redis_that_does_not_answer_is_said_readably():
    with pytest.raises(preflight.RedisUnusable, match="Without REDIS_URL, Lava needs none"):
        preflight.check_redis("redis://127.0.0.1:1/0")
