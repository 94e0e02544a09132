"""/v1/secret_keys: the keys of a merchant's applications."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.rest.answers import DeletedOutput
from apps.core.rest.serializers import Input, Output, PageQuery, TextField
from apps.merchants.endpoints import Endpoint, idempotent
from apps.merchants.models import SecretKey
from apps.merchants.operations import operation, page_of
from apps.merchants.secret_keys import (
    NAME_LENGTH_MAX,
    KeyNotFound,
    KeyTooNew,
    LastKey,
    TooManyKeys,
    create_secret_key,
    find_secret_key,
    revoke_secret_key,
)


class SecretKeyInput(Input):
    name = TextField(max_length=NAME_LENGTH_MAX, help_text="What the key is for.")


class SecretKeyOutput(Output):
    secret_key_id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    secret_key_hint = serializers.CharField(source="last_four", help_text="The last four characters.")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")


class NewSecretKeyOutput(SecretKeyOutput):
    secret_key = serializers.CharField(help_text="The key itself: shown now and never again.")


class SecretKeys(Endpoint):
    @operation(
        "listSecretKeys",
        "List secret keys",
        description="The active keys, newest first.",
        asks=PageQuery,
        answers=page_of(SecretKeyOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageQuery)
        keys = SecretKey.objects.for_merchant(self.merchant).filter(revoked_at__isnull=True)
        page = self.page(keys, query)
        return Response(page.body(SecretKeyOutput(page.rows, many=True).data))

    @operation(
        "createSecretKey",
        "Create a secret key",
        description="The answer is the only time the key is shown. A merchant may have 100 active keys.",
        takes=SecretKeyInput,
        example={"name": "Production worker"},
        refusals=[TooManyKeys],
        answers={201: NewSecretKeyOutput},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(SecretKeyInput)
        key, text = create_secret_key(merchant=self.merchant, name=body["name"], at=clock.now())
        data: dict[str, Any] = {**SecretKeyOutput(key).data, "secret_key": text}
        return Response(data, status=201)


class OneSecretKey(Endpoint):
    @operation(
        "deleteSecretKey",
        "Delete a secret key",
        description="It stops working within a second. A key cannot be deleted in its first 15 seconds, "
        "and the last one never.",
        refusals=[KeyNotFound, KeyTooNew, LastKey],
        answers=DeletedOutput,
    )
    def delete(self, request: Request, secret_key_id: str) -> Response:
        key = find_secret_key(self.merchant, secret_key_id)
        revoke_secret_key(key=key, at=clock.now())
        return Response({"id": key.public_id, "deleted": True})
