"""The benchmark charges customers who are as real as any."""

from __future__ import annotations

import json

import pytest

from apps.customers.models import Customer
from apps.ledger.audit import run_audit
from apps.requests.charging import Charged, charge
from apps.requests.lane import answer_together
from apps.requests.reporting import parse_report
from bench import posts
from bench.books import open_book


@pytest.fixture
def book(db, at):
    return open_book("Benchmark", customers=3, at=at)


def test_copied_customers_have_books_that_agree(book, at):
    assert Customer.objects.for_merchant(book.merchant).count() == 4
    assert run_audit(at=at, merchant=book.merchant).differences == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_copied_customer_can_be_charged_by_the_id_pgbench_makes(book, at, number):
    body = json.dumps(
        {
            "request_id": f"first-{number}",
            "customer_id": book.public_id_of(number),
            "meter_slug": "chat",
            "input_tokens": 1000,
        }
    )
    [outcome] = charge([parse_report(body.encode(), book.merchant, at=at)], at=at)
    assert isinstance(outcome, Charged)


def test_posts_are_reports_with_an_id_of_their_own(book):
    ready = posts.singles(book, hot=False, salt=1)
    bodies = [next(ready).partition(b"\r\n\r\n") for _ in range(50)]
    assert all(f"Content-Length: {len(body)}".encode() in head for head, _, body in bodies)
    answers = answer_together([(f"Bearer {book.key}", body) for _, _, body in bodies])
    assert [status for status, _ in answers] == [201] * 50


def test_a_batch_post_holds_as_many_reports_as_asked(book):
    head, _, body = next(posts.batches(book, hot=True, salt=1, size=7)).partition(b"\r\n\r\n")
    reports = json.loads(body)["requests"]
    assert len({report["request_id"] for report in reports}) == 7
    assert f"Content-Length: {len(body)}".encode() in head
