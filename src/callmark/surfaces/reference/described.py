"""The schemas of the documents beside the business API, each and each of its fields with a description.

A docstring describes a Struct, `Meta(description=…)` its field.
"""

from inspect import cleandoc
from typing import cast

from callmark.surfaces.api.doc_parts import Json

_SCHEMAS = "#/components/schemas/"
_TAG = "Tells one kind of identity from another."
"""Of the field that msgspec adds for the tag of a Struct: there is no place to describe it."""


def described(components: Json) -> Json:
    """The components as the documents have them. Raises LookupError for a field without a description."""
    return {name: _described(name, component) for name, component in components.items()} | _named_choices(components)


def _described(name: str, component: Json) -> Json:
    told = component | {"description": " ".join(cleandoc(component["description"]).split())}
    if "enum" in told:
        told["type"] = "string"
    if fields := cast("dict[str, Json]", told.get("properties")):
        told["properties"] = {field: _field(f"{name}.{field}", schema) for field, schema in fields.items()}
    return told


def _field(name: str, schema: Json) -> Json:
    if "description" not in schema:
        if not (name.endswith(".type") and len(schema.get("enum", ())) == 1):
            raise LookupError(name)
        schema = schema | {"description": _TAG}
    choices = cast("list[Json]", schema.get("anyOf", []))
    inner = next((one for one in choices if "anyOf" in one), None)
    if inner is not None:
        schema = schema | {"anyOf": [{"$ref": _SCHEMAS + _name_of(inner)}, {"type": "null"}]}
    return schema | ({"type": "string"} if "enum" in schema else {})


def _named_choices(components: Json) -> Json:
    """A component for each choice between kinds that is inside another: generators understand only named ones."""
    found: Json = {}
    for component in components.values():
        for schema in cast("Json", component.get("properties", {})).values():
            for inner in (one for one in schema.get("anyOf", []) if "anyOf" in one):
                rest = {key: one for key, one in inner.items() if key != "anyOf"}
                found[_name_of(inner)] = rest | {"oneOf": inner["anyOf"], "description": "One of several kinds."}
    return found


def _name_of(choice: Json) -> str:
    return "Or".join(one["$ref"].rpartition("/")[2] for one in choice["anyOf"])
