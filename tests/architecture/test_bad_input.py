"""Whatever is sent to whichever route: its documented status and error object, and nothing is stored."""

import json
from copy import deepcopy

import pytest
from django.conf import settings
from django.db import connection

from apps.core import clock
from tests.factories.stage import all_routes, set_stage

# Usage has a reader of its own (`requests.reporting`), with tests of its own.
READ_ELSEWHERE = {("POST", "/requests"), ("POST", "/requests/batch"), ("POST", "/requests/estimate")}
WITH_A_BODY = sorted(route for route in all_routes() if route[0] in {"POST", "PATCH"} and route not in READ_ELSEWHERE)
# What changes without anybody storing something: how often and when a key was used.
NOT_STORED = {"merchants_ratewindow", "merchants_secretkey"}


@pytest.fixture
def at():
    return clock.now()


@pytest.fixture
def stage(api):
    return set_stage(api)


def stored():
    """How many rows there are, table by table, and how many versions of rows there have been."""
    tables = [name for name in connection.introspection.table_names() if name not in NOT_STORED]
    with connection.cursor() as cursor:
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM \"{table}\" t")
            [counts[table]] = cursor.fetchone()
    return counts


def refused(stage, route, *, body=None, raw=None, headers=None):
    """Send it, see that nothing was stored and that the error object is whole; returns (status, code)."""
    before = stored()
    answer = stage.api.call(route[0], stage.path(route), body=body, raw=raw, headers=headers)
    assert stored() == before
    error = answer.body["error"]
    assert set(error) == {"message", "code", "status"}
    assert error["status"] == answer.status
    assert error["message"]
    return answer.status, error["code"]


NOT_JSON = {
    "half": b'{"name": "x"',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "not UTF-8": b'{"name": "\xff"}',
    "NUL": rb'{"name": "\u0000"}',
    "half a surrogate pair": rb'{"name": "\ud800"}',
    "a field twice": b'{"name": "x", "name": "y"}',
    "endless digits": b'{"name": ' + b"9" * 200 + b"}",
    "a huge exponent": b'{"name": 1e999999}',
    "too deep": b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_a_body_that_is_no_json_is_refused(stage, route):
    for name, raw in NOT_JSON.items():
        assert refused(stage, route, raw=raw) == (400, "invalid_json"), name


@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_a_body_of_two_megabytes_is_refused(stage, route):
    raw = b'{"name": "' + b"x" * 2_000_000 + b'"}'
    assert len(raw) > settings.BODY_BYTES_MAX
    assert refused(stage, route, raw=raw) == (413, "body_too_large")


@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_a_body_that_is_no_object_is_refused(stage, route):
    for body in ([], "text", 7, None, True):
        assert refused(stage, route, raw=json.dumps(body).encode()) == (400, "invalid_request"), body


@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_an_unknown_or_misspelt_field_is_refused_and_never_ignored(stage, route):
    body = stage.bodies[route]
    field = next(iter(body))
    assert refused(stage, route, body=body | {"surprise": 1}) == (400, "invalid_request")
    assert refused(stage, route, body=body | {field + "s": body[field]}) == (400, "invalid_request")


@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_a_form_is_refused(stage, route):
    before = stored()
    client = stage.api.client
    answer = client.generic(
        route[0],
        "/v1" + stage.path(route),
        b"name=x",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {stage.api.key}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert stored() == before


def _everywhere(value, wrong):
    """The body with each of its leaves replaced by `wrong`, one at a time."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for changed in _everywhere(inner, wrong):
                yield {**deepcopy(value), name: changed}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in _everywhere(inner, wrong):
                copy = deepcopy(value)
                copy[place] = changed
                yield copy
    else:
        yield wrong


WRONG = {
    "a boolean": True,
    "a list": [[]],
    "an object": {"a": {}},
    "10^30": 10**30,
    "a long text": "x" * 2000,
    "a negative amount": "-1000000",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("route", WITH_A_BODY, ids=" ".join)
def test_a_value_of_the_wrong_kind_is_refused_wherever_it_stands(stage, route, wrong):
    for body in _everywhere(stage.bodies[route], wrong):
        before = stored()
        answer = stage.api.call(route[0], stage.path(route), body=body)
        if answer.status < 300:
            # Texts may hold any text that fits, metadata any object: that is not wrong.
            assert wrong == "-1000000" or "metadata" in body, (body, answer.body)
        else:
            assert answer.status in {400, 404, 409}, (body, answer.body)
            assert stored() == before


LISTS = sorted(
    route
    for method, route in all_routes()
    if method == "GET" and (route.endswith("/ledger") or ("{" not in route and route != "/usage"))
)


@pytest.mark.parametrize("route", LISTS)
def test_a_page_has_1_to_100_rows(stage, route):
    for limit in ("0", "101", "-1", "ten", "1e1", "", "9" * 20):
        answer = stage.api.get(stage.path(("GET", route)), limit=limit)
        assert (answer.status, answer.code) == (400, "invalid_request"), limit


@pytest.mark.parametrize("route", LISTS)
def test_a_made_up_cursor_is_refused(stage, route):
    for cursor in ("made up", "AAAA", "é", "%00", "A" * 40):
        answer = stage.api.get(stage.path(("GET", route)), cursor=cursor)
        assert (answer.status, answer.code) == (400, "invalid_cursor"), cursor


@pytest.mark.parametrize("route", LISTS)
def test_an_unknown_parameter_is_refused(stage, route):
    answer = stage.api.get(stage.path(("GET", route)), limits=5)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert "did you mean 'limit'" in answer.body["error"]["message"]


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_there_is_refused(stage, method):
    answer = stage.api.call(method, "/customers")
    assert (answer.status, answer.code) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/nothing", "/customers/", "/meters/a/b", "/../v1", "/v1/customers"])
def test_an_address_without_a_route_answers_in_json_too(stage, path):
    for method in ("GET", "POST", "DELETE"):
        answer = stage.api.call(method, path)
        assert answer.status in {404, 405}
        assert answer.code in {"route_not_found", "meter_not_found", "method_not_allowed"}


NO_IDS = ["x", "%00", "a%00b", "con_test_", "..%2f..", "é", "x" * 3000, "%ff", "%F0%9F%98%80"]


@pytest.mark.parametrize("id", NO_IDS, ids=range(len(NO_IDS)))
def test_an_id_that_is_none_is_not_found(stage, id):
    for route in ("customers/{}", "meters/{}", "plans/{}", "credit_bundles/{}", "requests/{}", "requests/{}/receipt"):
        assert stage.api.get("/" + route.format(id)).status == 404
    assert stage.api.delete(f"/secret_keys/{id}").status == 404
    assert stage.api.delete(f"/subscriptions/{id}").status == 404
