"""A value that must not be shown."""

from pathlib import Path


class Secret:
    """A value that never prints: it shows as `set` or `unset`."""

    __slots__ = ("_value", "file")

    def __init__(self, value: str, file: Path | None = None) -> None:
        self._value = value
        self.file = file
        """Where it was read, if it may be read there again."""

    def reveal(self) -> str:
        """The value itself, for the one place that uses it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "set" if self._value else "unset"

    __str__ = __repr__
