"""JSON whose shape nobody promises: read leniently, with a type."""

from typing import Any, cast

from callmark.client.records import Json


def as_object(value: object) -> Json:
    """An object; an empty one for anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any] | None:
    """An array; None for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def status_of(shown: Json) -> Json:
    """The part that tells the status; early snapshots of the wire spell it otherwise or have it at the top (5.2)."""
    inner = as_object(shown.get("status_info", shown.get("statusInfo")))
    return inner or shown
