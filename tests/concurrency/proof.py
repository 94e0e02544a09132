"""What is asserted after every race and every fault: the books are right."""

from __future__ import annotations

from datetime import datetime

from apps.customers.models import Customer
from apps.ledger.audit import run_audit
from apps.subscriptions.renewal import bring_up_to_date


def assert_books_are_right(*, at: datetime) -> None:
    """Do what is due for everybody, then prove every invariant."""
    for merchant_id, customer_id in Customer.across_merchants.values_list("merchant_id", "id"):
        bring_up_to_date(merchant_id=merchant_id, customer_id=customer_id, at=at)
    report = run_audit(at=at)
    assert report.rows, "the audit looked at nothing"
    found = [f"{one.invariant}: {one.subject}: {one.message}" for one in report.differences]
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:20])
