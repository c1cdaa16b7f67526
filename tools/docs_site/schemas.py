"""Fields of JSON Schemas as tables of Markdown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

Json = dict[str, Any]
_DEEPEST = 3
"""Levels of objects in objects that one table shows."""
_LONGEST_PATTERN = 40


def cell(text: object) -> str:
    """A text as a cell of a table."""
    return " ".join(str(text).replace("|", "\\|").split())


def table(head: list[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of Markdown; empty without rows."""
    if not rows:
        return ""
    lines: list[Sequence[object]] = [head, ["---"] * len(head), *rows]
    return "\n" + "".join("| " + " | ".join(map(cell, line)) + " |\n" for line in lines)


def example(value: object) -> str:
    """A value as a block of JSON."""
    return f"\n```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


class Schemas:
    """The components of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = cast("dict[str, Json]", document["components"]["schemas"])

    def fields(self, schema: Json) -> str:
        """The table of an object's fields, those of inner objects below them."""
        return table(["Field", "Type", "Meaning"], list(self._rows(schema, "", ())))

    def of(self, schema: Json) -> Json:
        """The schema, or the component that it refers to."""
        if "$ref" not in schema:
            return schema
        found = self._components[schema["$ref"].rpartition("/")[2]]
        return found | {key: value for key, value in schema.items() if key != "$ref"}

    def kind(self, schema: Json) -> str:
        """The type of a value in words, with its limits."""
        schema = self.of(schema)
        if "enum" in schema:
            return " or ".join("null" if one is None else f"`{one}`" for one in schema["enum"])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return " or ".join(dict.fromkeys(self.kind(one) for one in schema[key]))
        types = cast("str | list[str]", schema.get("type", "any value"))
        words = [types] if isinstance(types, str) else [*types]
        if "array" in words and "items" in schema:
            words[words.index("array")] = f"array of {self.kind(schema['items'])}"
        words = [str(schema.get("format", word)) if word in {"string", "integer"} else word for word in words]
        return " or ".join(words) + _limits(schema)

    def _rows(self, schema: Json, before: str, inside: tuple[str, ...]) -> Iterator[list[object]]:
        resolved = self.of(schema)
        if resolved.get("type") == "array":
            yield from self._rows(resolved["items"], f"{before}[]." if before else "[].", inside)
            return
        required = resolved.get("required", [])
        for name, field in cast("dict[str, Json]", resolved.get("properties", {})).items():
            path = before + name
            told = self.of(field)
            optional = "" if name in required else ", optional"
            yield [f"`{path}`", self.kind(field) + optional, field.get("description") or told.get("description", "")]
            for inner in self._objects(field):
                title = inner.get("title", "")
                if title not in inside and len(inside) < _DEEPEST:
                    ending = "[]." if _is_array(told) else "."
                    yield from self._rows(inner, path + ending, (*inside, title))

    def _objects(self, schema: Json) -> list[Json]:
        """The objects that a value may be, or be an array of."""
        schema = self.of(schema)
        if _is_array(schema) and "items" in schema:
            return self._objects(schema["items"])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return [found for one in schema[key] for found in self._objects(one)]
        return [schema] if "properties" in schema else []


def _is_array(schema: Json) -> bool:
    return "array" in schema.get("type", ())


def _limits(schema: Json) -> str:
    told: list[str] = []
    least, most = schema.get("minLength", schema.get("minItems")), schema.get("maxLength", schema.get("maxItems"))
    unit = "entries" if _is_array(schema) else "characters"
    if most is not None:
        told.append(f"{least or 0} to {most} {unit}")
    elif least:
        told.append(f"at least {least} {unit}")
    if "maximum" in schema:
        told.append(f"{schema.get('minimum', 'up')} to {schema['maximum']}")
    elif "minimum" in schema:
        told.append(f"at least {schema['minimum']}")
    pattern = schema.get("pattern", "")
    if pattern and len(pattern) <= _LONGEST_PATTERN:
        told.append(f"`{pattern}`")
    return f" ({'; '.join(told)})" if told else ""
