"""Fills the templates of samples: placeholders in strings, instants counted from the sample's first, long texts."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict."""

GENERATIONS: dict[str, dict[str, Json]] = json.loads((Path(__file__).parent / "generations.json").read_text())
ABSENT: Json = {"$absent": True}

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_OFFSET = re.compile(r"([+-])(\d+)(ms|s|m|h|d)")
_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)\}")


class Values(Struct):
    """What a sample's templates may name: who and what exists, and the instant it begins (epoch milliseconds)."""

    begins_ms: int
    names: dict[str, str] = field(default_factory=dict[str, str])

    def fill(self, template: Json) -> Json:
        """The template with everything of ours replaced; matchers stay. A name that does not exist is an error."""
        if isinstance(template, str):
            return _PLACEHOLDER.sub(lambda found: self._named(found[1]), template)
        if isinstance(template, list):
            return [self.fill(one) for one in template]  # pyright: ignore[reportUnknownVariableType] - JSON is what it is
        if isinstance(template, dict):
            for special, build in _SPECIAL.items():
                if special in template:
                    return build(self, template)
            return {key: self.fill(value) for key, value in template.items()}  # pyright: ignore[reportUnknownVariableType] - as above
        return template

    def _named(self, name: str) -> str:
        if name not in self.names:
            raise LookupError(f"the sample names {{{name}}}, which does not exist (yet)")
        return self.names[name]


def placeholders(template: Json) -> set[str]:
    """Every name between braces, also those that a `$record` brings along."""
    text = json.dumps(template)
    records = [json.dumps(one["record"]) for generation, one in GENERATIONS.items() if f'"{generation}"' in text]
    return set(_PLACEHOLDER.findall(" ".join([text, *records])))


def changed(record: Mapping[str, Json], change: Mapping[str, Json]) -> dict[str, Json]:
    """The record with fields changed, added, or (`$absent`) taken away."""
    return {key: value for key, value in {**record, **change}.items() if value != ABSENT}


def _instant(values: Values, template: Json) -> int:
    offset = template["$ms"]
    if not isinstance(offset, str):
        return values.begins_ms + offset
    parts = _OFFSET.findall(offset)
    assert "".join("".join(part) for part in parts) == offset, f"not an offset: {offset}"
    return values.begins_ms + sum(int(sign + number) * _UNIT_MS[unit] for sign, number, unit in parts)


def _record(values: Values, template: Json) -> Json:
    change = {key: value for key, value in template.items() if key != "$record"}
    return values.fill(changed(GENERATIONS[template["$record"]]["record"], change))


def _padded(values: Values, template: Json) -> str:
    text = values.fill(template["text"])
    return text + " " * (template["$pad_to"] - len(text.encode()))


_SPECIAL: dict[str, Callable[[Values, Json], Json]] = {
    "$ms": _instant,
    "$record": _record,
    "$repeat": lambda values, template: values.fill(template["$repeat"]) * template["times"],
    "$join": lambda values, template: "".join(values.fill(part) for part in template["$join"]),
    "$times": lambda values, template: [values.fill(template["of"])] * template["$times"],
    "$pad_to": _padded,
    "$hex": lambda _, template: bytes.fromhex(template["$hex"]),
}
