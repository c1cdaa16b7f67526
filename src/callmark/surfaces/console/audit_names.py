"""What the audit log notes, in the words of the other pages."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from callmark.domain.numbers.proofs.model import CodeChannel
from callmark.surfaces.console import display_names

_THINGS = {
    "callback": "Call Me Back request",
    "callback_config": "Call Me Back configuration",
    "key": "API key",
}
"""Things whose name in the log is not the one of their pages."""
_LABELS = {
    "alert_kinds": "alerts",
    "call_me_back": "Call Me Back",
    "event_type": "event",
    "event_types": "events",
    "honours_retry_after": "honour Retry-After",
    "is_address_new": "new URL",
    "os": "system",
    "stops_on_gone": "stop on 410",
    "survey": "User Feedback",
}
_VALUES: Mapping[str, Mapping[Any, str]] = {
    "alert_kinds": display_names.ALERT_KINDS,
    "channel": {CodeChannel.CALL: "call", CodeChannel.SMS: "SMS"},
    "event_type": display_names.EVENT_TYPES,
    "event_types": display_names.EVENT_TYPES,
    "features": display_names.ACCESS,
    "kind": display_names.NODES,
    "limits": display_names.LIMITS,
    "os": display_names.SYSTEMS,
    "outcome": display_names.OUTCOMES,
    "role": display_names.ROLES,
    "state": {**display_names.MEMBER_STATES, **display_names.DELIVERY_STATES},
    "type": {**display_names.CAMPAIGN_TYPES, **display_names.LABEL_TYPES},
    "way": display_names.PROOF_WAYS,
}
"""Facts whose values have names on other pages; of `state` and `type`, those of two things."""


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
    names = _VALUES.get(name, {})
    if isinstance(value, dict):
        by_name = cast("Mapping[str, object]", value)
        return ", ".join(f"{names.get(one, one)} {said}" for one, said in by_name.items())
    many = cast("Iterable[object]", value) if isinstance(value, list | tuple) else [value]
    return ", ".join(names.get(one, str(one)) for one in many)
