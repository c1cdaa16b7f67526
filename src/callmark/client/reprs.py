"""What objects show of themselves: tracebacks with their variables are sent on, by error trackers and by tests.

One rule: a repr shows no secret, nor anything that may hold one, and of a person's number the last digits. Sentry walks
into containers and asks no repr, unless their class has `__sentry_repr__`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

UNSEEN = frozenset(
    {"api_key", "body", "headers", "query", "raw", "secret", "submitted", "token", "url", "value", "values"}
)  # fmt: skip
"""Fields that are secrets (a URL is a link that needs no token, or a receiver's with its own), or may hold any."""
NUMBERS = frozenset({"alternate_number", "client_number", "receiver", "receiver_number"})
"""Fields with a person's number; those of businesses are shown."""
_DIGITS_SHOWN = 4
_HIDDEN = "…"


class SecretText(str):
    """A text that works as any other, and does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(_HIDDEN)

    __sentry_repr__ = __repr__


class SecretBytes(bytes):
    """Bytes that do not show themselves: a body, a key."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __sentry_repr__ = __repr__


class SecretDict(dict[str, Any]):
    """What was sent, or came: nobody knows which of its values may be seen."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} values>"

    __sentry_repr__ = __repr__


class SecretList(list[Any]):
    """What users handed over."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} items>"

    __sentry_repr__ = __repr__


class SafeRepr:
    """Mixed into data whose repr keeps to the rule, for people and for rich."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in self._shown())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, _AsIs(text)) for name, text in self._shown()]

    def _shown(self) -> Iterator[tuple[str, str]]:
        """Its fields, and what is shown of each."""
        names: Iterable[str] = getattr(self, "__struct_fields__", None) or getattr(self, "__dataclass_fields__", ())
        for name in names:
            yield name, _seen(name, getattr(self, name))


class _AsIs:
    """Is shown as the text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def without_frames(error: BaseException, handled: BaseException | None) -> BaseException:
    """The error, and what it came from, without the variables of those who raised it: they are not ours to hide.

    `handled` is what the program was handling when it called us, by `sys.exception`: in Python's view the error came
    from this, too, but it is the program's.
    """
    each: BaseException | None = error
    while each is not None and each is not handled:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


def _seen(name: str, value: object) -> str:
    """What a repr shows of a field."""
    match value:
        case None | "":
            return repr(value)
        case _ if name in UNSEEN:
            return repr(_HIDDEN)
        case _ if name in NUMBERS:
            return repr(_HIDDEN + str(value)[-_DIGITS_SHOWN:])
        case _:
            return repr(value)
