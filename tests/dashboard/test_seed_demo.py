"""The demo merchant: made once, by the ordinary functions, with books that prove."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from apps.core import clock
from apps.customers.models import Customer
from apps.dashboard.demo.history import live_through
from apps.ledger.audit import run_audit
from apps.ledger.models import LedgerEntry
from apps.merchants.models import Merchant
from apps.merchants.opening import open_merchant
from apps.merchants.secret_keys import authenticate, generate
from apps.meters.models import Meter
from apps.requests.models import MeteredRequest

pytestmark = pytest.mark.django_db


def seed() -> dict[str, str]:
    output = StringIO()
    call_command("seed_demo", days=21, people=12, stdout=output, stderr=StringIO())
    answer: dict[str, str] = json.loads(output.getvalue().splitlines()[-1])
    return answer


@pytest.fixture
def secrets(monkeypatch) -> dict[str, str]:
    given = {"LAVA_SEED_PASSWORD": "correct horse battery", "LAVA_SEED_SECRET_KEY": generate(mode="test")}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def counts() -> list[int]:
    return [
        model.across_merchants.count() if hasattr(model, "across_merchants") else model.objects.count()
        for model in (Merchant, Meter, Customer, MeteredRequest, LedgerEntry)
    ]


def test_it_has_a_past_whose_books_prove_and_is_made_once(secrets, client):
    answer = seed()
    assert answer["email"] == "owner@acme.test"
    assert answer["secret_key"] == secrets["LAVA_SEED_SECRET_KEY"]
    sandbox = authenticate(answer["secret_key"]).merchant
    assert (sandbox.name, sandbox.mode, sandbox.public_id) == ("Acme AI", "test", answer["merchant"])

    requests = MeteredRequest.objects.for_merchant(sandbox)
    assert requests.count() > 300
    assert requests.filter(cost__isnull=True).exists()
    assert requests.filter(voided_at__isnull=False).exists()
    assert {meter.slug for meter in Meter.objects.for_merchant(sandbox)} == {
        "chat",
        "research",
        "transcription",
        "images",
    }
    kinds = set(LedgerEntry.objects.for_merchant(sandbox).values_list("kind", flat=True))
    assert {"usage", "grant_cycle", "grant_promotional", "adjustment", "reversal", "expiry"} <= kinds
    assert not run_audit(at=clock.now()).differences

    before = counts()
    assert seed() == answer
    assert counts() == before

    data = {"login": answer["email"], "password": answer["password"]}
    assert client.post("/accounts/login/", data).status_code == 302
    assert client.get("/dashboard/").status_code == 200


def test_the_same_story_is_told_every_time(secrets):
    until = datetime(2026, 1, 15, 12, tzinfo=UTC)

    def told() -> list[tuple[str, object]]:
        sandbox = open_merchant(name="Twice", at=until).sandbox
        live_through(sandbox, until=until, days=6, people=5, actor="test")
        requests = MeteredRequest.objects.for_merchant(sandbox)
        return list(requests.order_by("request_id").values_list("request_id", "charge"))

    first = told()
    assert first
    assert first == told()


def test_without_the_environment_a_secret_is_shown_once(monkeypatch):
    monkeypatch.delenv("LAVA_SEED_PASSWORD", raising=False)
    monkeypatch.delenv("LAVA_SEED_SECRET_KEY", raising=False)
    output = StringIO()
    call_command("seed_demo", days=1, people=1, stdout=output, stderr=StringIO())
    first = json.loads(output.getvalue())
    assert authenticate(first["secret_key"])
    again = StringIO()
    call_command("seed_demo", stdout=again, stderr=StringIO())
    assert json.loads(again.getvalue()) == {**first, "password": None, "secret_key": None}
