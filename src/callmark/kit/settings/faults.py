"""Says what is wrong with a setting of the wrong type, in words of its variable."""

import builtins
from collections.abc import Mapping
from typing import Any, get_args

from msgspec import Meta

from callmark.kit.settings.variables import variable_of


def explain(text: str, values: Mapping[str, Any], hints: Mapping[str, Any]) -> str:
    """Msgspec's sentence (`… - at `$.port``) as one that names the variable, what it takes, and what it has."""
    what, _, path = text.partition(" - at `$.")
    if not path:
        return f"invalid setting: {what}"
    name = path.rstrip("`")
    return f"{variable_of(name)} is invalid: it must be {_takes(hints[name])}, not {values[name]!r}"


def _takes(hint: object) -> str:
    """What values a setting takes that is no free text; `hint` is its type with its bounds."""
    plain, *beside = get_args(hint)
    bounds = next(one for one in beside if isinstance(one, Meta))
    match plain:
        case builtins.int:
            return f"a whole number {_within(bounds)}"
        case builtins.float:
            return f"a number {_within(bounds)}"
        case builtins.bool:
            return "true or false"
        case kind if get_args(kind):
            return f"one of {', '.join(map(str, get_args(kind)))}"
        case _:
            return f"text that matches {bounds.pattern}"


def _within(bounds: Meta) -> str:
    return f"from {bounds.ge} to {bounds.le}" if bounds.gt is None else f"above {bounds.gt}, and at most {bounds.le}"
