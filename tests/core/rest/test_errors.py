"""Every refusal looks the same, and a bug says nothing but its id."""

import json
import logging
import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, connections
from django.http import Http404
from rest_framework.test import APIRequestFactory

from apps.core import clock
from apps.core.errors import LavaError
from apps.merchants.endpoints import Endpoint
from tests.factories.callers import Api


class NotToday(LavaError):
    """A refusal of this test."""

    code = "not_today"
    status = 418


def raising(problem):
    class Raises(Endpoint):
        def get(self, request):
            raise problem

    return Raises.as_view()


def answer_of(problem, api):
    request = APIRequestFactory().get("/v1/test", headers={"Authorization": f"Bearer {api.key}"})
    response = raising(problem)(request).render()
    return response, json.loads(response.content)["error"]


def test_a_refusal_is_its_code_status_and_message(api):
    response, error = answer_of(NotToday("Come back tomorrow."), api)
    assert response.status_code == 418
    assert error == {"message": "Come back tomorrow.", "code": "not_today", "status": 418}


@pytest.mark.parametrize(
    ("problem", "status", "code"), [(Http404(), 404, "route_not_found"), (PermissionDenied(), 403, "forbidden")]
)
def test_djangos_own_refusals_look_the_same(api, problem, status, code):
    response, error = answer_of(problem, api)
    assert (response.status_code, error["code"], error["status"]) == (status, code, status)


def test_a_bug_is_logged_under_an_id_and_told_by_it_only(api, caplog):
    with caplog.at_level(logging.ERROR):
        response, error = answer_of(ZeroDivisionError("the pepper is 123"), api)
    assert (response.status_code, error["code"]) == (500, "internal_error")
    [request_id] = re.findall(r"[0-9a-f]{32}", error["message"])
    assert "pepper" not in error["message"]
    [record] = [record for record in caplog.records if request_id in record.getMessage()]
    assert record.exc_info[0] is ZeroDivisionError


def test_messages_are_in_one_language(api):
    answer = api.call("GET", "/customers", query={"limit": "0"}, headers={"Accept-Language": "de"})
    assert "greater than or equal to 1" in answer.body["error"]["message"]


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_for_a_lock_is_told_to_try_again(acme):
    api = Api(acme, at=clock.now())
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM merchants_merchant WHERE id = %s FOR UPDATE", [acme.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        answer = api.post("/secret_keys", {"name": "Waits"})
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert api.post("/secret_keys", {"name": "Waits"}).status == 201
