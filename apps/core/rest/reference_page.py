"""The OpenAPI document, arranged for a reader: what /v1/docs shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from apps.core.rest.samples import Schema, resolve

MEANING: Final = {"date-time": "moment", "date": "date", "email": "e-mail address"}
LARGE: Final = 1_000_000
"""Bounds beyond this are no news to a reader."""
# The order in which somebody sets Lava up, and then uses it.
TAGS: Final = (
    "Meters",
    "Plans",
    "Credit bundles",
    "Customers",
    "Subscriptions",
    "Requests",
    "Usage",
    "Secret keys",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body or an answer, or one parameter."""

    name: str
    kind: str
    description: str
    is_required: bool
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way a route may refuse."""

    status: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Success:
    """What a route answers when it did what it was asked."""

    status: str
    description: str
    fields: tuple[Field, ...]
    sample: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route."""

    id: str
    summary: str
    description: str
    method: str
    path: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    curl: str
    successes: tuple[Success, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations on one kind of thing."""

    name: str
    anchor: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything on the page. `common` are refusals that any route may answer, so no route repeats them."""

    title: str
    description: str
    base_url: str
    groups: tuple[Group, ...]
    common: tuple[Refusal, ...]

    @classmethod
    def of(cls, document: dict[str, Any]) -> Reference:
        """Arrange a document whose answers have samples."""
        return _Arrangement(document).reference()


class _Arrangement:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.components: dict[str, Schema] = document["components"]["schemas"]
        self.base_url = document["servers"][0]["url"]

    def reference(self) -> Reference:
        routes = sorted(self._routes(), key=lambda route: TAGS.index(route[2]["tags"][0]))
        refusals = [dict.fromkeys(_refusals(operation)) for _, _, operation in routes]
        common = tuple(refusal for refusal in refusals[0] if all(refusal in other for other in refusals))
        groups = tuple(
            Group(tag, tag.lower().replace(" ", "-"), tuple(self._operation(*route, common) for route in together))
            for tag, together in groupby(routes, key=lambda route: str(route[2]["tags"][0]))
        )
        info = self.document["info"]
        return Reference(info["title"], info["description"], self.base_url, groups, common)

    def _routes(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def _operation(self, method: str, path: str, operation: dict[str, Any], common: tuple[Refusal, ...]) -> Operation:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return Operation(
            id=operation["operationId"],
            summary=operation["summary"],
            description="" if operation["description"] == f"{operation['summary']}." else operation["description"],
            method=method,
            path=path,
            parameters=tuple(self._parameter(parameter) for parameter in operation.get("parameters", ())),
            body=self._fields(content["schema"]) if content else (),
            curl=self._curl(method, path, content),
            successes=tuple(self._successes(operation)),
            refusals=tuple(refusal for refusal in _refusals(operation) if refusal not in common),
        )

    def _parameter(self, parameter: dict[str, Any]) -> Field:
        places = {"path": "in the path", "query": "in the query", "header": "header"}
        kind = f"{self._kind(parameter['schema'])}, {places[parameter['in']]}"
        return Field(parameter["name"], kind, parameter["description"], bool(parameter.get("required")))

    def _successes(self, operation: dict[str, Any]) -> Iterator[Success]:
        for status, answer in sorted(operation["responses"].items(), reverse=True):
            if status.startswith("2"):
                content = answer["content"]["application/json"]
                yield Success(
                    status, answer["description"], self._fields(content["schema"]), _pretty(content["example"])
                )

    def _fields(self, schema: Schema) -> tuple[Field, ...]:
        """The fields of an object, or of the objects in an array, and theirs in turn."""
        schema = resolve(schema, self.components)
        if schema.get("type") == "array":
            return self._fields(schema["items"])
        required = schema.get("required", ())
        fields = (
            Field(name, self._kind(field), _description(field), name in required, self._fields(field))
            for name, field in schema.get("properties", {}).items()
        )
        return tuple(sorted(fields, key=lambda field: not field.is_required))

    def _kind(self, schema: Schema) -> str:
        """What a value is, in words: "string or null, one of `full` `none`"."""
        schema = resolve(schema, self.components)
        kind = MEANING.get(schema.get("format", "")) or schema.get("type", "value")
        if "oneOf" in schema:
            kind = " or ".join(each["type"] for each in schema["oneOf"])
        if kind == "array":
            kind = f"array of {self._kind(schema['items'])}s"
        if schema.get("pattern", "").startswith("^-?[0-9]"):
            kind = "decimal string"
        if schema.get("nullable"):
            kind += " or null"
        if "enum" in schema:
            kind += ", one of " + " ".join(f"`{value}`" for value in schema["enum"] if value is not None)
        if "minimum" in schema and "maximum" in schema and schema["maximum"] < LARGE:
            kind += f" from {schema['minimum']} to {schema['maximum']}"
        if "default" in schema:
            kind += f", `{schema['default']}` unless given"
        return kind

    def _curl(self, method: str, path: str, content: dict[str, Any] | None) -> str:
        sample = re.sub(r"\{(\w+)\}", lambda name: f"${name[1].upper()}", path)
        query = "?start=2026-03-01T00:00:00Z" if path.endswith("/usage") else ""
        lines = [f'curl {"" if method == "GET" else f"-X {method} "}"{self.base_url}{sample}{query}"']
        lines.append('-H "Authorization: Bearer $LAVA_SECRET_KEY"')
        if content:
            lines.append('-H "Content-Type: application/json"')
            lines.append(f"-d '{_pretty(content['examples']['Example']['value'])}'")
        return " \\\n  ".join(lines)


def _refusals(operation: dict[str, Any]) -> Iterator[Refusal]:
    for status, answer in sorted(operation["responses"].items()):
        for code, reason in re.findall(r"^`(\w+)`: (.+)$", answer["description"], flags=re.MULTILINE):
            yield Refusal(status, code, reason)


def _description(schema: Schema) -> str:
    # Choices are listed in the kind already.
    return re.sub(r"\n*\* `[^\n]*", "", str(schema.get("description", ""))).strip()


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
