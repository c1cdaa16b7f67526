"""The addresses of a host name, as the system finds them."""

import asyncio
import ctypes
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from threading import BoundedSemaphore, Thread
from typing import Any, Protocol

FoundAddress = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
"""What `getaddrinfo` gives of one address."""

MOST_LOOK_UPS = 1000
"""At once: each webhook that a worker attends to may have a name that is being looked up."""


class NamesBusy(OSError):
    """Too many names are being looked up; this one was not."""

    def __init__(self) -> None:
        super().__init__("too many names are being looked up at this moment")


class NameResolver(Protocol):
    """How a connection finds the addresses of a host; tests give their own."""

    async def resolve(self, host: str, port: int) -> Sequence[FoundAddress]:
        """All addresses of `host`, as `getaddrinfo` gives them. Raises OSError when it has none."""
        ...


def _system_addresses(host: str, port: int) -> Sequence[FoundAddress]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class SystemResolver:
    """The system's look-up of names, each on a thread of its own, because `getaddrinfo` blocks.

    A name whose servers are silent holds its thread for as long as libc asks them, 20 seconds and more, and nothing can
    end it sooner. So none waits for another one's thread: beyond `most` a name is refused at once. With `is_brief`,
    libc asks each server once and for a second.
    """

    def __init__(
        self,
        *,
        is_brief: bool = False,
        most: int = MOST_LOOK_UPS,
        look_up: Callable[[str, int], Sequence[FoundAddress]] = _system_addresses,
    ) -> None:
        self._is_brief = is_brief
        self._places = BoundedSemaphore(most)
        self._look_up = look_up

    async def resolve(self, host: str, port: int) -> Sequence[FoundAddress]:
        """As `NameResolver`. Raises NamesBusy when too many names are being looked up."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[FoundAddress]] = loop.create_future()
        if not self._places.acquire(blocking=False):
            raise NamesBusy
        try:
            Thread(target=self._work, args=(host, port, loop, found), name="look-up", daemon=True).start()
        except RuntimeError as exc:  # this machine allows no more threads
            self._places.release()
            raise NamesBusy from exc
        return await found

    def _work(
        self, host: str, port: int, loop: asyncio.AbstractEventLoop, found: asyncio.Future[Sequence[FoundAddress]]
    ) -> None:
        try:
            if self._is_brief:
                _ask_once()
            addresses = self._look_up(host, port)
        except Exception as exc:  # noqa: BLE001 - it is raised where the look-up was asked for
            settle = partial(found.set_exception, exc)
        else:
            settle = partial(found.set_result, addresses)
        finally:
            self._places.release()
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_settle, found, settle)


def _settle(found: asyncio.Future[Any], settle: Callable[[], None]) -> None:
    if not found.done():
        settle()


SHARED = SystemResolver()
"""For connections that are opened for one call: all of them together take no more threads than one of them may."""


class _ResolverState(ctypes.Structure):
    """The beginning of `struct __res_state`, from libc's <resolv.h>."""

    _fields_ = (("retrans", ctypes.c_int), ("retry", ctypes.c_int))


def _ask_once() -> None:
    """Makes look-ups of this thread ask each name server once, for a second; with another libc than glibc, nothing.

    As `options timeout:1 attempts:1` in resolv.conf would for the whole machine.
    """
    if resolver := _resolver():
        begin, state = resolver
        if begin() == 0:
            state().contents.retrans = state().contents.retry = 1


@cache
def _resolver() -> tuple[Callable[[], int], Callable[[], Any]] | None:
    """What sets up a thread's resolver by resolv.conf, and what gives its state."""
    libc = ctypes.CDLL(None)
    try:
        begin, state = libc["__res_init"], libc["__res_state"]
    except AttributeError:
        return None
    state.restype = ctypes.POINTER(_ResolverState)
    return begin, state
