"""Lists are read newest first, page by page, from cursors that only Lava makes."""

from datetime import timedelta

import pytest

from apps.core.rest.pages import InvalidCursor, read_page
from apps.customers.models import Customer
from tests.factories.people import make_customer


@pytest.fixture
def customers(acme, at):
    return [make_customer(acme, reference_id=f"c{number}", at=at + timedelta(seconds=number)) for number in range(5)]


def _read(acme, *, scope="customers", cursor=None, limit=2):
    return read_page(Customer.objects.for_merchant(acme), scope=scope, cursor=cursor, limit=limit)


def test_pages_meet_without_a_gap_or_a_repeat(acme, customers):
    seen, cursor = [], None
    for _ in range(3):
        page = _read(acme, cursor=cursor)
        seen += page.rows
        cursor = page.next_cursor
    assert seen == customers[::-1]
    assert cursor is None


def test_a_page_that_is_exactly_full_is_the_last(acme, customers):
    assert _read(acme, limit=5).next_cursor is None


def test_a_row_added_meanwhile_does_not_move_the_others(acme, customers, at):
    first = _read(acme)
    make_customer(acme, reference_id="later", at=at + timedelta(minutes=1))
    second = _read(acme, cursor=first.next_cursor)
    assert second.rows == [customers[2], customers[1]]


def test_a_cursor_is_good_for_its_own_list_only(acme, customers):
    cursor = _read(acme, scope="customers").next_cursor
    with pytest.raises(InvalidCursor):
        _read(acme, scope="meters", cursor=cursor)


@pytest.mark.parametrize("made_up", ["x", "AAAA", "not base64!", "é", "A" * 38, "A" * 255, "../../etc", "%00"])
def test_a_made_up_cursor_is_refused(acme, customers, made_up):
    with pytest.raises(InvalidCursor):
        _read(acme, cursor=made_up)


def test_a_cursor_with_one_letter_changed_is_refused(acme, customers):
    cursor = _read(acme).next_cursor
    for place, letter in enumerate(cursor):
        changed = cursor[:place] + ("A" if letter != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(InvalidCursor):
            _read(acme, cursor=changed)
