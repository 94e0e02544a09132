"""The database refuses connections: callers are told so readably, and everything works again by itself afterwards."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.reporting import CUT_ALL_OTHERS, wait_until
from tests.sdk.system import System


@contextmanager
def no_connection_slot_left(system: System) -> Iterator[None]:
    """Cut every connection to the database and let nobody open a new one."""
    name = urlsplit(system.database_url).path.strip("/")
    with psycopg.connect(system.database_url, autocommit=True) as database:
        if database.info.parameter_status("is_superuser") == "on":
            pytest.skip("slots cannot run out for a superuser: give DATABASE_URL an ordinary role")
        database.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        try:
            database.execute(CUT_ALL_OTHERS)
            yield
        finally:
            database.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')


def get(system: System, path: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{system.port}{path}")
    request.add_header("Authorization", f"Bearer {system.key}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_it_says_so_while_connection_slots_are_exhausted_and_works_again_afterwards(system, application):
    assert application.report("before").status == 201

    with no_connection_slot_left(system):
        [*_, refused] = application.report_until(lambda told: told.status == 503)
        error = refused.body["error"]
        assert (error["code"], error["status"]) == ("temporarily_unavailable", 503)
        assert "Send it again with the same request_id" in error["message"]

        for path in ("/v1/meters", "/v1/requests", "/v1/customers/ada/balance"):
            status, body = get(system, path)
            assert (status, json.loads(body)["error"]["code"]) == (503, "temporarily_unavailable")
        assert get(system, "/healthz")[0] == 200
        assert get(system, "/readyz")[0] == 503

    wait_until(lambda: application.report(refused.request_id).status in {200, 201})
    assert application.report(refused.request_id).status == 200
    assert application.report("before").status == 200
    wait_until(lambda: get(system, "/readyz")[0] == 200)
    system.run("manage.py", "audit_books")


def test_connections_that_are_cut_all_the_time_lose_nothing_and_double_nothing(system, application):
    with psycopg.connect(system.database_url, autocommit=True) as database, application.reporting() as told:
        for _ in range(15):
            seen = len(told)
            wait_until(lambda seen=seen: len(told) > seen + 2)
            database.execute(CUT_ALL_OTHERS)
    assert {one.status for one in told} <= {200, 201, 503}
    assert {application.report(one.request_id).status for one in told} <= {200, 201}
    with psycopg.connect(system.database_url) as database:
        recorded = database.execute("SELECT request_id FROM requests_meteredrequest").fetchall()
    assert {one.request_id for one in told} <= {request_id for (request_id,) in recorded}
    system.run("manage.py", "audit_books")
