"""The API's description of itself: /v1/openapi.json, and the page that people read."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.core.rest.reference_page import Reference

# The page is words and styles: no script runs on it, and nothing comes from another host.
_ONLY_OURS: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, made once per process."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@require_safe
def openapi_schema(request: HttpRequest) -> HttpResponse:
    """GET /v1/openapi.json"""
    return HttpResponse(_written(), content_type="application/json")


@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    """GET /v1/docs"""
    page = render(request, "core/api_reference.html", {"reference": _reference()})
    page["Content-Security-Policy"] = _ONLY_OURS
    return page


@cache
def _written() -> bytes:
    return json.dumps(openapi_document(), ensure_ascii=False, indent=1).encode()


@cache
def _reference() -> Reference:
    return Reference.of(openapi_document())
