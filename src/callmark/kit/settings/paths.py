"""Settings that are paths, and those that a file holds."""

from errno import ELOOP, ENAMETOOLONG
from pathlib import Path

from callmark.kit.errors import SetupError
from callmark.kit.settings.variables import variable_of

_AS_BEFORE = frozenset({"secret_key_file", "old_secret_key_file"})
"""Some editors begin a text with a mark of its encoding. In these it has always been a part of the key."""


def read_path(text: str) -> Path:
    """The path as a shell reads it. Raises SetupError for the home of a user that does not exist."""
    try:
        return Path(text).expanduser()
    except RuntimeError as exc:
        raise SetupError(f"{text} cannot be used: {Path(text).parts[0]} is nobody's home directory") from exc


def refuse_endless(data: Path) -> None:
    """Raises SetupError where no data directory can ever be: links that lead to each other, or too long a name."""
    try:
        data.stat()
    except OSError as exc:  # others may pass: a directory that is to be made, or to be opened to us
        if exc.errno in (ELOOP, ENAMETOOLONG):
            raise SetupError(
                f"the data directory {data} cannot be used: {exc.strerror}; name another with --data (CALLMARK_DATA)"
            ) from exc


def text_in(file: Path, encoding: str = "utf-8-sig") -> str:
    """The text of a file without blanks at its ends. Raises OSError and UnicodeDecodeError."""
    return file.read_text(encoding).strip()


def is_kept(file: Path) -> bool:
    """Whether what is read from it may be read there again, by a child too: not from a pipe of this process."""
    return file.is_file() and not file.is_relative_to("/dev/fd") and not file.is_relative_to("/proc")


def value_in(path: str, name: str) -> str:
    """The value of a setting that the file holds. Raises SetupError that names the setting, when it cannot be read."""
    if not path.strip():
        raise SetupError(f"{variable_of(name)} is empty; set it to the path of a file, or unset it")
    try:
        return text_in(Path(path), "utf-8" if name in _AS_BEFORE else "utf-8-sig")
    except OSError as exc:
        raise SetupError(f"{variable_of(name)}: cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SetupError(f"{variable_of(name)}: cannot read {path}: it is not text in UTF-8") from exc
