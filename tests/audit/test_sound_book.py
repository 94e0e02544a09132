"""A book in order: the audit finds nothing, and says what it looked at."""

from __future__ import annotations

from decimal import Decimal

from apps.ledger.audit import invariants, run_audit
from apps.ledger.models import AuditRun, Balance
from tests.audit.conftest import AUDITED_AT, Book


def balance_of(book: Book, name: str) -> Decimal:
    customer = getattr(book, name)
    balance: Decimal = Balance.objects.for_merchant(customer.merchant).get(customer_id=customer.pk).balance
    return balance


def test_it_finds_nothing(book):
    report = run_audit(at=AUDITED_AT)
    assert report.differences == []
    assert report.rows > 100


def test_the_book_is_the_one_that_is_told(book):
    assert balance_of(book, "ada") == Decimal("12.5")
    assert balance_of(book, "cleo") == Decimal(15)


def test_every_promised_invariant_is_proved():
    proved = {stated.id for stated in invariants() if stated.checks}
    assert proved >= {"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A9", "A12", "A13", "A16"}


def test_it_can_be_asked_about_one_merchant(book):
    whole, acme = run_audit(at=AUDITED_AT), run_audit(at=AUDITED_AT, merchant=book.acme)
    umbrella = run_audit(at=AUDITED_AT, merchant=book.umbrella)
    assert 0 < umbrella.rows < acme.rows < whole.rows
    assert not acme.differences


def test_it_can_be_asked_about_some_invariants(book):
    report = run_audit(at=AUDITED_AT, only=["A12", "A4"])
    assert [proof.invariant.id for proof in report.proofs] == ["A4", "A12"]


def test_it_writes_nothing(book):
    run_audit(at=AUDITED_AT)
    assert not AuditRun.objects.exists()
