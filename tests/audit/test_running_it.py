"""How the audit is run: by hand, by the clock, and while customers are being charged."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.core import clock
from apps.ledger.audit import Books, Finding, NoSuchInvariant, audit_and_store, audit_is_due, invariants, run_audit
from apps.ledger.models import AuditRun
from apps.ledger.tasks import audit_books
from apps.requests.models import MeteredRequest
from apps.subscriptions.renewal import bring_up_to_date
from tests.audit.conftest import AUDITED_AT, MARCH_20, Book, report


@pytest.fixture
def wrong_book(book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book in which Ada has a cent too much, on the day of the story."""
    monkeypatch.setattr(clock, "now", lambda: AUDITED_AT)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET balance = balance + 0.01 WHERE customer_id = %s", [book.ada.pk])
    return book


@pytest.fixture
def sound_book(book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
    """The book as it should be, on the day of the story."""
    monkeypatch.setattr(clock, "now", lambda: AUDITED_AT)
    return book


def audit(*arguments: str) -> tuple[int, str]:
    """Run the command; returns its exit status and what it printed."""
    out = StringIO()
    try:
        call_command("audit_books", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_a_sound_book_ends_well(sound_book):
    status, said = audit()
    assert status == 0
    assert "11 invariants" in said
    assert "no differences as of 2026-03-20 12:05:00 UTC." in said


def test_a_wrong_book_ends_with_status_1_and_a_sentence_with_both_numbers(wrong_book):
    status, said = audit()
    assert status == 1
    assert "A1   1 difference: a customer's balance is the sum of their entries" in said
    whose = f"Acme (sandbox), customer {wrong_book.ada.public_id}"
    assert f"{whose}: the balance is 12.51, but the entries sum to 12.5." in said


def test_an_audit_of_everything_is_stored(wrong_book):
    audit()
    run = AuditRun.objects.get()
    assert (run.started_at, run.differences) == (AUDITED_AT, 3)
    assert run.detail[0] == {
        "invariant": "A1",
        "merchant_id": str(wrong_book.acme.pk),
        "subject": f"customer {wrong_book.ada.public_id}",
        "message": "the balance is 12.51, but the entries sum to 12.5",
    }


def test_an_audit_of_a_part_is_not(wrong_book):
    assert audit("--only", "a4,A6")[0] == 0
    assert audit("--merchant", wrong_book.umbrella.public_id)[0] == 0
    assert audit("--merchant", wrong_book.acme.public_id)[0] == 1
    assert not AuditRun.objects.exists()


def test_programs_can_read_it(wrong_book):
    status, said = audit("--json", "--only", "A1")
    assert status == 1
    [proof] = json.loads(said)["invariants"]
    assert proof["id"] == "A1"
    assert proof["differences"][0]["message"] == "the balance is 12.51, but the entries sum to 12.5"


def test_it_says_what_it_does_not_know(book):
    with pytest.raises(CommandError, match="no invariant A99"):
        audit("--only", "A99")
    with pytest.raises(CommandError, match="no merchant mer_test_1"):
        audit("--merchant", "mer_test_1")
    with pytest.raises(NoSuchInvariant):
        invariants(["B1"])


def test_the_clock_stores_what_it_finds(wrong_book):
    assert audit_books() == 3
    assert AuditRun.objects.get().differences == 3


def test_a_slow_audit_runs_less_often(book):
    assert audit_is_due(at=AUDITED_AT)
    audit_and_store(at=AUDITED_AT)
    AuditRun.objects.update(seconds=100)
    assert not audit_is_due(at=AUDITED_AT + timedelta(seconds=499))
    assert audit_is_due(at=AUDITED_AT + timedelta(seconds=500))


@pytest.mark.django_db(transaction=True)
def test_charges_and_renewals_that_go_on_meanwhile_are_no_differences(book):
    done = threading.Event()
    troubles: list[BaseException] = []

    def keep_busy() -> None:
        try:
            for number in range(60):
                report(book.ada, f"busy-{number}", "search", MARCH_20 + timedelta(days=number), input_tokens=90_000)
                at = MARCH_20 + timedelta(days=number)
                bring_up_to_date(merchant_id=book.ben.merchant_id, customer_id=book.ben.pk, at=at)
        except BaseException as trouble:
            troubles.append(trouble)
        finally:
            done.set()
            connection.close()

    business = threading.Thread(target=keep_busy)
    business.start()
    audits = 0
    while not done.is_set() or not audits:
        assert run_audit(at=MARCH_20, merchant=book.acme).differences == []
        audits += 1
    business.join()
    assert not troubles
    assert run_audit(at=MARCH_20).differences == []


@pytest.mark.django_db(transaction=True)
def test_a_charge_made_between_two_checks_is_not_held_up_and_no_difference(book, monkeypatch):
    def charge_in_another_connection() -> None:
        report(book.ada, "meanwhile", "tokens", MARCH_20, input_tokens=1_000)
        connection.close()

    def wait_for_a_charge(books: Books) -> Iterator[Finding]:
        business = threading.Thread(target=charge_in_another_connection)
        business.start()
        business.join(timeout=30)
        assert not business.is_alive()
        return iter(())

    [a2] = invariants(["A2"])
    monkeypatch.setitem(a2.checks, wait_for_a_charge, ())
    # A1 reads before the charge is committed, A4 and A12 after it.
    assert run_audit(at=AUDITED_AT, only=["A1", "A2", "A4", "A12", "A16"]).differences == []
    assert MeteredRequest.objects.for_merchant(book.acme).filter(request_id="meanwhile").exists()
