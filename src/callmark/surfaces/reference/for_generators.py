"""Brings JSON Schema as msgspec writes it to the forms that client generators understand, with the same meaning.

Generators take `anyOf` for a choice between types: `{}` as a choice, `anyOf` beside `$ref`, or `default` beside
`anyOf` makes them fail, emit code that does not compile, or forget a format. What may be null is therefore one type
with "null" beside it, and a choice has no default; its description says what holds without a value.
"""

from typing import cast

from callmark.surfaces.api.doc_parts import Json

_SCHEMAS = "#/components/schemas/"
_NULL: Json = {"type": "null"}


def plain(document: Json) -> Json:
    """The document, or an object in it, with every schema in the plain form."""
    made: Json = {key: one if key in {"example", "examples"} else _plain(one) for key, one in document.items()}
    return _choice(made) if isinstance(made.get("anyOf"), list) else made


def _plain(part: object) -> object:
    if isinstance(part, list):
        return [_plain(one) for one in cast("list[object]", part)]
    return plain(cast("Json", part)) if isinstance(part, dict) else part


def hoist_conditions(document: Json) -> None:
    """Moves `if` and `else` from beside a reference to a component into the component, for which they always hold."""
    components: Json = document["components"]["schemas"]
    for schema in _schemas(document):
        if "$ref" in schema and "if" in schema:
            component = components[schema["$ref"].removeprefix(_SCHEMAS)]
            component |= {key: schema.pop(key) for key in ("if", "else")}


def _schemas(part: object) -> list[Json]:
    if isinstance(part, list):
        return [found for one in cast("list[object]", part) for found in _schemas(one)]
    if not isinstance(part, dict):
        return []
    inside = cast("Json", part)
    return [inside, *(found for one in inside.values() for found in _schemas(one))]


def _choice(schema: Json) -> Json:
    made = _nullable(schema)
    return {key: one for key, one in made.items() if key != "default"} if "anyOf" in made else made


def _nullable(schema: Json) -> Json:
    choices: list[Json] = schema["anyOf"]
    others = [one for one in choices if one != _NULL]
    if len(others) == len(choices) or any("$ref" in one for one in others):
        return schema
    beside = {key: one for key, one in schema.items() if key not in {"anyOf", "type"}}
    if not others or others == [{}]:
        kinds = schema.get("type", [])
        return beside | ({"type": kinds} if kinds else {})
    types = [one["type"] for one in others]
    merged = others[0] if len(others) == 1 else {}
    if "enum" in merged:
        merged = merged | {"enum": [*merged["enum"], None]}
    return beside | merged | {"type": [*types, "null"]}
