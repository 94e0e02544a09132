"""Keys are unguessable, checkable without a database, and unreadable in it."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.merchants.models import SecretKey
from apps.merchants.secret_keys import (
    ACTIVE_KEYS_MAX,
    COOL_DOWN,
    KeyRefused,
    KeyTooNew,
    LastKey,
    TooManyKeys,
    authenticate,
    create_secret_key,
    generate,
    is_well_formed,
    note_use,
    revoke_secret_key,
)


def test_a_key_says_its_mode_and_is_never_the_same():
    keys = {generate(mode="test") for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("aks_test_") and len(key) == 58 for key in keys)
    assert generate(mode="live").startswith("aks_live_")


def test_a_mistyped_key_is_known_by_its_checksum():
    key = generate(mode="test")
    assert is_well_formed(key)
    for place in range(len(key)):
        other = "x" if key[place] != "x" else "y"
        assert not is_well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("text", ["", "aks_test_", "Bearer", "é" * 58, "aks_test_" + "0" * 49, "aks_test_anything"])
def test_what_is_no_key_is_not_well_formed(text):
    assert not is_well_formed(text)


def test_a_key_opens_its_own_book(acme, at):
    key, text = create_secret_key(merchant=acme, name="App", at=at)
    caller = authenticate(text)
    assert (caller.merchant, caller.key_id) == (acme, key.pk)


def test_the_database_never_holds_the_key(acme, at):
    _, text = create_secret_key(merchant=acme, name="App", at=at)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM merchants_secretkey k")
        rows = " ".join(row for (row,) in cursor.fetchall())
    assert text not in rows
    assert text[9:40] not in rows


def test_every_failure_says_the_same(acme, at):
    key, text = create_secret_key(merchant=acme, name="App", at=at)
    create_secret_key(merchant=acme, name="Other", at=at)
    revoke_secret_key(key=key, at=at + COOL_DOWN)
    refusals = set()
    for attempt in (text, generate(mode="test"), generate(mode="live"), "aks_test_x", ""):
        with pytest.raises(KeyRefused) as refused:
            authenticate(attempt)
        refusals.add((str(refused.value), refused.value.code, refused.value.status))
    assert refusals == {("The secret key is not valid.", "invalid_secret_key", 401)}


def test_a_new_key_cannot_be_revoked_at_once(acme, at):
    create_secret_key(merchant=acme, name="Old", at=at)
    key, _ = create_secret_key(merchant=acme, name="New", at=at)
    with pytest.raises(KeyTooNew):
        revoke_secret_key(key=key, at=at + COOL_DOWN - timedelta(microseconds=1))
    revoke_secret_key(key=key, at=at + COOL_DOWN)
    revoke_secret_key(key=key, at=at + COOL_DOWN)  # again: nothing changes


def test_the_last_key_stays(acme, at):
    key, text = create_secret_key(merchant=acme, name="Only", at=at)
    with pytest.raises(LastKey):
        revoke_secret_key(key=key, at=at + COOL_DOWN)
    assert authenticate(text).key_id == key.pk


def test_a_merchant_has_a_hundred_active_keys_at_most(acme, at):
    keys = [create_secret_key(merchant=acme, name=str(number), at=at)[0] for number in range(ACTIVE_KEYS_MAX)]
    with pytest.raises(TooManyKeys):
        create_secret_key(merchant=acme, name="One more", at=at)
    revoke_secret_key(key=keys[0], at=at + COOL_DOWN)
    create_secret_key(merchant=acme, name="In its place", at=at + COOL_DOWN)


def test_use_is_noted_to_the_minute(acme, at):
    key, text = create_secret_key(merchant=acme, name="App", at=at)
    caller = authenticate(text)
    note_use(caller, at=at)
    note_use(caller, at=at + timedelta(seconds=59))
    assert SecretKey.objects.for_merchant(acme).get(pk=key.pk).last_used_at == at


def test_a_key_is_made_for_the_mode_of_its_merchant(acme, at):
    with pytest.raises(ValueError, match="mode test"):
        create_secret_key(merchant=acme, name="App", at=at, text=generate(mode="live"))
