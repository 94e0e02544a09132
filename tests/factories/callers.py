"""Applications that call the API, as the SDK does: JSON, a secret key, `/v1/…`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from apps.merchants.models import Merchant
from apps.merchants.secret_keys import create_secret_key

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The refusal's code."""
        return str(self.body["error"]["code"])


class Api:
    """A caller with a key of its own, a day old so that it may be deleted."""

    def __init__(self, merchant: Merchant, *, at: datetime) -> None:
        self.merchant = merchant
        self.secret_key, self.key = create_secret_key(merchant=merchant, name="Tests", at=at - timedelta(days=1))
        self.client = Client()

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body={} if body is None else body, headers=headers)

    def patch(self, path: str, body: Any) -> Answer:
        return self.call("PATCH", path, body=body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One call. A body that is no `raw` bytes is written as JSON. Every answer must be JSON."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(
            method,
            f"/v1{path}",
            sent,
            content_type=JSON,
            query_params=query or {},
            headers={"Authorization": f"Bearer {self.key}", **(headers or {})},
        )
        assert response["Content-Type"].startswith(JSON), response.content[:200]
        return Answer(response.status_code, json.loads(response.content), dict(response.headers))
