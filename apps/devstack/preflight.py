"""Can Lava start here? Each check that says no says why, and what to do about it."""

import os
import socket
import sys

import psycopg
import redis

from apps.devstack.errors import CannotStart

PYTHON_MIN = (3, 11)
POSTGRES_MAJOR_MIN = 15
PORT_DEFAULT = 8000


class PythonTooOld(CannotStart):
    """The virtual environment was made with a Python that Lava does not run on."""


class BadPort(CannotStart):
    """`LAVA_PORT` is not a port."""


class PortInUse(CannotStart):
    """Somebody else listens where the web server should."""


class DatabaseUnusable(CannotStart):
    """`DATABASE_URL` cannot be reached, or is too old."""


class RedisUnusable(CannotStart):
    """`REDIS_URL` cannot be reached."""


def check_python() -> None:
    """Raises `PythonTooOld`."""
    if sys.version_info < PYTHON_MIN:
        found, wanted = sys.version.split()[0], ".".join(map(str, PYTHON_MIN))
        raise PythonTooOld(
            f"Lava needs Python {wanted} or newer, and .venv has {found}. Remove the folder .venv, then:\n"
            f"  make run PYTHON=python{wanted}"
        )


def wanted_port() -> int:
    """The web server's port: `LAVA_PORT`, or 8000. Raises `BadPort`."""
    text = os.environ.get("LAVA_PORT") or str(PORT_DEFAULT)
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise BadPort(f"LAVA_PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def check_port_is_free(host: str, port: int) -> None:
    """Raises `PortInUse`, which names another port that is free."""
    if _is_free(host, port):
        return
    another = next((other for other in range(port + 1, min(port + 100, 65_536)) if _is_free(host, other)), 0)
    raise PortInUse(
        f"Port {port} is in use by another program. Stop that program, or start Lava on another port:\n"
        f"  make run LAVA_PORT={another}"
    )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As the server will do it: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except PermissionError:
            raise BadPort(f"LAVA_PORT is {port}; without more rights it must be above 1023.") from None
        except OSError:
            return False
    return True


def check_database(url: str) -> None:
    """Raises `DatabaseUnusable` unless a PostgreSQL that is new enough answers there."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as problem:
        raise DatabaseUnusable(f"The database of DATABASE_URL does not let us in:\n{problem}") from None
    if version < POSTGRES_MAJOR_MIN * 10_000:
        raise DatabaseUnusable(
            f"DATABASE_URL is a PostgreSQL {version // 10_000}; Lava needs {POSTGRES_MAJOR_MIN} or newer. "
            f"Without DATABASE_URL, Lava brings its own."
        )


def check_redis(url: str) -> None:
    """Raises `RedisUnusable` unless a Redis answers there."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as problem:
        raise RedisUnusable(
            f"The Redis of REDIS_URL does not answer: {problem}\nWithout REDIS_URL, Lava needs none."
        ) from None
