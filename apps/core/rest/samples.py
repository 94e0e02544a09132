"""A sample value of a schema, made of the examples of its fields."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def resolve(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The schema itself, or the component it refers to."""
    if "$ref" in schema:
        return components[schema["$ref"].rsplit("/", 1)[-1]]
    if len(schema.get("allOf", ())) == 1:
        return {**resolve(schema["allOf"][0], components), **{k: v for k, v in schema.items() if k != "allOf"}}
    return schema


def sample_of(schema: Schema, components: dict[str, Schema]) -> Any:
    """One value that fits: objects field by field, arrays with one item, anything else its example."""
    resolved = resolve(schema, components)
    if "example" in resolved:
        return resolved["example"]
    if resolved.get("type") == "array":
        return [sample_of(resolved["items"], components)]
    return {
        name: sample_of(field, components)
        for name, field in resolved["properties"].items()
        if not field.get("x-absent-from-samples")
    }
