"""The OpenAPI document is complete, and what the routes really answer is what it says."""

import json
from copy import deepcopy

import jsonschema
import pytest
from django.test import Client

from apps.core import clock
from apps.core.rest.openapi import openapi_document
from tests.factories.stage import all_routes, set_stage

ROUTES = sorted(all_routes())
# Deleting comes last, so that the others find what they name.
IN_ORDER = sorted(ROUTES, key=lambda route: (route[0] == "DELETE", "{customer_id}" in route[1], route))


@pytest.fixture
def at():
    return clock.now()


@pytest.fixture
def stage(api, acme, at):
    return set_stage(api)


@pytest.fixture(scope="module")
def document():
    return openapi_document()


def operation(document, route):
    return document["paths"]["/v1" + route[1]][route[0].lower()]


def test_it_is_served(db):
    answer = Client().get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.")


def test_it_has_every_route_and_no_other(document):
    described = {
        (method.upper(), path.removeprefix("/v1")) for path, methods in document["paths"].items() for method in methods
    }
    assert described == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_every_route_is_explained(document, route):
    described = operation(document, route)
    assert described["summary"]
    assert described["description"]
    assert described["security"] == [{"secretKey": []}]
    assert all(parameter["description"] for parameter in described.get("parameters", ()))
    statuses = set(described["responses"])
    assert {"401", "429", "500", "503"} <= statuses
    assert any(status.startswith("2") for status in statuses)
    assert "204" not in statuses
    if "{" in route[1]:
        assert "404" in statuses
    if "requestBody" in described:
        assert {"400", "413"} <= statuses
    for status, answer in described["responses"].items():
        [content] = answer["content"].values()
        assert "$ref" in content["schema"]
        if status < "300":
            check(document, content["schema"], content["example"])
        if status >= "400":
            assert {example["value"]["error"]["status"] for example in content["examples"].values()} == {int(status)}


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_every_body_is_described(document, stage, route):
    described = operation(document, route)
    assert ("requestBody" in described) == (route in stage.bodies)
    if route in stage.bodies:
        content = described["requestBody"]["content"]["application/json"]
        check(document, content["schema"], stage.bodies[route])
        check(document, content["schema"], content["examples"]["Example"]["value"])


def test_every_answer_is_as_described(document, stage, settings):
    query = {"/usage": {"start": "2026-01-01"}}
    for route in IN_ORDER:
        answer = stage.api.call(route[0], stage.path(route), body=stage.bodies.get(route), query=query.get(route[1]))
        if route[1] != "/secret_keys/{secret_key_id}":  # too new to be deleted
            assert answer.status < 300, (route, answer.body)
        described = operation(document, route)["responses"][str(answer.status)]
        check(document, described["content"]["application/json"]["schema"], answer.body)


def test_every_list_is_as_described_when_there_is_more(document, stage):
    for number in range(2):
        stage.api.post("/customers", {"reference_id": f"more-{number}"})
    page = stage.api.get("/customers", limit=1).body
    described = operation(document, ("GET", "/customers"))["responses"]["200"]
    check(document, described["content"]["application/json"]["schema"], page)
    assert page["has_more"]


def check(document, schema, value):
    """Every field is described, of its type, and there when it must be."""
    resolved = _as_json_schema({**schema, "components": document["components"]})
    jsonschema.validate(json.loads(json.dumps(value)), resolved)


def _as_json_schema(schema):
    """OpenAPI 3.0 in the words of JSON Schema, with objects closed: what is not described is not there."""
    if isinstance(schema, list):
        return [_as_json_schema(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _as_json_schema(value) for name, value in deepcopy(schema).items()}
    if inner.pop("nullable", False) is True:
        return {"anyOf": [inner, {"type": "null"}]}
    if isinstance(inner.get("properties"), dict) and inner.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def test_every_post_but_reports_takes_an_idempotency_key(document):
    reports = {"/requests", "/requests/batch", "/requests/estimate"}
    for route in ROUTES:
        names = {parameter["name"] for parameter in operation(document, route).get("parameters", ())}
        assert ("Idempotency-Key" in names) == (route[0] == "POST" and route[1] not in reports), route
