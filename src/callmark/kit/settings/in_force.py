"""Every setting with its sentence, what it is here, and where that comes from: for the docs and `callmark settings`."""

import os
from collections.abc import Mapping
from typing import Literal, get_type_hints

import msgspec
from msgspec import Meta

from callmark.kit.settings.model import Settings
from callmark.kit.settings.reading import read_settings
from callmark.kit.settings.retention import RetentionSettings
from callmark.kit.settings.secret import Secret
from callmark.kit.settings.variables import PREFIX, variable_of

UNSET = "unset"


class SettingInForce(msgspec.Struct, frozen=True):
    """A setting as processes that start here have it; a secret's value is `set` or `unset`."""

    variable: str
    value: str
    source: Literal["default", "environment", "file", "option"]
    file: str | None
    """The path in `X_FILE`, where the value is read from one."""
    default: str
    description: str


def describe() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, sentence)."""
    rows: list[tuple[str, str, str]] = []
    last = frozenset(RetentionSettings.__struct_fields__)
    for field in sorted(msgspec.structs.fields(Settings), key=lambda one: one.name in last):
        hints = get_type_hints(Settings, include_extras=True)[field.name]
        description = next(m.description for m in hints.__metadata__ if isinstance(m, Meta) and m.description)
        default = "" if field.default in (None, "", msgspec.NODEFAULT) else str(field.default)
        rows.append((variable_of(field.name), default, description))
    return rows


def settings_in_force(environ: Mapping[str, str] | None = None, /, **overrides: object) -> list[SettingInForce]:
    """Every setting of `environ` (this process's by default) with `overrides` (command options; None: not given).

    Raises SetupError as `read_settings` does.
    """
    source = os.environ if environ is None else environ
    settings = read_settings(source, None, **overrides)
    found: list[SettingInForce] = []
    for variable, default, description in describe():
        name = variable.removeprefix(PREFIX).lower()
        value = getattr(settings, name)
        if overrides.get(name) is not None:
            found.append(SettingInForce(variable, _shown(value), "option", None, default, description))
            continue
        file = source.get(f"{variable}_FILE")
        origin = "file" if file is not None else "environment" if source.get(variable) else "default"
        found.append(SettingInForce(variable, _shown(value), origin, file, default, description))
    return found


def _shown(value: object) -> str:
    if value is None or value == "":
        return UNSET
    if isinstance(value, Secret):
        return str(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
