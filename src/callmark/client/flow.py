"""Operations without I/O: each is a generator that yields what it needs, and is sent the result.

    operation (one for both clients) --yields--> Send | Pause | Take | Save | Apart | Emit --> a shell (sync or async)
                                     <--sends--  Answer | None | rows

So every rule (retries, tokens, pages, batches) is written once, and tests play the server and the clock.
"""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import IO, Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from callmark.client.reprs import SafeRepr, SecretList

T = TypeVar("T")
E = TypeVar("E")


class Request(SafeRepr, Struct, frozen=True):
    """One HTTP request, whole: a retry sends the same bytes again. Its repr is method and path."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def _shown(self) -> Iterator[tuple[str, str]]:
        """Method and path: in the query may be a number."""
        yield "method", self.method
        yield "path", urlsplit(self.url).path


class Answer(SafeRepr, Struct, frozen=True):
    """One whole HTTP answer. `headers` finds names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Send(Struct, frozen=True):
    """Sends the request and gives the Answer, or raises APIConnectionError inside the operation."""

    request: Request


class Pause(Struct, frozen=True):
    """Waits that many seconds."""

    seconds: float


class Take(SafeRepr, Struct, frozen=True):
    """Gives a list of the next items of what the user handed over, at most `count`; empty at its end."""

    source: Iterator[Any] | AsyncIterator[Any]
    count: int

    def _shown(self) -> Iterator[tuple[str, str]]:
        """How many: what the source shows of itself is its own."""
        yield "count", str(self.count)


class Save(SafeRepr, Struct, frozen=True):
    """Writes what the URL answers into the file, from its beginning; gives the Answer, whose body is only an error's.

    Nothing of the client goes along: the link is all that it needs, and may lead to another host.
    """

    url: str
    file: IO[bytes]


class Apart(Struct, frozen=True):
    """Runs an operation to its end, also if who waits for it is cancelled meanwhile; gives its result."""

    flow: "Generator[Any, Any, Any]"


class Emit(Struct, Generic[T], frozen=True):
    """Hands one item to the user."""

    item: T


Effect: TypeAlias = Send | Pause | Take | Save | Apart
Flow: TypeAlias = Generator[Effect, Any, T]
"""An operation with one result."""
Stream: TypeAlias = Generator[Effect | Emit[T], Any, None]
"""An operation that hands over items while it runs."""


class Failure(Struct, frozen=True):
    """What a shell met in place of a result. The operation decides whether and when to raise it."""

    error: Exception


def resume(flow: Generator[E, Any, Any], outcome: object) -> E:
    """Hands an operation the result, or raises the Failure inside it; what it needs next. StopIteration at its end."""
    return flow.throw(outcome.error) if isinstance(outcome, Failure) else flow.send(outcome)


def send(request: Request) -> Flow[Answer]:
    """`yield Send(…)` with a type."""
    answer: Answer = yield Send(request)
    return answer


def apart(flow: Flow[T]) -> Flow[T]:
    """`yield Apart(…)` with a type."""
    result: T = yield Apart(flow)
    return result


def take(source: Iterator[Any] | AsyncIterator[Any], count: int) -> Flow[list[Any]]:
    """`yield Take(…)` with a type."""
    items: list[Any] = yield Take(source, count)
    return SecretList(items)


def save(url: str, file: IO[bytes]) -> Flow[Answer]:
    """`yield Save(…)` with a type."""
    answer: Answer = yield Save(url, file)
    return answer
