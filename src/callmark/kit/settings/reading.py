"""Reads the settings of a process, once at its start, and hands them to its children."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from callmark.kit.errors import SetupError
from callmark.kit.settings import paths
from callmark.kit.settings.faults import explain
from callmark.kit.settings.model import Settings
from callmark.kit.settings.secret import Secret
from callmark.kit.settings.variables import OF_CLIENTS, PREFIX, variable_of

_SEE_SETTINGS = "Run `callmark settings` to see all settings, and give variables of your own another prefix."
_FROM_KUBERNETES = " If Kubernetes has set it for a Service of that name: set `enableServiceLinks: false` in the pod."
_NEVER_EMPTY = frozenset({"postgres_dsn", "nats_url", "secret_key"})
"""Unset, these mean an engine or a key of our own: who sets them to nothing meant another, and is refused."""
_AS_IT_IS = frozenset({"secret_key", "old_secret_key"})
"""All others are read without the blanks and line breaks around them; in a key these have always been a part of it."""
_READ_AGAIN = "postgres_dsn"
"""A process that is refused reads its file again, and a child begins with what the file has by then."""


def read_settings(
    environ: Mapping[str, str] | None = None, defaults: Mapping[str, object] | None = None, /, **overrides: object
) -> Settings:
    """The settings of `environ` (this process's by default) with `overrides` (command options; None means not given).

    `defaults` are those of a command that has its own.
    `X_FILE` gives the value of `X` from a file. Raises SetupError that names the variable and what is wrong with it.
    """
    given = _ours(os.environ if environ is None else environ)
    trimmed = {name: text if name in _AS_IT_IS else text.strip() for name, text in given.items()}
    return _made(trimmed, defaults or {}, overrides)


def read_handed_down(environ: Mapping[str, str]) -> Settings:
    """The settings of which `to_environ` made these variables: here a blank at the end of a path is a part of it."""
    return _made(_ours(environ), {}, {})


def _ours(environ: Mapping[str, str]) -> dict[str, Any]:
    """The variables that are for settings, by the names of these."""
    return {
        variable.removeprefix(PREFIX).lower(): text
        for variable, text in environ.items()
        if variable.startswith(PREFIX) and variable not in OF_CLIENTS
    }


def _made(values: dict[str, Any], defaults: Mapping[str, object], overrides: Mapping[str, object]) -> Settings:
    known = Settings.__struct_fields__
    _refuse_bytes({variable_of(name): text for name, text in values.items()})
    files = _read_files(values)
    for name, value in values.items():
        if name not in known:
            hint = _FROM_KUBERNETES if _is_of_kubernetes(name, value) else ""
            raise SetupError(f"unknown setting {variable_of(name)}. {_SEE_SETTINGS}{hint}")
    values = {name: value for name, value in values.items() if value.strip() or not _is_unset_when_empty(name)}
    if (file := files.get(_READ_AGAIN)) and paths.is_kept(file):
        values[_READ_AGAIN] = Secret(values[_READ_AGAIN], file)
    values = {**defaults, **values}
    values |= {
        name: str(value) if isinstance(value, Path) else value for name, value in overrides.items() if value is not None
    }
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as exc:
        is_linked = any(_is_of_kubernetes(name, str(values.get(name, ""))) for name in ("port", "admin_port"))
        hint = _FROM_KUBERNETES if is_linked else ""
        raise SetupError(explain(str(exc), values, get_type_hints(Settings, include_extras=True)) + hint) from exc
    _refuse_bytes(to_environ(settings))
    paths.refuse_endless(settings.data)
    return settings


def _refuse_bytes(texts: Mapping[str, str]) -> None:
    """Raises SetupError for what is no text: it cannot be handed down, printed or put into JSON."""
    for variable, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError:
            why = "it is not UTF-8, or the locale (LANG, LC_ALL) is one without UTF-8"
            raise SetupError(f"{variable} is invalid: {why}") from None


def _read_files(values: dict[str, Any]) -> dict[str, Path]:
    """Puts what `X_FILE` names in the place of `X`: which files they are, by the names of the settings."""
    files: dict[str, Path] = {}
    for name in Settings.__struct_fields__:
        if (path := values.pop(f"{name}_file", None)) is not None:
            if name in values:
                raise SetupError(f"{variable_of(name)} and {variable_of(name)}_FILE are both set; unset one of them")
            values[name] = paths.value_in(path, f"{name}_file")
            files[name] = Path(path).absolute()
    return files


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Whether a Service whose name begins with ours gives a pod this variable, such as `…_PORT=tcp://10.0.0.1:80`."""
    if name.endswith("port") and "://" in value:
        return True
    return name.endswith("service_host") or any(part in name for part in ("service_port", "_tcp", "_udp", "_sctp"))


def to_environ(settings: Settings) -> dict[str, str]:
    """The variables that make `read_handed_down` give the same settings in a child process."""
    values: dict[str, str] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if value is None or value == "":
            continue
        if name == _READ_AGAIN and value.file:
            values[f"{variable_of(name)}_FILE"] = str(value.file)
            continue
        text = value.reveal() if isinstance(value, Secret) else str(value)
        values[variable_of(name)] = text.lower() if isinstance(value, bool) else text
    return values


def _is_unset_when_empty(name: str) -> bool:
    """Whether the setting is a path or a secret that stays unset where its variable is empty (`X=${Y:-}`)."""
    return name not in _NEVER_EMPTY and not {Path, Secret}.isdisjoint(_types_of(get_type_hints(Settings)[name]))


def _types_of(hint: object) -> tuple[object, ...]:
    return get_args(hint) or (hint,)


def _decode(kind: type, value: object) -> object:
    if kind is Secret:
        return value if isinstance(value, Secret) else Secret(str(value))
    if kind is Path:
        return paths.read_path(str(value))
    raise TypeError(f"no setting is read as {kind.__name__}: a field of a new kind needs its line here")
