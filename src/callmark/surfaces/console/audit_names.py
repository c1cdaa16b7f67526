"""What the audit log notes, in the words of the other pages."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from callmark.surfaces.console import display_names

_THINGS = {
    "callback": "Call Me Back request",
    "callback_config": "Call Me Back configuration",
    "key": "API key",
}
"""Things whose name in the log is not the one of their pages."""
_LABELS = {
    "event_types": "events",
    "honours_retry_after": "honour Retry-After",
    "is_address_new": "new URL",
    "stops_on_gone": "stop on 410",
}
_VALUES: Mapping[str, Mapping[Any, str]] = {
    "event_types": display_names.EVENT_TYPES,
    "features": display_names.FEATURES,
    "role": display_names.ROLES,
}


def changed(action: str) -> str:
    """An action: `callback_config.changed` is `Call Me Back configuration changed`."""
    thing, _, done = action.partition(".")
    return f"{_THINGS[thing]} {done.replace('_', ' ')}" if thing in _THINGS else display_names.changed(action)


def details(noted: Mapping[str, object]) -> str:
    """The facts of an entry that say something: `events: Call Me Back; stop on 410: no`."""
    told = ((name, _value(name, value)) for name, value in noted.items())
    return "; ".join(f"{_label(name)}: {value}" for name, value in told if value)


def _label(name: str) -> str:
    return _LABELS.get(name) or name.removeprefix("is_").replace("_", " ")


def _value(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    many = cast("Iterable[object]", value) if isinstance(value, list | tuple | dict) else [value]
    return ", ".join(_VALUES.get(name, {}).get(one, str(one)) for one in many)
