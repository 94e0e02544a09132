"""A customer is found by our id or by the merchant's own."""

import pytest

from apps.customers.lookup import CustomerNotFound, find_customer
from apps.subscriptions.enrolment import delete_customer
from tests.factories.people import make_customer


def test_by_either_id(acme, ada):
    assert find_customer(acme, ada.public_id) == ada
    assert find_customer(acme, "ada") == ada


@pytest.mark.parametrize(
    "text", ["", "nobody", "con_", "con_test_x", "con_live_01ARZ3NDEKTSV4RRFFQ69G5FAV", "a\0b", "x" * 5000]
)
def test_anything_else_is_nobody(acme, ada, text):
    with pytest.raises(CustomerNotFound):
        find_customer(acme, text)


def test_the_neighbours_customers_are_nobody(acme, umbrella, ada, at):
    theirs = make_customer(umbrella, reference_id="theirs", at=at)
    for text in (theirs.public_id, "theirs"):
        with pytest.raises(CustomerNotFound):
            find_customer(acme, text)


def test_one_who_was_deleted_is_found_only_on_request(acme, ada, at):
    delete_customer(customer=ada, at=at)
    with pytest.raises(CustomerNotFound):
        find_customer(acme, ada.public_id)
    assert find_customer(acme, ada.public_id, or_deleted=True) == ada
