"""A body is JSON, exactly, or it is refused."""

from decimal import Decimal

import pytest
from django.test import RequestFactory

from apps.core.rest.errors import BodyTooLarge
from apps.core.rest.parsing import DEPTH_MAX, InvalidJSON, parse_json
from apps.subscriptions.customers_api import Customers
from tests.factories.callers import Api


def test_numbers_are_exact():
    assert parse_json(b'{"a": 0.1, "b": 3, "c": 1e3}') == {"a": Decimal("0.1"), "b": 3, "c": Decimal(1000)}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        rb'"\u0000"',
        rb'{"\u0000": 1}',
        rb'"\ud800"',
        rb'{"a": ["\udfff"]}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "c": 2, "b": 3}}',
        b"1e999999999",
        b"1e99999999999999999999999",
        b"1e-999999",
        b"9" * 101,
        b"0." + b"1" * 101,
        b"[" * 200_000,
        b"[" * (DEPTH_MAX + 2) + b"]" * (DEPTH_MAX + 2),
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_what_only_resembles_json_is_refused(body):
    with pytest.raises(InvalidJSON):
        parse_json(body)


def test_a_body_of_two_megabytes_is_refused():
    with pytest.raises(BodyTooLarge):
        parse_json(b'"' + b"x" * 2_000_000 + b'"')


def test_a_refusal_names_the_field_that_is_given_twice():
    with pytest.raises(InvalidJSON, match="'output_tokens'"):
        parse_json(b'{"output_tokens": 5, "output_tokens": 0}')


def test_whole_surrogate_pairs_are_text():
    assert parse_json(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_a_body_sent_in_chunks_is_read_too(acme, at):
    request = RequestFactory().post(
        "/v1/customers",
        b'{"reference_id": "chunks"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {Api(acme, at=at).key}"},
    )
    del request.META["CONTENT_LENGTH"]
    assert Customers.as_view()(request).data["reference_id"] == "chunks"
