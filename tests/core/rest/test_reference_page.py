"""/v1/docs: what people read."""

import re

import pytest
from django.test import Client

from apps.core.rest.openapi import openapi_document


@pytest.fixture
def page(db):
    answer = Client().get("/v1/docs")
    assert answer.status_code == 200
    return answer


def test_every_operation_is_on_it_with_an_anchor(page):
    html = page.content.decode()
    for path, methods in openapi_document()["paths"].items():
        assert path in html
        for operation in methods.values():
            assert html.count(f'id="{operation["operationId"]}"') == 1


def test_nothing_comes_from_another_host_and_nothing_runs(page):
    html = page.content.decode()
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert "<script" not in html
    assert "style=" not in html
    assert "default-src 'none'" in page["Content-Security-Policy"]


def test_what_is_in_backticks_is_code_and_never_markup(page):
    html = page.content.decode()
    assert "`" not in re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
