"""How `callmark login` keeps a profile: one table of the file changes, and all else that people wrote stays."""

import json
import os
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import structs

from callmark.client.errors import CallmarkError
from callmark.client.profiles import REMEDY, Profile, followed, read_profiles, write_private


def write_profile(path: Path, name: str, profile: Profile) -> None:
    """Adds or replaces a profile; the file gets mode 0600 and is replaced whole or not at all. Raises CallmarkError.

    Of several at once each is kept: one waits for the other.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path):
            read_profiles(path)
            text = path.read_bytes().decode() if path.exists() else ""
            write_private(path, with_profile(text, name, structs.asdict(profile)).encode())
    except OSError as exc:
        raise CallmarkError(f"cannot write {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise CallmarkError(f"cannot keep the profile in {path}: {exc}. {REMEDY}") from None


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Keeps others out; nobody, where the system or the file system has no locks."""
    file = followed(path)
    opened = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(opened, "rb") as lock:
        with suppress(ModuleNotFoundError, OSError):
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def with_profile(text: str, name: str, values: Mapping[str, str]) -> str:
    """A TOML text in which the profile has these values; comments, other keys and other tables stay.

    Raises ValueError for a text that has the profile in another form than a table of its own.
    """
    wanted: dict[str, Any] = tomllib.loads(text)
    profiles = wanted.setdefault("profiles", {})
    profiles[name] = profiles.get(name, {}) | values
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n") if text.strip() else []
    begin = next((at for at, line in enumerate(lines) if _header(line) == {"profiles": {name: {}}}), None)
    if begin is None:
        lines += [*([""] if lines else []), f"[profiles.{_quoted(name)}]"]
        begin = len(lines) - 1
    end = next((at for at in range(begin + 1, len(lines)) if _header(lines[at]) is not None), len(lines))
    lines[begin + 1 : end] = _changed(lines[begin + 1 : end], values)
    changed = ending.join(lines) + ending
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(changed) == wanted:
            return changed
    raise ValueError(f"it does not have {name!r} as a table [profiles.{_quoted(name)}] of its own")


def _changed(lines: list[str], values: Mapping[str, str]) -> list[str]:
    """The lines of a table with these values; what is behind one stays too."""
    places = {key: at for at, line in enumerate(lines) for key in _read(line) or ()}
    new = [f"{key} = {_quoted(value)}" for key, value in values.items() if key not in places]
    changed = list(lines)
    for key, value in values.items():
        if key in places and _read(lines[places[key]]) != {key: value}:
            changed[places[key]] = f"{key} = {_quoted(value)}{_comment(lines[places[key]])}"
    return new + changed


def _comment(line: str) -> str:
    """The comment at the end of a line, with the blanks before it."""
    for at in (at for at, sign in enumerate(line) if sign == "#"):
        if _read(line[:at]):  # not inside of a text
            return line[len(line[:at].rstrip()) :]
    return ""


def _header(line: str) -> dict[str, Any] | None:
    return _read(line) if line.lstrip().startswith("[") else None


def _read(line: str) -> dict[str, Any] | None:
    """What a line says that can be read alone."""
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None


def _quoted(text: str) -> str:
    """A TOML string: as JSON writes it, with the one character that only TOML escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
