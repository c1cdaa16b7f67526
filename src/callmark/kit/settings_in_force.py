"""What each setting is here, and where that comes from: for `callmark settings`."""

import os
from collections.abc import Mapping
from typing import Literal

import msgspec

from callmark.kit.setting_rules import PREFIX
from callmark.kit.settings import Secret, describe, read_settings

UNSET = "unset"


class SettingInForce(msgspec.Struct, frozen=True):
    """A setting as processes that start here have it; a secret's value is `set` or `unset`."""

    variable: str
    value: str
    source: Literal["default", "environment", "file"]
    file: str | None
    """The path in `X_FILE`, where the value is read from one."""
    default: str
    description: str


def settings_in_force(environ: Mapping[str, str] | None = None) -> list[SettingInForce]:
    """Every setting of `environ` (this process's by default). Raises SetupError as `read_settings` does."""
    source = os.environ if environ is None else environ
    settings = read_settings(source)
    found: list[SettingInForce] = []
    for variable, default, description in describe():
        value = getattr(settings, variable.removeprefix(PREFIX).lower())
        file = source.get(f"{variable}_FILE")
        origin = "file" if file is not None else "environment" if variable in source else "default"
        found.append(SettingInForce(variable, _shown(value), origin, file, default, description))
    return found


def _shown(value: object) -> str:
    if value is None or value == "":
        return UNSET
    if isinstance(value, Secret):
        return str(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
