"""What Prometheus fetches."""

import pytest
from django.test import Client

from apps.core import clock


@pytest.fixture
def at():
    return clock.now()


def test_answers_are_counted_by_route_and_never_by_id(api, ada):
    api.get("/customers/ada")
    api.get("/customers/nobody")
    page = Client().get("/metrics").content.decode()
    route = 'route="/v1/customers/<path:customer_id>"'
    assert f'lava_http_answer_seconds_count{{method="GET",{route},status="200"}}' in page
    assert f'lava_http_answer_seconds_count{{method="GET",{route},status="404"}}' in page
    assert "ada" not in page


def test_the_lag_of_renewals_is_there(db):
    assert "lava_renewal_lag_seconds 0.0" in Client().get("/metrics").content.decode()


def test_with_a_token_only_those_who_know_it_may_fetch(db, settings):
    settings.METRICS_TOKEN = "tell me"
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer tell you"}).status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer tell me"}).status_code == 200
