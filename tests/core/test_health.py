"""What those who run Lava ask a process."""

from django.test import Client


def test_a_process_is_alive_without_asking_the_database():
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_process_is_ready_when_the_database_is(db):
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
